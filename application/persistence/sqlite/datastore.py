"""Connections to the SQLite file: durable commits, writers one at a time, readers never waiting.

Extends the library's datastore in three points. A writer takes the database's write lock when it
begins, so that what it reads can't change under it. Writers of one process queue for each other
here, so that readers don't queue behind them in the pool. And a commit is on the disk when it is
answered.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from eventsourcing.persistence import DatabaseError, InterfaceError, OperationalError
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)

from application.persistence.port import StoreUnavailable

CONNECTIONS = 42
"""As many as the server has threads: 40 for requests, one that writes, one that follows."""

CHECKPOINT_PAGES = 16_384
"""64 MiB of log between checkpoints: at SQLite's 1,000 pages, each larger batch pays for one."""

CACHE_KIB = 65_536
"""Pages that a connection may keep, as far as it has read so many: SQLite's 2 MiB do not hold the
inner pages of a large ledger's indexes."""


GLANCE_SECONDS = 0.01
"""Between two looks at whether something was committed."""


class _Transaction(SQLiteTransaction):
    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        return cursor


class _Connection(SQLiteConnection):
    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        with _Transaction(self, commit=commit) as cursor, cursor:
            yield cursor


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        try:
            connection = super()._create_connection()._sqlite_conn  # noqa: SLF001
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        return _Connection(connection, max_age=self.max_age)


class SQLiteNotices:
    """Hears of commits by looking at the file: SQLite tells nobody."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen = self._version()

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (version := self._version()) == self._seen:
            if time.monotonic() >= deadline:
                return False
            time.sleep(GLANCE_SECONDS)
        self._seen = version
        return True

    def _version(self) -> int:
        """Another one after a commit by any other connection. Costs some microseconds."""
        try:
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return version


class LedgerDatastore(SQLiteDatastore):
    """The SQLite file `db_name`. A writer waits `lock_timeout` seconds for its turn."""

    def __init__(self, db_name: str, *, lock_timeout: int) -> None:
        super().__init__(db_name)
        self.db_name = db_name
        self.lock_timeout = lock_timeout
        self.pool = _Pool(
            db_name=db_name,
            lock_timeout=lock_timeout,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=lock_timeout,
        )
        self._write_lock = Lock()

    @contextmanager
    def notices(self) -> Iterator[SQLiteNotices]:
        """On a connection of its own, which never writes."""
        try:
            connection = sqlite3.connect(self.db_name, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        try:
            yield SQLiteNotices(connection)
        finally:
            connection.close()

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        """Raises StoreUnavailable where the file can't be used, now or at all."""
        try:
            with super().transaction(commit=commit) as cursor:
                yield cursor
        except (DatabaseError, InterfaceError) as error:
            raise StoreUnavailable(str(error)) from error

    @contextmanager
    def get_connection(self, *, commit: bool) -> Iterator[SQLiteConnection]:
        if not commit:
            with self._pooled_connection() as connection:
                yield connection
            return
        if not self._write_lock.acquire(timeout=self.lock_timeout):
            raise OperationalError(f"no turn to write within {self.lock_timeout} s")
        try:
            with self._pooled_connection() as connection:
                yield connection
        finally:
            self._write_lock.release()

    @contextmanager
    def _pooled_connection(self) -> Iterator[SQLiteConnection]:
        connection = self.pool.get_connection()
        try:
            yield connection
        finally:
            self.pool.put_connection(connection)
