"""The unit of work: what is read and written in one commit."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from application.tables.rejected import RejectedTransaction
from application.tables.table import RowT, Table, Write
from domain.actor import Actor


class LockedLevel(NamedTuple):
    """What the stock list says of a locked item: whether it is as an earlier commit left it."""

    item_id: UUID
    version: int
    on_hand: int
    active: bool


class LevelState(NamedTuple):
    """An item's state, from its row in the stock list."""

    name: str
    unit: str
    safety_stock: int
    on_hand: int
    version: int
    active: bool


class Latest(NamedTuple):
    """An item's last event, and its state in the stock list (None if it has no row)."""

    event: StoredEvent
    level: LevelState | None


class UnitOfWork(Protocol):
    """A unit of work: one atomic commit.

    Methods may pipeline: a statement may be sent with a later one. Its error is then raised later,
    at the latest by the commit. Results of type Iterable are lazy. Call several such methods before
    you read the first result: all answers then come in one round trip.

    If the database fails, the block of the unit of work raises StoreUnavailable.
    """

    def lock(self, item_ids: Sequence[UUID]) -> None:
        """Locks these items until this unit of work ends, as far as they are registered. Waits for
        other units of work.

        Call it before any read of these items.
        """
        ...

    def locked(self) -> Iterable[LockedLevel]:
        """The items that `lock` has locked, from their rows in the stock list."""
        ...

    def lock_unregistered(self) -> bool:
        """Locks the ids under which `lock` found no item, so that no other unit of work registers
        one, or writes one that was registered meanwhile.

        Returns whether everything must be read again, because it waited for such locks.
        """
        ...

    def exclude_writers(self) -> None:
        """Locks out all other writers until this unit of work ends. Waits for those at work."""
        ...

    def recorded(self, local_ids: Sequence[UUID]) -> Iterable[Notification]:
        """The events with one of these `local_id`s, in one query."""
        ...

    def rejected_among(self, local_ids: Sequence[UUID]) -> Iterable[RejectedTransaction]:
        """The rejected transactions under these `local_id`s, in one query. Does not lock them."""
        ...

    def waiting(self, limit: int) -> Iterable[tuple[UUID, bool]]:
        """What at most `limit` rejected transactions wait for, each with whether any is due."""
        ...

    def waiting_for(self, keys: Sequence[UUID], limit: int) -> Sequence[RejectedTransaction]:
        """At most `limit` rejected transactions that wait for one of these keys, oldest goods
        first.

        Locks them until this unit of work ends.
        """
        ...

    def due(self, limit: int) -> Sequence[RejectedTransaction]:
        """At most `limit` rejected transactions that are due, oldest goods first.

        Locks them until this unit of work ends.
        """
        ...

    def items_due(self, limit: int) -> Sequence[UUID]:
        """The items of the rejected transactions that `due` returns. Locks nothing."""
        ...

    def mark_due(self, keys: Sequence[UUID], now: datetime) -> None:
        """Marks all rejected transactions that wait for one of these keys as due."""
        ...

    def latest(self, item_ids: Sequence[UUID]) -> Iterable[Latest]:
        """Last event and state of each existing item, as of the last commit, in one query."""
        ...

    def events_of(self, item_id: UUID) -> Sequence[StoredEvent]:
        """All events of an item, in order."""
        ...

    def events_before(self, item_id: UUID, version: int, limit: int) -> Sequence[StoredEvent]:
        """At most `limit` of the item's events before that version, latest first."""
        ...

    def events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        """At most `limit` events after a position, in order. Without `topics`: of all topics.

        Call it after `exclude_writers`.
        """
        ...

    def last_event(self) -> StoredEvent | None:
        """The event with the highest position; None in an empty ledger."""
        ...

    def append(
        self, events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
    ) -> Sequence[int]:
        """Appends events in order, each with its `local_id` (None if it has none).

        Returns their positions. Raises WriteConflict, here or at the end of the unit of work:
        another writer took a version or a `local_id` first.
        """
        ...

    def import_events(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        """Copies events of another ledger, after all events here. They keep their positions.

        Call it after `exclude_writers`.
        """
        ...

    def replace_events(
        self,
        after: int,
        upto: int,
        notifications: Sequence[Notification],
        local_ids: Sequence[UUID | None],
    ) -> None:
        """Replaces all events after a position, up to another one (inclusive), by these. Only for
        repairs.

        Call it after `exclude_writers`.
        """
        ...

    def unguarded(self) -> AbstractContextManager[None]:
        """Context manager of a repair: what is never changed otherwise may be changed in its
        block."""
        ...

    def write(self, table: Table[Any], writes: Sequence[Write]) -> None:
        """Executes the writes on a table."""
        ...

    def rejected(self, name: UUID) -> Sequence[RejectedTransaction]:
        """Rejected transactions with this `local_id` or this `rejection_id`.

        Locks them until this unit of work ends.
        """
        ...

    def open_rejections(self, actor: Actor, at_most: int) -> int:
        """Number of this sender's open rejected transactions, counted up to `at_most`."""
        ...

    def rejections(self, rejection_ids: Sequence[UUID]) -> Sequence[RejectedTransaction]:
        """The stored rejections among these `rejection_id`s.

        Locks them until this unit of work ends.
        """
        ...

    def open_malformed(self, local_ids: Sequence[UUID]) -> Sequence[RejectedTransaction]:
        """Open rejected transactions under these `local_id`s with a malformed element.

        Locks them until this unit of work ends.
        """
        ...

    def delete(self, table: Table[Any], keys: Sequence[Any]) -> None:
        """Deletes the rows with these primary keys."""
        ...

    def delete_before(self, table: Table[Any], column: str, instant: datetime) -> None:
        """Deletes rows with an earlier instant in that column."""
        ...

    def row(self, table: Table[RowT], key: Any) -> RowT | None:
        """The row with that primary key; None if there is none."""
        ...

    def count(self, table: Table[Any], column: str, value: Any, *, at_most: int) -> int:
        """Number of rows with this value in that column, counted up to `at_most`."""
        ...

    def rows(self, table: Table[RowT]) -> Sequence[RowT]:
        """All rows of a small table."""
        ...

    def flush_at_commit(self) -> None:
        """Makes the commit durable before it is visible, whatever the database's settings are."""
        ...

    def lock_schema(self) -> None:
        """Locks the schema until this unit of work ends. Waits for others that change tables."""
        ...

    def columns(self, table: str) -> dict[str, str]:
        """Column types by column name, as the database spells them.

        Empty if there is no such table.
        """
        ...

    def run(self, statement: str) -> None:
        """Runs one SQL statement of an upgrade step."""
        ...

    def create_table(self, table: Table[Any]) -> None:
        """Creates the table, empty, if it does not exist."""
        ...

    def drop_table(self, table: Table[Any]) -> None:
        """Drops the table if it exists."""
        ...

    def replace_table(self, live: Table[Any], shadow: Table[Any]) -> Table[Any]:
        """Replaces the live table with the shadow. Returns the old table, under its new name."""
        ...
