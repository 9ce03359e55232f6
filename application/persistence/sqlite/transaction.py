"""The unit of work on SQLite. It holds the database's write lock from its first statement on.

Ids that are looked up come as one blob, and the places in it where they begin as a JSON array:
SQLite has no arrays of blobs.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.sqlite import SQLiteCursor

from application.persistence.port import Latest, LevelState, lost_race
from application.persistence.sqlite.tables import sqlite_table
from application.projections.table import Table, Write
from application.rejected.table import REJECTED, RejectedTransaction

RECORDED = """
SELECT e.originator_id, e.originator_version, e.topic, e.state, e.rowid
FROM json_each(?2) AS place JOIN stored_events AS e ON e.local_id = substr(?1, place.value, 16)
"""

REJECTED_AMONG = """
SELECT DISTINCT r.local_id
FROM json_each(?2) AS place
JOIN rejected_transactions AS r ON r.local_id = substr(?1, place.value, 16)
"""

LATEST = """
SELECT wanted.key, e.originator_version, e.topic, e.state,
       l.name, l.unit, l.safety_stock, l.on_hand, l.version, l.active
FROM (SELECT key, substr(?1, value, 16) AS item_id FROM json_each(?2)) AS wanted
JOIN stored_events AS e ON e.originator_id = wanted.item_id AND e.originator_version = (
    SELECT max(originator_version) FROM stored_events WHERE originator_id = wanted.item_id)
LEFT JOIN stock_levels AS l ON l.item_id = wanted.item_id
"""

EVENTS_OF = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = ? ORDER BY originator_version
"""

EVENTS_BEFORE = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = ? AND originator_version < ?
ORDER BY originator_version DESC LIMIT ?
"""

EVENTS_AFTER = """
SELECT originator_id, originator_version, topic, state, rowid
FROM stored_events WHERE rowid > ? {among} ORDER BY rowid LIMIT ?
"""

TAKEN = """
SELECT EXISTS (
    SELECT * FROM stored_events
    WHERE (local_id = ? OR (originator_id = ? AND originator_version = ?)) AND rowid <= ?)
"""


REMEMBERED_IDS: Final = 65_536


class SQLiteLedgerTransaction:
    """A `LedgerTransaction` on an open cursor."""

    def __init__(self, cursor: SQLiteCursor) -> None:
        self._cursor = cursor

    def lock(self, item_ids: Sequence[UUID]) -> None:
        """Nothing to do: the database is locked."""

    def exclude_writers(self) -> None:
        """Nothing to do: the database is locked."""

    def recorded(self, local_ids: Sequence[UUID]) -> list[Notification]:
        return self._notifications(RECORDED, _ids(local_ids))

    def rejected_among(self, local_ids: Sequence[UUID]) -> list[UUID]:
        self._cursor.execute(REJECTED_AMONG, _ids(local_ids))
        return [UUID(bytes=row[0]) for row in self._cursor.fetchall()]

    def latest(self, item_ids: Sequence[UUID]) -> list[Latest]:
        self._cursor.execute(LATEST, _ids(item_ids))
        return [_latest(item_ids[row[0]], row) for row in self._cursor.fetchall()]

    def events_of(self, item_id: UUID) -> list[StoredEvent]:
        return self._stored_events(EVENTS_OF, [item_id.bytes])

    def events_before(self, item_id: UUID, version: int, limit: int) -> list[StoredEvent]:
        return self._stored_events(EVENTS_BEFORE, [item_id.bytes, version, limit])

    def events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> list[Notification]:
        among = f"AND topic IN ({', '.join('?' * len(topics))})" if topics else ""
        return self._notifications(EVENTS_AFTER.format(among=among), [position, *topics, limit])

    def append(
        self, events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
    ) -> Sequence[int]:
        head = read_head(self._cursor)
        positions = range(head + 1, head + 1 + len(events))
        self._insert(positions, events, local_ids)
        return positions

    def restore(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        positions = [notification.id for notification in notifications]
        self._insert(positions, notifications, local_ids)

    def write(self, table: Table, writes: Sequence[Write]) -> None:
        target = sqlite_table(table)
        for write in writes:
            self._cursor.executemany(*target.statement(write))

    def rejected(self, name: UUID) -> list[RejectedTransaction]:
        target = sqlite_table(REJECTED)
        key = target.encode_value("local_id", name)
        self._cursor.execute(target.select("local_id = ? OR rejection_id = ?"), (key, key))
        return [RejectedTransaction(*target.decode(row)) for row in self._cursor.fetchall()]

    def delete_before(self, table: Table, column: str, instant: datetime) -> None:
        value = sqlite_table(table).encode_value(column, instant)
        self._cursor.execute(f"DELETE FROM {table.name} WHERE {column} < ?", (value,))  # noqa: S608

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        target = sqlite_table(table)
        self._cursor.execute(f"SELECT {target.columns} FROM {table.name}")  # noqa: S608
        return [target.decode(row) for row in self._cursor.fetchall()]

    def create_table(self, table: Table) -> None:
        self._cursor.execute("SELECT 1 FROM sqlite_schema WHERE name=?", (table.name,))
        if self._cursor.fetchone() is None:
            for statement in sqlite_table(table).create():
                self._cursor.execute(statement)

    def drop_table(self, table: Table) -> None:
        self._cursor.execute(f"DROP TABLE IF EXISTS {table.name}")

    def replace_table(self, live: Table, shadow: Table) -> Table:
        old = replace(live, name=f"{live.name}_old")
        self.drop_table(old)
        self._cursor.execute(f"ALTER TABLE {live.name} RENAME TO {old.name}")
        self._cursor.execute(f"ALTER TABLE {shadow.name} RENAME TO {live.name}")
        return old

    def _stored_events(self, query: str, parameters: Sequence[Any]) -> list[StoredEvent]:
        self._cursor.execute(query, parameters)
        return [StoredEvent(read_id(row[0]), *row[1:]) for row in self._cursor.fetchall()]

    def _notifications(self, query: str, parameters: Sequence[Any]) -> list[Notification]:
        self._cursor.execute(query, parameters)
        return [Notification(read_id(row[0]), *row[1:]) for row in self._cursor.fetchall()]

    def _insert(
        self,
        positions: Sequence[int],
        events: Sequence[StoredEvent],
        local_ids: Sequence[UUID | None],
    ) -> None:
        rows = [
            (
                position,
                cast("UUID", event.originator_id).bytes,
                event.originator_version,
                event.topic,
                event.state,
                local_id and local_id.bytes,
            )
            for position, event, local_id in zip(positions, events, local_ids, strict=True)
        ]
        try:
            self._cursor.executemany("INSERT INTO stored_events VALUES (?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError as error:
            raise lost_race(self._contended(rows, positions[0] - 1), error) from error

    def _contended(self, rows: Sequence[tuple[Any, ...]], head: int) -> set[UUID]:
        """The items one of whose versions or `local_id`s is taken, up to the position `head`."""
        contended = set()
        for _, item_id, version, _, _, local_id in rows:
            self._cursor.execute(TAKEN, (local_id, item_id, version, head))
            if self._cursor.fetchone()[0]:
                contended.add(UUID(bytes=item_id))
        return contended


def read_head(cursor: SQLiteCursor) -> int:
    """The position of the last event; 0 where there is none."""
    cursor.execute("SELECT coalesce(max(rowid), 0) FROM stored_events")
    position: int = cursor.fetchone()[0]
    return position


@lru_cache(REMEMBERED_IDS)
def read_id(stored: bytes) -> UUID:
    """Remembered: who reads many events meets the same items again and again."""
    return UUID(bytes=stored)


def _latest(item_id: UUID, row: Sequence[Any]) -> Latest:
    _, item_version, topic, state, name, unit, safety_stock, on_hand, version, active = row
    event = StoredEvent(item_id, item_version, topic, state)
    if name is None:
        return Latest(event, None)
    return Latest(event, LevelState(name, unit, safety_stock, on_hand, version, bool(active)))


def _ids(ids: Sequence[UUID]) -> tuple[bytes, str]:
    places = range(1, 16 * len(ids), 16)
    return b"".join([uuid.bytes for uuid in ids]), json.dumps([*places])
