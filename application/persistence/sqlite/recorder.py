"""The ledger's recorder on SQLite, and the factory by which the library finds it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import filelock
from eventsourcing.persistence import (
    ApplicationRecorder,
    Notification,
    StoredEvent,
)
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor, SQLiteFactory
from eventsourcing.utils import Environment, EnvType

from application.persistence.port import LedgerTransaction, Notices, RebuildRunning, StillHeld
from application.persistence.queries import ReadModelQueries, Run
from application.persistence.sqlite.datastore import LedgerDatastore
from application.persistence.sqlite.tables import sqlite_table
from application.persistence.sqlite.transaction import SQLiteLedgerTransaction, read_head, read_id

# An INTEGER PRIMARY KEY that bears the name rowid: the library's queries read positions under this
# name, and a VACUUM leaves them as they are, which it would not with an implicit rowid.
CREATE_EVENTS = """
CREATE TABLE IF NOT EXISTS stored_events (
    rowid INTEGER PRIMARY KEY,
    originator_id BLOB NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    local_id BLOB UNIQUE,
    UNIQUE (originator_id, originator_version)
)
"""

CREATE_READABLE_EVENTS = """
CREATE VIEW IF NOT EXISTS readable_events AS
SELECT rowid AS position, lower(hex(originator_id)) AS item_id, originator_version AS version,
       topic AS event, CAST(state AS TEXT) AS state
FROM stored_events
"""


class SQLiteLedgerRecorder(SQLiteApplicationRecorder, ReadModelQueries):
    """Events with their `local_id`s, and the read models beside them, in one SQLite file."""

    datastore: LedgerDatastore
    sql_table = staticmethod(sqlite_table)
    convert_originator_id = staticmethod(read_id)

    def construct_create_table_statements(self) -> list[str]:
        return [CREATE_EVENTS, CREATE_READABLE_EVENTS]

    def _insert_events(
        self,
        c: SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        *,
        local_ids: Sequence[UUID | None] | None = None,
        **_: Any,
    ) -> Sequence[int]:
        keys = local_ids if local_ids is not None else [None] * len(stored_events)
        return SQLiteLedgerTransaction(c).append(stored_events, keys)

    def select_events(self, originator_id: UUID | str, **options: Any) -> Sequence[StoredEvent]:
        """The library takes what is no UUID as it is."""
        return super().select_events(cast("UUID", originator_id).bytes, **options)  # type: ignore[arg-type]

    @contextmanager
    def transaction(self) -> Iterator[LedgerTransaction]:
        with self.datastore.transaction(commit=True) as cursor:
            yield SQLiteLedgerTransaction(cursor)

    def head(self) -> int:
        with self.datastore.transaction(commit=False) as cursor:
            return read_head(cursor)

    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteLedgerTransaction(cursor).events_after(position, limit, topics)

    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        with self.datastore.transaction(commit=False) as cursor:
            return SQLiteLedgerTransaction(cursor).recorded(local_ids)

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
    def rebuild_lock(self) -> Iterator[StillHeld]:
        lock = filelock.FileLock(f"{self.datastore.db_name}.rebuild.lock", blocking=False)
        try:
            with lock:
                yield lambda: None  # The operating system takes a lock from nobody.
        except filelock.Timeout as error:
            raise RebuildRunning("another rebuild of this ledger is at work") from error


class SQLiteLedgerFactory(SQLiteFactory):
    """Makes the recorder from SQLITE_DBNAME and SQLITE_LOCK_TIMEOUT (seconds)."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self.datastore = LedgerDatastore(
            self.env.get(self.SQLITE_DBNAME, ""),
            lock_timeout=int(self.env.get(self.SQLITE_LOCK_TIMEOUT, "30")),
        )

    def application_recorder(self) -> ApplicationRecorder:
        recorder = SQLiteLedgerRecorder(self.datastore)
        recorder.create_table()
        return recorder
