"""The server's clock, checked for large steps forward."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

Clock = Callable[[], datetime]

MAX_STEP: Final = timedelta(hours=1)
"""Largest step forward of the clock that is accepted while the server runs."""


class ClockStepped(Exception):
    """The clock was set ahead by more than MAX_STEP: it is probably wrong. Nothing was recorded."""


def utc_now() -> datetime:
    """Returns the time in UTC, to the millisecond: the precision of answers."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def elapsed_seconds() -> float:
    """Returns the seconds of a monotonic clock that also counts while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """A clock in UTC that is checked against a monotonic clock.

    An event's timestamp is kept for ever, and an item's timestamps never decrease. One minute with
    a clock that is a year ahead would spoil every item that moves in it. So nothing is recorded
    until the clock is set back. A step back, or ahead by up to MAX_STEP, is accepted. A clock that
    is wrong at the start of the server can't be detected.
    """

    def __init__(
        self, now: Clock = utc_now, elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._now = now
        self._elapsed = elapsed
        self._lock = Lock()
        self._ahead = self._offset(now())

    def __call__(self) -> datetime:
        """Returns the time in UTC. Raises ClockStepped: the clock was set ahead too far."""
        now = self._now()
        with self._lock:
            offset = self._offset(now)
            step = offset - self._ahead
            if step > MAX_STEP:
                raise ClockStepped(
                    f"the server's clock was set ahead by {step}: correct it, or restart the "
                    "server if it is correct now"
                )
            self._ahead = max(self._ahead, offset)
        return now

    def _offset(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self._elapsed(), UTC)
