"""The unit of work on SQLite. It holds the database's write lock from its first statement on.

SQLite has no arrays of blobs. A look-up therefore takes all ids as one blob, and the places where
they start as a JSON array.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Final, cast
from uuid import UUID

import apsw
import msgspec
from eventsourcing.persistence import Notification, StoredEvent

from application.persistence.errors import unique_violation
from application.persistence.recent_events import Appended
from application.persistence.sql_tables import Statement
from application.persistence.sqlite import statements as sql
from application.persistence.sqlite.bulk import in_bulk
from application.persistence.sqlite.schema import GUARDS
from application.persistence.sqlite.tables import sqlite_table
from application.persistence.tree_reader import EventRow
from application.persistence.unit_of_work import Latest, LevelState, LockedLevel
from application.tables.rejected import REJECTED, RejectedTransaction
from application.tables.table import RowT, Table, Write
from domain.actor import Actor

CACHED_IDS: Final = 65_536
"""Size of the LRU cache of `read_id`, in ids."""

MAX_POSITION: Final = 2**63 - 1
"""The highest possible position, and version."""


class SQLiteUnitOfWork:
    """A `UnitOfWork` on an open cursor."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor
        self.appended: list[Appended] = []
        self._wanted: Sequence[UUID] = ()

    def lock(self, item_ids: Sequence[UUID]) -> None:
        """Takes note of the items: the database is locked."""
        self._wanted = item_ids

    def locked(self) -> list[LockedLevel]:
        ids = self._wanted
        if not ids:
            return []
        ((text,),) = self._rows(sql.LOCKED_LEVELS, _ids(ids))
        rows: list[list[int]] = msgspec.json.decode(text)
        return [
            LockedLevel(ids[place], version, on_hand, bool(active))
            for place, version, on_hand, active in rows
        ]

    def lock_unregistered(self) -> bool:
        """Nothing to do: the database is locked."""
        return False

    def exclude_writers(self) -> None:
        """Nothing to do: the database is locked."""

    def recorded(self, local_ids: Sequence[UUID]) -> list[Notification]:
        rows = self._rows_as_json(sql.RECORDED, sql.RECORDED_COLUMNS, _ids(local_ids))
        return [Notification(read_id(bytes.fromhex(row[0])), *row[1:]) for row in rows]

    def rejected_among(self, local_ids: Sequence[UUID]) -> list[RejectedTransaction]:
        return self._rejected(sql.REJECTED_AMONG, _ids(local_ids))

    def waiting(self, limit: int) -> list[tuple[UUID, bool]]:
        rows = self._rows(sql.WAITING, [limit])
        return [(UUID(bytes=key), bool(has_due)) for key, has_due in rows]

    def waiting_for(self, keys: Sequence[UUID], limit: int) -> list[RejectedTransaction]:
        return self._rejected(sql.WAITING_FOR, [*_ids(keys), limit])

    def due(self, limit: int) -> list[RejectedTransaction]:
        return self._rejected(sql.DUE, [limit])

    def items_due(self, limit: int) -> list[UUID]:
        return [row.item_id for row in self.due(limit) if row.item_id is not None]

    def mark_due(self, keys: Sequence[UUID], now: datetime) -> None:
        due_at = sqlite_table(REJECTED).encode_value("due_at", now)
        self._cursor.execute(sql.MARK_DUE, [*_ids(keys), due_at])

    def latest(self, item_ids: Sequence[UUID]) -> list[Latest]:
        rows = self._rows_as_json(sql.LATEST, sql.LATEST_COLUMNS, _ids(item_ids))
        return [_latest(item_ids[row[0]], row) for row in rows]

    def events_of(self, item_id: UUID) -> list[StoredEvent]:
        return self._stored_events(sql.EVENTS_OF, [item_id.bytes])

    def events_before(self, item_id: UUID, version: int, limit: int) -> list[StoredEvent]:
        return self._stored_events(sql.EVENTS_BEFORE, [item_id.bytes, version, limit])

    def events_after(
        self, position: int, limit: int, topics: Sequence[str] = (), *, upto: int | None = None
    ) -> list[Notification]:
        among = f"AND topic IN ({', '.join('?' * len(topics))})" if topics else ""
        last = MAX_POSITION if upto is None else upto
        statement = sql.EVENTS_AFTER.format(among=among)
        return self._notifications(statement, [position, last, *topics, limit])

    def select_events(
        self, item_id: UUID, *, gt: int | None, lte: int | None, desc: bool, limit: int | None
    ) -> list[StoredEvent]:
        """Same contract as `select_events` of the library's recorders."""
        statement = sql.SELECT_EVENTS.format(order="DESC" if desc else "ASC")
        bounds = [
            gt or 0,
            MAX_POSITION if lte is None else lte,
            MAX_POSITION if limit is None else limit,
        ]
        return self._stored_events(statement, [item_id.bytes, *bounds])

    def rows_after(self, position: int, limit: int, *, upto: int) -> list[EventRow]:
        """Same contract as `TreeReader.select_rows_after`."""
        try:
            ((text,),) = self._rows(sql.ROWS_AFTER_AS_JSON, [position, upto, limit])
            return [_event_row(row) for row in msgspec.json.decode(text)]
        except (apsw.SQLError, TypeError, ValueError):  # Damaged values have other types.
            rows = self._rows(sql.ROWS_AFTER, [position, upto, limit])
            return [EventRow(*row)._replace(is_typed=bool(row[-1])) for row in rows]

    def positions_of(self, local_ids: Sequence[UUID]) -> list[tuple[int, int]]:
        """Same contract as `VerificationReader.select_positions_of`."""
        return self._rows(sql.POSITIONS_OF, _ids(local_ids))

    def positions_at(self, versions: Sequence[tuple[UUID, int]]) -> list[tuple[int, int]]:
        """Same contract as `VerificationReader.select_positions_at`."""
        ids = b"".join([item_id.bytes for item_id, _ in versions])
        places = [[16 * n + 1, version] for n, (_, version) in enumerate(versions)]
        return self._rows(sql.POSITIONS_AT, [ids, msgspec.json.encode(places).decode()])

    def last_event(self) -> StoredEvent | None:
        return next(iter(self._stored_events(sql.LAST_EVENT, [])), None)

    def append(
        self, events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
    ) -> Sequence[int]:
        head = read_head(self._cursor)
        positions = range(head + 1, head + 1 + len(events))
        rows = _rows_of(events, local_ids)
        flat = [*chain.from_iterable(rows)]
        with self._conflicts_found(rows, head):
            self._execute_all(in_bulk(flat, sql.EVENT_COLUMNS, sql.append_events))
        self.appended.append(Appended(positions, events, local_ids))
        return positions

    def import_events(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        positions = [notification.id for notification in notifications]
        self._insert(positions, notifications, local_ids)

    def replace_events(
        self,
        after: int,
        upto: int,
        notifications: Sequence[Notification],
        local_ids: Sequence[UUID | None],
    ) -> None:
        self._cursor.execute(sql.DELETE_EVENTS, (after, upto))
        positions = [notification.id for notification in notifications]
        if positions:
            self._insert(positions, notifications, local_ids)

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        for guard in GUARDS:
            self._cursor.execute(f"DROP TRIGGER IF EXISTS {guard.split()[2]}")
        yield
        for guard in GUARDS:
            self._cursor.execute(guard)

    def write(self, table: Table[Any], writes: Sequence[Write]) -> None:
        target = sqlite_table(table)
        for write in writes:
            self._execute_all(target.statements(write))

    def rejected(self, name: UUID) -> list[RejectedTransaction]:
        key = name.bytes
        return self._rejected("local_id = ? OR rejection_id = ?", [key, key])

    def open_rejections(self, actor: Actor, at_most: int) -> int:
        ((number,),) = self._rows(sql.OPEN_REJECTIONS, (actor.name, actor.key_id, at_most))
        return int(number)

    def rejections(self, rejection_ids: Sequence[UUID]) -> list[RejectedTransaction]:
        return self._rejected(sql.REJECTIONS, _ids(rejection_ids)) if rejection_ids else []

    def open_malformed(self, local_ids: Sequence[UUID]) -> list[RejectedTransaction]:
        return self._rejected(sql.OPEN_MALFORMED, _ids(local_ids))

    def delete(self, table: Table[Any], keys: Sequence[Any]) -> None:
        target = sqlite_table(table)
        for key in keys:
            value = target.encode_value(table.key, key)
            self._cursor.execute(f"DELETE FROM {table.name} WHERE {table.key} = ?", (value,))  # noqa: S608

    def delete_before(self, table: Table[Any], column: str, instant: datetime) -> None:
        value = sqlite_table(table).encode_value(column, instant)
        self._cursor.execute(f"DELETE FROM {table.name} WHERE {column} < ?", (value,))  # noqa: S608

    def row(self, table: Table[RowT], key: Any) -> RowT | None:
        target = sqlite_table(table)
        value = target.encode_value(table.key, key)
        rows = self._rows(target.select(f"{table.key} = ?"), [value])
        return next((target.decode(row) for row in rows), None)

    def count(self, table: Table[Any], column: str, value: Any, *, at_most: int) -> int:
        encoded = sqlite_table(table).encode_value(column, value)
        ((number,),) = self._rows(
            sql.COUNT.format(table=table.name, column=column), [encoded, at_most]
        )
        return int(number)

    def rows(self, table: Table[RowT]) -> list[RowT]:
        target = sqlite_table(table)
        rows = self._rows(f"SELECT {target.columns} FROM {table.name}")  # noqa: S608
        return [target.decode(row) for row in rows]

    def flush_at_commit(self) -> None:
        """Nothing to do: every commit is flushed."""

    def lock_schema(self) -> None:
        """Nothing to do: the database is locked."""

    def columns(self, table: str) -> dict[str, str]:
        return dict(self._rows("SELECT name, type FROM pragma_table_info(?)", [table]))

    def run(self, statement: str) -> None:
        self._cursor.execute(statement)

    def create_table(self, table: Table[Any]) -> None:
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE name=?", (table.name,)):
            for statement in sqlite_table(table).create():
                self._cursor.execute(statement)

    def drop_table(self, table: Table[Any]) -> None:
        self._cursor.execute(f"DROP TABLE IF EXISTS {table.name}")

    def replace_table(self, live: Table[Any], shadow: Table[Any]) -> Table[Any]:
        old = live.replaced()
        self.drop_table(old)
        self._cursor.execute(f"ALTER TABLE {live.name} RENAME TO {old.name}")
        self._cursor.execute(f"ALTER TABLE {shadow.name} RENAME TO {live.name}")
        return old

    def _rejected(self, condition: str, parameters: Sequence[Any]) -> list[RejectedTransaction]:
        target = sqlite_table(REJECTED)
        return [target.decode(row) for row in self._rows(target.select(condition), parameters)]

    def _stored_events(self, query: str, parameters: Sequence[Any]) -> list[StoredEvent]:
        return [StoredEvent(read_id(row[0]), *row[1:]) for row in self._rows(query, parameters)]

    def _notifications(self, query: str, parameters: Sequence[Any]) -> list[Notification]:
        return [Notification(read_id(row[0]), *row[1:]) for row in self._rows(query, parameters)]

    def _rows_as_json(
        self, query: str, columns: tuple[str, ...], parameters: Sequence[Any]
    ) -> Sequence[Sequence[Any]]:
        """Fetches all rows as one JSON text. Row by row if a damaged state is not text.

        Each row that SQLite returns would release the interpreter's lock (see bulk.py).
        """
        as_text = ", ".join(
            f"CAST({sql.STATE} AS TEXT)" if one is sql.STATE else one for one in columns
        )
        at_once = query.format(columns=f"json_group_array(json_array({as_text}))")
        try:
            ((text,),) = self._rows(at_once, parameters)
            rows: list[list[Any]] = msgspec.json.decode(text)
        except (UnicodeDecodeError, msgspec.DecodeError):
            return self._rows(query.format(columns=", ".join(columns)), parameters)
        place = columns.index(sql.STATE)
        for row in rows:
            row[place] = row[place].encode()
        return rows

    def _rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._cursor.execute(query, parameters).fetchall()

    def _insert(
        self,
        positions: Sequence[int],
        events: Sequence[StoredEvent],
        local_ids: Sequence[UUID | None],
    ) -> None:
        """Inserts events with their positions."""
        rows = _rows_of(events, local_ids)
        placed = ((position, *row) for position, row in zip(positions, rows, strict=True))
        flat = [*chain.from_iterable(placed)]
        with self._conflicts_found(rows, positions[0] - 1):
            self._execute_all(in_bulk(flat, 1 + sql.EVENT_COLUMNS, sql.insert_events))

    @contextmanager
    def _conflicts_found(self, rows: Sequence[tuple[Any, ...]], head: int) -> Iterator[None]:
        """Context manager that finds the items of events whose keys are taken."""
        try:
            yield
        except apsw.ConstraintError as error:
            raise unique_violation(self._conflicting_items(rows, head), error) from error

    def _execute_all(self, statements: Iterable[Statement]) -> None:
        for statement, parameters in statements:
            self._cursor.execute(statement, parameters)

    def _conflicting_items(self, rows: Sequence[tuple[Any, ...]], head: int) -> set[UUID]:
        """Items with a version or a `local_id` that is taken at a position up to `head`."""
        conflicting = set()
        for item_id, version, _, _, local_id in rows:
            ((is_taken,),) = self._rows(sql.TAKEN, (local_id, item_id, version, head))
            if is_taken:
                conflicting.add(UUID(bytes=item_id))
        return conflicting


def _rows_of(
    events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
) -> list[tuple[Any, ...]]:
    return [
        (
            cast("UUID", event.originator_id).bytes,
            event.originator_version,
            event.topic,
            event.state,
            local_id and local_id.bytes,
        )
        for event, local_id in zip(events, local_ids, strict=True)
    ]


def read_head(cursor: apsw.Cursor) -> int:
    """Position of the last event; 0 if there is none. Raises apsw.Error."""
    ((position,),) = cursor.execute(sql.HEAD)
    return int(position)


@lru_cache(CACHED_IDS)
def read_id(stored: bytes) -> UUID:
    """Decodes a stored id. LRU-cached: many events have the same item."""
    return UUID(bytes=stored)


def _latest(item_id: UUID, row: Sequence[Any]) -> Latest:
    _, item_version, topic, state, name, unit, safety_stock, on_hand, version, active = row
    event = StoredEvent(item_id, item_version, topic, state)
    if name is None:
        return Latest(event, None)
    return Latest(event, LevelState(name, unit, safety_stock, on_hand, version, bool(active)))


def _event_row(row: Sequence[Any]) -> EventRow:
    position, stream_id, version, topic, state, local_id, is_typed = row
    return EventRow(
        position,
        _cached_bytes(stream_id),
        version,
        _cached_bytes(topic),
        bytes.fromhex(state),
        None if local_id is None else bytes.fromhex(local_id),
        bool(is_typed),
    )


_cached_bytes = lru_cache(CACHED_IDS)(bytes.fromhex)


def _ids(ids: Sequence[UUID]) -> tuple[bytes, str]:
    """Encodes ids as one blob, and as a JSON array their places in it, counted from 1."""
    places = range(1, 16 * len(ids), 16)
    return b"".join([uuid.bytes for uuid in ids]), msgspec.json.encode([*places]).decode()
