"""Making a read model anew from the events, while the ledger goes on being written.

A shadow table is filled from the first event on, in chunks, beside the live one. When it has caught
up with the writers, the last events and the swap share one commit that writers wait for. Until that
commit nothing that readers see has changed: a rebuild may be killed at any time, and run again.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from eventsourcing.persistence import Notification

from application.ledger import Ledger
from application.persistence.port import Differences, LedgerTransaction, StillHeld
from application.projections.table import Projection, Recorded
from domain.events import StockItemEvent

CHUNK: Final = 5_000
"""Events read, and rows committed, at a time. Writers wait for one chunk at the most."""

SAMPLES: Final = 10
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


class _Rebuild:
    def __init__(self, ledger: Ledger, projection: Projection, still_held: StillHeld) -> None:
        self._ledger = ledger
        self._recorder = ledger.recorder
        self._projection = projection
        self._still_held = still_held
        self._live = projection.table
        self._shadow = projection.table.shadow()
        self._position = 0

    def run(self, progress: Progress) -> Rebuilt:
        self._start()
        self._fill(progress)
        differences = self._recorder.differences(
            self._live, self._shadow, upto=self._position, samples=SAMPLES
        )
        self._swap()
        progress(self._position, self._position)
        return Rebuilt(self._live.name, self._position, differences)

    def _start(self) -> None:
        """Begins from nothing, whatever a killed rebuild or a hand left behind."""
        with self._recorder.transaction() as transaction:
            transaction.drop_table(self._shadow)
            transaction.create_table(self._shadow)
            transaction.create_table(self._live)

    def _fill(self, progress: Progress) -> None:
        """Projects until what is left is so little that writers can wait for it."""
        caught_up = False
        while not caught_up:
            head = self._recorder.head()
            recorded = self._recorded(
                self._recorder.select_events_after(self._position, CHUNK, self._projection.topics)
            )
            with self._recorder.transaction() as transaction:
                self._project(transaction, recorded)
            caught_up = len(recorded) < CHUNK
            if caught_up:  # What else there is up to the head is about other things.
                self._position = max(self._position, head)
            progress(self._position, max(self._position, head))

    def _swap(self) -> None:
        with self._recorder.transaction() as transaction:
            transaction.exclude_writers()
            while recorded := self._recorded(self._events_after(transaction)):
                self._project(transaction, recorded)
            old = transaction.replace_table(self._live, self._shadow)
            # From here on, nobody else can touch the shadow; until here, only without this lock.
            self._still_held()
        with self._recorder.transaction() as transaction:
            transaction.drop_table(old)

    def _events_after(self, transaction: LedgerTransaction) -> Sequence[Notification]:
        return transaction.events_after(self._position, CHUNK, self._projection.topics)

    def _recorded(
        self, notifications: Sequence[Notification]
    ) -> Sequence[Recorded[StockItemEvent]]:
        return [self._ledger.to_recorded(notification) for notification in notifications]

    def _project(
        self, transaction: LedgerTransaction, recorded: Sequence[Recorded[StockItemEvent]]
    ) -> None:
        if recorded:
            transaction.write(self._shadow, self._projection.project(recorded))
            self._position = recorded[-1].position
