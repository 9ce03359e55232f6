"""The unit of work: what is read and written in one commit."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from application.tables.rejected import RejectedTransaction
from application.tables.table import RowT, Table, Write
from domain.actor import Actor


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


class UnitOfWork(Protocol):
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
        returns their positions. Raises WriteConflict, here or at the end of the unit of work."""
        ...

    def restore(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        """Stores events of another ledger, behind all that are here, at the positions that they
        have there. Comes after `exclude_writers`."""
        ...

    def write(self, table: Table[Any], writes: Sequence[Write]) -> None:
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

    def delete(self, table: Table[Any], keys: Sequence[Any]) -> None:
        """Removes these rows."""
        ...

    def delete_before(self, table: Table[Any], column: str, instant: datetime) -> None:
        """Removes the rows that have an earlier instant in that column."""
        ...

    def row(self, table: Table[RowT], key: Any) -> RowT | None:
        """The row with that key."""
        ...

    def rows(self, table: Table[RowT]) -> Sequence[RowT]:
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

    def create_table(self, table: Table[Any]) -> None:
        """Makes the table, empty, where it is not there."""
        ...

    def drop_table(self, table: Table[Any]) -> None:
        """Removes the table where it is there."""
        ...

    def replace_table(self, live: Table[Any], shadow: Table[Any]) -> Table[Any]:
        """Puts the shadow in the live table's place; returns where the old one is now."""
        ...
