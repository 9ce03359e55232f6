"""What the application asks of a database. Adapters differ in SQL alone."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent

from application.access.tables import ApiKey, AuditEntry
from application.persistence.filters import AuditFilter, ItemFilter, MovementFilter, RejectedFilter
from application.persistence.properties import Property
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.projections.table import Table, Write
from application.rejected.table import RejectedTransaction
from domain.actor import Actor


class UnsupportedDatabase(ValueError):
    """The database URL names no database that the ledger can be kept in."""


class StoreUnavailable(Exception):
    """The database can't be reached, or stayed locked for too long.

    Nothing was recorded; or all was, where the connection was lost amid the commit. Doing the same
    again is safe.
    """


class NotAllowed(StoreUnavailable):
    """The database's role may not do this, or the database can only be read."""


class SchemaChanged(StoreUnavailable):
    """A newer version of stockledger has changed the tables since this process opened them."""


class ReadCancelled(Exception):
    """The read took too long, or nobody waited for it any more."""


class RebuildRunning(Exception):
    """Another rebuild of this ledger is at work."""


class LostRace(Exception):
    """Another writer took a version or a `local_id` first. Nothing was recorded."""

    def __init__(self, item_ids: set[UUID]) -> None:
        super().__init__(f"lost the race for {len(item_ids)} items")
        self.item_ids = item_ids


def lost_race(contended: set[UUID], refused: Exception) -> LostRace | StoreUnavailable:
    """What it means that the database refused what these items' events write: where no other writer
    took anything, something is wrong that trying again would not mend, such as a row in a read
    model that should not be there."""
    return LostRace(contended) if contended else StoreUnavailable(f"refused: {refused}")


class LevelState(NamedTuple):
    """What a row of the stock list says of an item's state."""

    name: str
    unit: str
    safety_stock: int
    on_hand: int
    version: int
    active: bool


class Latest(NamedTuple):
    """The last event of an item, and what its row in the stock list says, if there is a row."""

    event: StoredEvent
    level: LevelState | None


class LedgerTransaction(Protocol):
    """A unit of work: all of it is committed, or nothing.

    A method may leave its statement to be sent with a later one: what the database says against it
    is raised by then, at the latest by the commit. What returns an Iterable may be asked for before
    what was asked earlier is read: the answers come in one trip.
    """

    def lock(self, item_ids: Sequence[UUID]) -> None:
        """Waits until no other unit of work is at these items, and keeps the others waiting until
        this one has ended. Comes before anything that is read of the items."""
        ...

    def exclude_writers(self) -> None:
        """Returns when no other unit of work is at any item, and keeps the others waiting until
        this one has ended."""
        ...

    def recorded(self, local_ids: Sequence[UUID]) -> Iterable[Notification]:
        """Those events that took one of these `local_id`s, in one query."""
        ...

    def rejected_among(self, local_ids: Sequence[UUID]) -> Iterable[UUID]:
        """Those of these `local_id`s under which something was rejected, in one query."""
        ...

    def latest(self, item_ids: Sequence[UUID]) -> Iterable[Latest]:
        """How the last commit left those of these items that exist, in one query."""
        ...

    def events_of(self, item_id: UUID) -> Sequence[StoredEvent]:
        """All events of an item, in order."""
        ...

    def events_before(self, item_id: UUID, version: int, limit: int) -> Sequence[StoredEvent]:
        """So many of the item's events before that version, the latest first."""
        ...

    def events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        """So many of the events behind a position, in order; where topics are named, of these.
        Comes after `exclude_writers`."""
        ...

    def last_event(self) -> StoredEvent | None:
        """The one with the highest position so far."""
        ...

    def append(
        self, events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
    ) -> Sequence[int]:
        """Stores the events, in order, each with the `local_id` that it takes, if it takes one;
        returns their positions. Raises LostRace, here or at the end of the unit of work."""
        ...

    def restore(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        """Stores events of another ledger, behind all that are here, at the positions that they
        have there. Comes after `exclude_writers`."""
        ...

    def write(self, table: Table, writes: Sequence[Write]) -> None:
        """Brings a table up to date."""
        ...

    def rejected(self, name: UUID) -> Sequence[RejectedTransaction]:
        """What was rejected under this `local_id`, or has this id of its own. Nobody else changes
        it until this unit of work has ended."""
        ...

    def open_rejections(self, actor: Actor, at_most: int) -> int:
        """How many rejected transactions of this sender are open; counted up to that number."""
        ...

    def rejections_among(self, rejection_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these that are kept."""
        ...

    def open_malformed(self, local_ids: Sequence[UUID]) -> Sequence[RejectedTransaction]:
        """The open ones under these `local_id`s that could not be understood. Nobody else changes
        them until this unit of work has ended."""
        ...

    def delete(self, table: Table, keys: Sequence[Any]) -> None:
        """Removes these rows."""
        ...

    def delete_before(self, table: Table, column: str, instant: datetime) -> None:
        """Removes the rows that have an earlier instant in that column."""
        ...

    def rows(self, table: Table) -> Sequence[tuple[Any, ...]]:
        """All rows of a small table."""
        ...

    def lock_schema(self) -> None:
        """Waits until no other unit of work is at the tables themselves, and keeps the others
        waiting until this one has ended."""
        ...

    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table with their types, in the words of the database; none where there
        is no such table."""
        ...

    def run(self, statement: str) -> None:
        """A statement of a schema's step."""
        ...

    def create_table(self, table: Table) -> None:
        """Makes the table, empty, where it is not there."""
        ...

    def drop_table(self, table: Table) -> None:
        """Removes the table where it is there."""
        ...

    def replace_table(self, live: Table, shadow: Table) -> Table:
        """Puts the shadow in the live table's place; returns where the old one is now."""
        ...


@dataclass(kw_only=True)
class Differences:
    """How a rebuilt table differs from the live one."""

    comparable: bool = True
    """False where the live one had another shape; then nothing else is told."""
    missing: int = 0
    """Rows that the live table lacks."""
    surplus: int = 0
    """Rows that only the live table has."""
    changed: int = 0
    samples: list[tuple[Any, str, Any, Any]] = field(default_factory=list)
    """Some of the changed values: key, column, live, rebuilt."""

    @property
    def total(self) -> int:
        return self.missing + self.surplus + self.changed


Change = Movement | ItemChange
"""An event as those see it who follow the ledger."""


class Notices(Protocol):
    """Hears of what is recorded."""

    def wait(self, seconds: float) -> bool:
        """Returns True as soon as there may be something new, False when there was nothing for so
        long. Raises StoreUnavailable."""
        ...


StillHeld = Callable[[], None]
"""Raises StoreUnavailable where the lock has been lost with its connection."""


class LedgerRecorder(ApplicationRecorder):
    """The library's recorder, with units of work and read models. Every method may raise
    StoreUnavailable."""

    events_schema: Sequence[str]
    """The statements that make the table of events."""
    first_schema: Mapping[str, Mapping[str, str]]
    """The tables of schema 1 that are kept, by name, with the types of their columns."""
    steps: Mapping[int, Sequence[str]]
    """The statements that lead to a schema from the one before."""

    @abstractmethod
    def expect_schema(self, version: int) -> None:
        """From now on, whatever finds another number in the database raises StoreUnavailable,
        within some seconds."""

    @abstractmethod
    def describe(self, table: Table) -> str:
        """What makes the table, the same text for the same shape."""

    @abstractmethod
    def select_properties(self) -> Sequence[Property]:
        """What the database says of itself; nothing where it does not."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[LedgerTransaction]:
        """A unit of work: committed at the end of the block, undone by an exception in it."""

    @abstractmethod
    def head(self) -> int:
        """The position of the last event that can be read; 0 for an empty ledger.

        No event ever appears at a position up to here later on, neither here nor in
        `select_events_after`: who follows the ledger by position misses nothing, in whatever
        order writers commit.
        """

    @abstractmethod
    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        """So many of the events behind a position, in order; where topics are named, of these."""

    @abstractmethod
    def select_item(self, item_id: UUID) -> StockLevel | None:
        """One row of the stock list."""

    @abstractmethod
    def select_item_change(
        self, item_id: UUID, kinds: Sequence[str], *, upto_version: int
    ) -> ItemChange | None:
        """The last of the item's events of these kinds, up to that version."""

    @abstractmethod
    def select_items(
        self, wanted: ItemFilter, *, after: tuple[str, str, UUID] | None, limit: int
    ) -> Sequence[StockLevel]:
        """The stock list by location, SKU and id, from behind `after`, which is one such key."""

    @abstractmethod
    def select_items_alike(self, limit: int) -> Sequence[StockLevel]:
        """Items whose location and SKU are those of another item. There are none but such as were
        registered when labels had no one form."""

    @abstractmethod
    def select_movements(
        self, wanted: MovementFilter, *, before: int | None, limit: int
    ) -> Sequence[Movement]:
        """The journal, newest first, from the position before `before`."""

    @abstractmethod
    def select_changes(
        self, locations: frozenset[str] | None, *, after: int, upto: int, limit: int
    ) -> Sequence[Change]:
        """What happened at these locations, or at all, in the order of positions, behind `after`
        and up to `upto`."""

    @abstractmethod
    def select_last_change(self, *, upto: int) -> Change | None:
        """What happened last, up to that position."""

    @abstractmethod
    def notices(self) -> AbstractContextManager[Notices]:
        """To be told when something is recorded, by whatever process, from now on."""

    @abstractmethod
    def select_key(self, key_id: str) -> ApiKey | None:
        """One API key."""

    @abstractmethod
    def select_keys(self) -> Sequence[ApiKey]:
        """All API keys, the newest first."""

    @abstractmethod
    def select_audit(
        self, wanted: AuditFilter, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """The audit trail, newest first, from before that entry."""

    @abstractmethod
    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        """Those events that took one of these `local_id`s."""

    @abstractmethod
    def select_rejected(
        self, wanted: RejectedFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[RejectedTransaction]:
        """Rejected transactions, the newest first, from before `before`: when one was rejected
        first, and its id."""

    @abstractmethod
    def select_rejected_of(
        self, local_ids: Sequence[UUID], locations: frozenset[str] | None
    ) -> Sequence[RejectedTransaction]:
        """What was rejected last, at these locations or at all, under each of these `local_id`s,
        and was not recorded since."""

    @abstractmethod
    def rebuild_lock(self) -> AbstractContextManager[StillHeld]:
        """Held by the one rebuild at work, freed by the end of its process. Raises
        RebuildRunning."""

    @abstractmethod
    def differences(self, live: Table, shadow: Table, *, upto: int, samples: int) -> Differences:
        """Compares what events up to the position `upto` made of the live table and the shadow.
        Rows that later events have touched are left out."""
