"""Making a read model anew from the events, while the ledger goes on being written.

A shadow table is filled from the first event on, in chunks, beside the live one. When it has caught
up with the writers, the last events and the swap share one commit that writers wait for. Until that
commit nothing that readers see has changed: a rebuild may be killed at any time, and run again.
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
"""Events read, and rows committed, at a time. Writers wait for one chunk at the most."""

EVENTS_PER_LONG_CHUNK: Final = 20_000
"""As many are read where of an item's movements only the last one is decoded and projected."""

MAX_SAMPLES: Final = 10
"""How many of the rows that differ are shown."""

Progress = Callable[[int, int], None]
"""Told the position that is reached, and that of the ledger's last event."""


class Rebuilt(NamedTuple):
    """A projection that was rebuilt."""

    name: str
    position: int
    """The last event that it holds."""
    differences: Differences
    """How the live table differed, but for rows that were written in the last moments."""


def rebuild(ledger: Ledger, projection: Projection, progress: Progress) -> Rebuilt:
    """Replaces the projection's live table by one made from the events alone.

    Raises:
        RebuildRunning: another rebuild of this ledger is at work.
        StoreUnavailable: the database can't be reached. The live table is as it was.
    """
    with ledger.recorder.rebuild_lock() as still_held:
        return _Rebuild(ledger, projection, still_held).run(progress)


def drop_leftovers(ledger: Ledger) -> None:
    """Removes the tables that a killed rebuild left behind. Raises RebuildRunning,
    StoreUnavailable."""
    with ledger.recorder.rebuild_lock(), ledger.recorder.unit_of_work() as unit_of_work:
        for table in _leftovers():
            unit_of_work.drop_table(table)


def has_leftovers(ledger: Ledger) -> bool:
    """Whether there are such tables, or those of a rebuild at work."""
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
        """Begins from nothing, whatever a killed rebuild or a hand left behind."""
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.drop_table(self._shadow)
            unit_of_work.create_table(self._shadow)
            unit_of_work.create_table(self._live)

    def _fill(self, progress: Progress) -> None:
        """Projects until what is left is so little that writers can wait for it."""
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
            if caught_up:  # What else there is up to the head is about other things.
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
            # From here on, nobody else can touch the shadow; until here, only without this lock.
            self._still_held()
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.drop_table(old)

    def _events_after(self, unit_of_work: UnitOfWork) -> Sequence[Notification]:
        return unit_of_work.events_after(self._position, self._chunk, self._projection.topics)

    def _writes(self, found: Sequence[Notification]) -> Sequence[Write]:
        needed = _without_overtaken(found) if self._projection.needs_last_movements_only else found
        return self._projection.project([self._ledger.to_recorded(one) for one in needed])


def _without_overtaken(found: Sequence[Notification]) -> list[Notification]:
    """Leaves out the movements on which another event of their item follows."""
    last = {one.originator_id: one.id for one in found}
    return [
        one
        for one in found
        if one.id == last[one.originator_id] or one.topic not in MOVEMENT_TOPICS
    ]
