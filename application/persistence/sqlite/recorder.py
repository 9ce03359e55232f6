"""The recorder on SQLite, and the factory that the eventsourcing library loads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, cast
from uuid import UUID

import filelock
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    Notification,
    StoredEvent,
)
from eventsourcing.utils import Environment, EnvType

from application.persistence.errors import AlreadyRunning, UnsupportedDatabase
from application.persistence.event_store import Notices
from application.persistence.maintenance import StillHeld
from application.persistence.queries import ReadModelQueries
from application.persistence.sqlite import schema
from application.persistence.sqlite import statements as sql
from application.persistence.sqlite.datastore import LedgerDatastore
from application.persistence.sqlite.file import OWNER_ONLY
from application.persistence.sqlite.tables import SQLiteTable, sqlite_table
from application.persistence.sqlite.unit_of_work import SQLiteUnitOfWork, read_head
from application.persistence.table_queries import Run
from application.persistence.tree_reader import EventRow
from application.persistence.unit_of_work import UnitOfWork
from application.persistence.verification_reader import StorageCheck
from application.tables.properties import PROPERTIES, Property
from application.tables.table import RowT, Table


class SQLiteLedgerRecorder(ReadModelQueries):
    """Recorder of events, their `local_id`s and the read models, in one SQLite file."""

    events_schema = schema.EVENTS
    first_schema = schema.FIRST
    guards = schema.GUARDS
    position_column = "rowid"
    steps = schema.STEPS

    def __init__(self, datastore: LedgerDatastore) -> None:
        self.datastore = datastore

    def sql_table(self, table: Table[RowT]) -> SQLiteTable[RowT]:
        return sqlite_table(table)

    def expect_schema(self, version: int) -> None:
        self.datastore.schema_guard.expect(version)

    def select_properties(self) -> list[Property]:
        with self.datastore.transaction(commit=False) as cursor:
            transaction = SQLiteUnitOfWork(cursor)
            is_there = transaction.columns(PROPERTIES.name)
            return transaction.rows(PROPERTIES) if is_there else []

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        local_ids: Sequence[UUID | None] | None = None,
        **_: Any,
    ) -> Sequence[int]:
        keys = local_ids if local_ids is not None else [None] * len(stored_events)
        with self.unit_of_work() as unit_of_work:
            return unit_of_work.append(stored_events, keys)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).select_events(
                cast("UUID", originator_id), gt=gt, lte=lte, desc=desc, limit=limit
            )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start else 0)
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).events_after(after, limit, topics, upto=stop)

    def max_notification_id(self) -> int | None:
        return self.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> NoReturn:
        """Raises NotImplementedError: followers pull (docs/decisions/0012-followers-pull.md)."""
        raise NotImplementedError

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        with self.datastore.transaction(commit=True) as cursor:
            unit_of_work = SQLiteUnitOfWork(cursor)
            yield unit_of_work
        self.recent_events.add(unit_of_work.appended)

    def head(self) -> int:
        with self.datastore.transaction(commit=False) as cursor:
            return read_head(cursor)

    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).events_after(position, limit, topics)

    def select_rows_after(self, position: int, limit: int, *, upto: int) -> Sequence[EventRow]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).rows_after(position, limit, upto=upto)

    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).recorded(local_ids)

    def select_positions_of(self, local_ids: Sequence[UUID]) -> Sequence[tuple[int, int]]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).positions_of(local_ids)

    def select_positions_at(
        self, versions: Sequence[tuple[UUID, int]]
    ) -> Sequence[tuple[int, int]]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteUnitOfWork(cursor).positions_at(versions)

    def check_storage(self) -> StorageCheck:
        with self.datastore.transaction(commit=False) as cursor:
            rows = cursor.execute(sql.INTEGRITY_CHECK).fetchall()
        return StorageCheck([str(text) for (text,) in rows if text != "ok"])

    def unsafe_settings(self) -> Sequence[str]:
        """None: every connection sets its own (see file.py)."""
        return ()

    @contextmanager
    def reading(self) -> Iterator[Run]:
        with self.datastore.transaction(commit=False) as cursor:

            def run(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
                cursor.execute(query, parameters)
                return [tuple(row) for row in cursor.fetchall()]

            yield run

    @contextmanager
    def notices(self) -> Iterator[Notices]:
        with self.datastore.notices() as notices:
            yield notices

    @contextmanager
    def exclusive(self, job: str) -> Iterator[StillHeld]:
        lock = filelock.FileLock(
            f"{self.datastore.file.path}.{job}.lock", mode=OWNER_ONLY, blocking=False
        )
        try:
            with lock:
                yield lambda: None  # Never lost: the operating system does not revoke a file lock.
        except filelock.Timeout as error:
            raise AlreadyRunning(f"another {job} of this ledger is at work") from error

    def grant_rights(self, role: str) -> NoReturn:
        """Raises UnsupportedDatabase: SQLite has no roles. Triggers guard the events instead."""
        raise UnsupportedDatabase(f"SQLite has no role {role}: triggers guard its events")


class SQLiteLedgerFactory(InfrastructureFactory[Any]):
    """Factory of the recorder, from SQLITE_DBNAME and SQLITE_LOCK_TIMEOUT (seconds)."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self.datastore = LedgerDatastore(
            self.env.get("SQLITE_DBNAME", ""),
            lock_timeout=int(self.env.get("SQLITE_LOCK_TIMEOUT", "30")),
        )

    def application_recorder(self) -> ApplicationRecorder:
        return SQLiteLedgerRecorder(self.datastore)

    def aggregate_recorder(self, purpose: str = "events") -> NoReturn:
        """Raises NotImplementedError: the ledger takes no snapshots."""
        raise NotImplementedError

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> NoReturn:
        """Raises NotImplementedError: read models are written in the commit of the events."""
        raise NotImplementedError

    def process_recorder(self) -> NoReturn:
        """Raises NotImplementedError: read models are written in the commit of the events."""
        raise NotImplementedError

    def close(self) -> None:
        self.datastore.close()
