"""The server's clock, at the edge where time comes in."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

Clock = Callable[[], datetime]

MAX_STEP: Final = timedelta(hours=1)
"""By how much the clock may be set ahead while the server runs."""


class ClockStepped(Exception):
    """The clock was set ahead by so much that it is likely to be wrong. Nothing was recorded."""


def utc_now() -> datetime:
    """The time in UTC, to the millisecond: as fine as answers show it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def elapsed_seconds() -> float:
    """Of a clock that nobody sets, which also counts while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """The time in UTC, as long as it agrees with a clock that nobody sets.

    An event's time is kept for ever and never falls along an item. A minute in which the machine
    believes in a year to come would spoil every item that moves in it, so nothing is recorded until
    the clock is back. What was set back, or ahead by less than an hour, is followed. A server that
    starts by a wrong clock can't know.
    """

    def __init__(
        self, now: Clock = utc_now, elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._now = now
        self._elapsed = elapsed
        self._lock = Lock()
        self._ahead = self._offset(now())

    def __call__(self) -> datetime:
        """Raises ClockStepped."""
        now = self._now()
        with self._lock:
            offset = self._offset(now)
            step = offset - self._ahead
            if step > MAX_STEP:
                raise ClockStepped(
                    f"the server's clock was set ahead by {step}: set it right, or restart the "
                    "server if it is right now"
                )
            self._ahead = max(self._ahead, offset)
        return now

    def _offset(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self._elapsed(), UTC)
