"""Online rebuild of a read model from the events. The ledger can be written meanwhile.

A shadow table is filled in chunks, from the first event on. When it has caught up with the writers,
one commit adds the last events and swaps the tables. Writers wait for that commit. Readers see no
change before it, so a rebuild may be killed at any time and run again.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from eventsourcing.persistence import Notification

from application.ledger.ledger import Ledger
from application.persistence.maintenance import Differences, StillHeld
from application.persistence.schema import mark_as_current, outdated
from application.persistence.unit_of_work import UnitOfWork
from application.projections import PROJECTIONS
from application.projections.projection import Projection
from application.tables.table import Table, Write
from domain.events import MOVEMENT_TOPICS

EVENTS_PER_CHUNK: Final = 5_000
"""Events read, and rows committed, at a time. Writers wait for at most one chunk."""

EVENTS_PER_LONG_CHUNK: Final = 20_000
"""Events read at a time if only the last movement of an item is decoded and projected."""

REBUILD: Final = "rebuild"
"""The name of the job."""

MAX_SAMPLES: Final = 10
"""Maximum number of differing rows to show."""

Progress = Callable[[int, int], None]
"""Progress callback: the position reached, and that of the ledger's last event."""


class Rebuilt(NamedTuple):
    """A projection that was rebuilt."""

    name: str
    position: int
    """The position of its last event."""
    differences: Differences
    """How the live table differed. Rows that were written in the last moments are left out."""


def rebuild(ledger: Ledger, projection: Projection, progress: Progress) -> Rebuilt:
    """Replaces the projection's live table by one that is built from the events alone.

    Raises:
        AlreadyRunning: another rebuild of this ledger is running.
        StoreUnavailable: the database can't be reached. The live table is unchanged.
    """
    with ledger.recorder.exclusive(REBUILD) as still_held:
        return _Rebuild(ledger, projection, still_held).run(progress)


def drop_leftovers(ledger: Ledger) -> None:
    """Drops the tables of a killed rebuild. Raises AlreadyRunning, StoreUnavailable."""
    with ledger.recorder.exclusive(REBUILD), ledger.recorder.unit_of_work() as unit_of_work:
        for table in _leftovers():
            unit_of_work.drop_table(table)


def has_leftovers(ledger: Ledger) -> bool:
    """Whether there are tables of a killed or a running rebuild. Raises StoreUnavailable."""
    with ledger.recorder.unit_of_work() as unit_of_work:
        return any(unit_of_work.columns(table.name) for table in _leftovers())


def _leftovers() -> list[Table[Any]]:
    tables = [projection.table for projection in PROJECTIONS]
    return [other for table in tables for other in (table.shadow(), table.replaced())]


class _Rebuild:
    def __init__(self, ledger: Ledger, projection: Projection, still_held: StillHeld) -> None:
        self._ledger = ledger
        self._recorder = ledger.recorder
        self._projection = projection
        self._still_held = still_held
        self._live = projection.table
        self._shadow = projection.table.shadow()
        self._chunk = (
            EVENTS_PER_LONG_CHUNK if projection.needs_last_movements_only else EVENTS_PER_CHUNK
        )
        self._position = 0

    def run(self, progress: Progress) -> Rebuilt:
        is_comparable = self._projection not in outdated(self._recorder)
        self._start()
        self._fill(progress)
        differences = self._differences() if is_comparable else Differences(comparable=False)
        self._swap()
        progress(self._position, self._position)
        return Rebuilt(self._live.name, self._position, differences)

    def _start(self) -> None:
        """Starts with an empty shadow table. Creates the live table if somebody has dropped it."""
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.drop_table(self._shadow)
            unit_of_work.create_table(self._shadow)
            unit_of_work.create_table(self._live)

    def _fill(self, progress: Progress) -> None:
        """Projects chunks until the rest is small enough for writers to wait for it."""
        caught_up = False
        while not caught_up:
            head = self._recorder.head()
            found = self._recorder.select_events_after(
                self._position, self._chunk, self._projection.topics
            )
            writes = self._writes(found)
            with self._recorder.unit_of_work() as unit_of_work:
                unit_of_work.write(self._shadow, writes)
            if found:
                self._position = found[-1].id
            caught_up = len(found) < self._chunk
            if caught_up:  # Other events up to the head have other topics.
                self._position = max(self._position, head)
            progress(self._position, max(self._position, head))

    def _differences(self) -> Differences:
        return self._recorder.differences(
            self._live, self._shadow, upto=self._position, samples=MAX_SAMPLES
        )

    def _swap(self) -> None:
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.exclude_writers()
            while found := self._events_after(unit_of_work):
                unit_of_work.write(self._shadow, self._writes(found))
                self._position = found[-1].id
            old = unit_of_work.replace_table(self._live, self._shadow)
            mark_as_current(self._recorder, unit_of_work, self._projection)
            # From here on, no other process can touch the shadow table. Before, only the rebuild
            # lock protected it, so this process must still hold the lock.
            self._still_held()
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.drop_table(old)

    def _events_after(self, unit_of_work: UnitOfWork) -> Sequence[Notification]:
        return unit_of_work.events_after(self._position, self._chunk, self._projection.topics)

    def _writes(self, found: Sequence[Notification]) -> Sequence[Write]:
        needed = _without_superseded(found) if self._projection.needs_last_movements_only else found
        return self._projection.project([self._ledger.to_recorded(one) for one in needed])


def _without_superseded(found: Sequence[Notification]) -> list[Notification]:
    """Leaves out the movements that are followed by another event of their item."""
    last = {one.originator_id: one.id for one in found}
    return [
        one
        for one in found
        if one.id == last[one.originator_id] or one.topic not in MOVEMENT_TOPICS
    ]
