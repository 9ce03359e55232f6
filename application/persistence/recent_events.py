"""The events that this process recorded last. The sealer need not read them back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

MAX_RECENT_EVENTS: Final = 32_768
"""Limit of the events in memory: 19 MB. A server records fewer between two looks of the
sealer."""


class Appended(NamedTuple):
    """Events that a unit of work appended at once."""

    positions: Sequence[int]
    events: Sequence[StoredEvent]
    local_ids: Sequence[UUID | None]

    @property
    def is_whole(self) -> bool:
        """Whether there are events, and no position of another writer can lie between theirs."""
        positions = self.positions
        return bool(positions) and positions[-1] - positions[0] == len(positions) - 1


class RecentEvents:
    """Committed events, each run of positions by its first one; without the oldest runs beyond a
    limit. Keeps nothing until a sealer asks for it."""

    def __init__(self, limit: int = MAX_RECENT_EVENTS) -> None:
        self._limit = limit
        self._runs: dict[int, Appended] = {}
        self._size = 0
        self._is_wanted = False
        self._lock = Lock()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Context manager: keeps what is committed within the block."""
        self._is_wanted = True
        try:
            yield
        finally:
            self._is_wanted = False
            self.clear()

    def add(self, committed: Iterable[Appended]) -> None:
        """Adds events after their commit."""
        if not self._is_wanted:
            return
        with self._lock:
            for run in committed:
                if run.is_whole:
                    self._remove(run.positions[0])
                    self._runs[run.positions[0]] = run
                    self._size += len(run.positions)
            while self._size > self._limit:
                self._remove(next(iter(self._runs)))

    def take(self, after: int, upto: int) -> Appended | None:
        """Removes the events right after a position, and returns them. None of them is beyond
        `upto`. None if they are not known."""
        with self._lock:
            found = self._runs.get(after + 1)
            if found is None or found.positions[-1] > upto:
                return None
            self._remove(after + 1)
        return found

    def clear(self) -> None:
        """Removes all events."""
        with self._lock:
            self._runs.clear()
            self._size = 0

    def _remove(self, first: int) -> None:
        if first in self._runs:
            self._size -= len(self._runs.pop(first).positions)
