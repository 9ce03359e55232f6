"""The unit of work on PostgreSQL. It locks only the items that it decides on."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import starmap
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from psycopg import Connection

from application.persistence.postgres import statements as sql
from application.persistence.postgres.datastore import execute
from application.persistence.postgres.positions import (
    ANNOUNCE_LOW_WATER_MARK,
    SET_POSITION,
    TAKE_POSITIONS,
)
from application.persistence.postgres.tables import postgres_table
from application.persistence.recent_events import Appended
from application.persistence.tree_reader import EventRow
from application.persistence.unit_of_work import Latest, LevelState, LockedLevel
from application.tables.rejected import REJECTED, RejectedTransaction
from application.tables.table import RowT, Table, Write
from domain.actor import Actor

MAX_POSITION: Final = 2**63 - 1
"""The highest possible position."""


class PostgresUnitOfWork:
    """A `UnitOfWork` on a pipelined connection."""

    def __init__(self, connection: Connection[Any], appended: list[Appended]) -> None:
        """`appended` collects the appended events, to find conflicting items later."""
        self._connection = connection
        self._appended = appended
        self._wanted: set[UUID] = set()
        self._locked: Iterable[LockedLevel] = ()

    def lock(self, item_ids: Sequence[UUID]) -> None:
        self._wanted = set(item_ids)
        self._locked = starmap(LockedLevel, self._execute(sql.LOCK, [list(item_ids)]))

    def locked(self) -> list[LockedLevel]:
        self._locked = list(self._locked)
        return self._locked

    def lock_unregistered(self) -> bool:
        unregistered = self._wanted - {level.item_id for level in self.locked()}
        self._wanted, self._locked = set(), ()
        if not unregistered:
            return False
        self._execute(sql.LOCK_UNREGISTERED, [list(unregistered)])
        # Some may have been registered in between.
        self._execute(sql.LOCK, [list(unregistered)])
        self._await_answers()
        return True

    def exclude_writers(self) -> None:
        self._execute(sql.EXCLUDE_WRITERS)
        self._await_answers()

    def recorded(self, local_ids: Sequence[UUID]) -> Iterable[Notification]:
        return starmap(Notification, self._execute(sql.RECORDED, [list(local_ids)]))

    def rejected_among(self, local_ids: Sequence[UUID]) -> Iterable[RejectedTransaction]:
        return self._rejected(sql.REJECTED_AMONG, [list(local_ids)])

    def waiting(self, limit: int) -> Iterable[tuple[UUID, bool]]:
        found: Iterable[tuple[UUID, bool]] = self._execute(sql.WAITING, [limit])
        return found

    def waiting_for(self, keys: Sequence[UUID], limit: int) -> list[RejectedTransaction]:
        return list(self._rejected(sql.WAITING_FOR, [list(keys), limit]))

    def due(self, limit: int) -> list[RejectedTransaction]:
        return list(self._rejected(f"{sql.DUE} FOR UPDATE", [limit]))

    def items_due(self, limit: int) -> list[UUID]:
        found = self._rejected(sql.DUE, [limit])
        return [row.item_id for row in found if row.item_id is not None]

    def mark_due(self, keys: Sequence[UUID], now: datetime) -> None:
        self._execute(sql.MARK_DUE, [now, list(keys)])

    def latest(self, item_ids: Sequence[UUID]) -> Iterable[Latest]:
        return map(_latest, self._execute(sql.LATEST, [list(item_ids)]))

    def events_of(self, item_id: UUID) -> list[StoredEvent]:
        return [StoredEvent(*row) for row in self._execute(sql.EVENTS_OF, [item_id])]

    def events_before(self, item_id: UUID, version: int, limit: int) -> list[StoredEvent]:
        rows = self._execute(sql.EVENTS_BEFORE, [item_id, version, limit])
        return [StoredEvent(*row) for row in rows]

    def events_after(
        self, position: int, limit: int, topics: Sequence[str] = (), *, upto: int = MAX_POSITION
    ) -> list[Notification]:
        parameters = [position, upto, not topics, list(topics), limit]
        return [Notification(*row) for row in self._execute(sql.EVENTS_AFTER, parameters)]

    def rows_after(self, position: int, limit: int, *, upto: int) -> list[EventRow]:
        """Same contract as `TreeReader.select_rows_after`."""
        return list(starmap(EventRow, self._execute(sql.ROWS_AFTER, [position, upto, limit])))

    def last_event(self) -> StoredEvent | None:
        return next(iter([StoredEvent(*row) for row in self._execute(sql.LAST_EVENT)]), None)

    def append(
        self, events: Sequence[StoredEvent], local_ids: Sequence[UUID | None]
    ) -> Sequence[int]:
        self._execute(ANNOUNCE_LOW_WATER_MARK)
        positions = [position for (position,) in self._execute(TAKE_POSITIONS, [len(events)])]
        self._insert(positions, events, local_ids)
        return positions

    def import_events(
        self, notifications: Sequence[Notification], local_ids: Sequence[UUID | None]
    ) -> None:
        positions = [notification.id for notification in notifications]
        self._execute(ANNOUNCE_LOW_WATER_MARK)
        self._execute(SET_POSITION, [positions[-1]])
        self._insert(positions, notifications, local_ids)

    def replace_events(
        self,
        after: int,
        upto: int,
        notifications: Sequence[Notification],
        local_ids: Sequence[UUID | None],
    ) -> None:
        self._execute(sql.DELETE_EVENTS, [after, upto])
        positions = [notification.id for notification in notifications]
        if positions:
            self._insert(positions, notifications, local_ids)

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Nothing to do: the role may, or it may not."""
        yield

    def write(self, table: Table[Any], writes: Sequence[Write]) -> None:
        target = postgres_table(table)
        for write in writes:
            for statement, parameters in target.statements(write):
                self._execute(statement, parameters)

    def rejected(self, name: UUID) -> list[RejectedTransaction]:
        condition = "local_id = %s OR rejection_id = %s ORDER BY rejection_id FOR UPDATE"
        return list(self._rejected(condition, [name, name]))

    def open_rejections(self, actor: Actor, at_most: int) -> int:
        ((number,),) = self._execute(sql.OPEN_REJECTIONS, [actor.name, actor.key_id, at_most])
        return int(number)

    def rejections(self, rejection_ids: Sequence[UUID]) -> list[RejectedTransaction]:
        if not rejection_ids:
            return []
        return list(self._rejected(sql.REJECTIONS, [list(rejection_ids)]))

    def open_malformed(self, local_ids: Sequence[UUID]) -> list[RejectedTransaction]:
        return list(self._rejected(sql.OPEN_MALFORMED, [list(local_ids)]))

    def delete(self, table: Table[Any], keys: Sequence[Any]) -> None:
        self._execute(f"DELETE FROM {table.name} WHERE {table.key} = ANY(%b)", [list(keys)])  # noqa: S608

    def delete_before(self, table: Table[Any], column: str, instant: datetime) -> None:
        self._execute(f"DELETE FROM {table.name} WHERE {column} < %s", [instant])  # noqa: S608

    def row(self, table: Table[RowT], key: Any) -> RowT | None:
        target = postgres_table(table)
        value = target.encode_value(table.key, key)
        rows = self._execute(target.select(f"{table.key} = %s"), [value])
        return next((target.decode(row) for row in rows), None)

    def count(self, table: Table[Any], column: str, value: Any, *, at_most: int) -> int:
        encoded = postgres_table(table).encode_value(column, value)
        statement = sql.COUNT.format(table=table.name, column=column)
        ((number,),) = self._execute(statement, [encoded, at_most])
        return int(number)

    def rows(self, table: Table[RowT]) -> list[RowT]:
        target = postgres_table(table)
        rows = self._execute(f"SELECT {target.columns} FROM {table.name}")  # noqa: S608
        return [target.decode(row) for row in rows]

    def flush_at_commit(self) -> None:
        self._execute(sql.FLUSH_AT_COMMIT)

    def lock_schema(self) -> None:
        self._execute(sql.LOCK_SCHEMA)

    def columns(self, table: str) -> dict[str, str]:
        return dict(self._execute(sql.COLUMNS, [table]).fetchall())

    def run(self, statement: str) -> None:
        self._execute(statement)

    def create_table(self, table: Table[Any]) -> None:
        if not self._exists(table):
            self.lock_schema()
            if not self._exists(table):
                for statement in postgres_table(table).create():
                    self._execute(statement)

    def drop_table(self, table: Table[Any]) -> None:
        self._execute(f"DROP TABLE IF EXISTS {table.name}")

    def replace_table(self, live: Table[Any], shadow: Table[Any]) -> Table[Any]:
        old = live.replaced()
        self.drop_table(old)
        self._execute(f"ALTER TABLE {live.name} RENAME TO {old.name}")
        self._execute(f"ALTER TABLE {shadow.name} RENAME TO {live.name}")
        self._await_answers()
        return old

    def _rejected(self, condition: str, parameters: Sequence[Any]) -> Iterable[RejectedTransaction]:
        target = postgres_table(REJECTED)
        return map(target.decode, self._execute(target.select(condition), parameters))

    def _insert(
        self,
        positions: list[int],
        events: Sequence[StoredEvent],
        local_ids: Sequence[UUID | None],
    ) -> None:
        item_ids = [cast("UUID", event.originator_id) for event in events]
        versions = [event.originator_version for event in events]
        self._appended.append(Appended(positions, events, local_ids))
        topics = [event.topic for event in events]
        states = [event.state for event in events]
        self._execute(
            sql.INSERT_EVENTS, [positions, item_ids, versions, topics, states, list(local_ids)]
        )

    def _await_answers(self) -> None:
        """Waits for all pipelined statements, because the caller's next step needs their locks."""
        self._execute("SELECT").fetchall()

    def _exists(self, table: Table[Any]) -> bool:
        ((exists,),) = self._execute(sql.TABLE_EXISTS, [table.name])
        return bool(exists)

    def _execute(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        return execute(self._connection, query, parameters)


def _latest(row: Sequence[Any]) -> Latest:
    item_id, item_version, topic, state, *level = row
    event = StoredEvent(item_id, item_version, topic, state)
    return Latest(event, None if level[0] is None else LevelState(*level))
