"""Connections to the SQLite file: durable commits, one writer at a time, readers that never wait.

A writer takes the database's write lock when it begins, so nobody changes the rows that it reads.
Writers of one process share a connection, and queue for it here. Each reader has its own
connection.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Lock
from typing import Final

import apsw

from application.persistence.cancellation import cancellable
from application.persistence.errors import NotAllowed, StoreUnavailable
from application.persistence.schema_guard import READ_SCHEMA_VERSION, SchemaGuard
from application.persistence.sqlite.file import LedgerFile

MAX_READERS: Final = 42
"""Maximum number of readers: one per thread of the server (40 for requests, writer, follower)."""

WRITER_CACHE_KIB: Final = 65_536
"""Page cache of the writer, in KiB. SQLite's default of 2 MiB does not hold the inner index pages
of a large ledger."""

READER_CACHE_KIB: Final = 4_096
"""Page cache of each reader, in KiB. All caches sum up to less than 256 MiB."""

POLL_SECONDS: Final = 0.01
"""Seconds between two polls for a commit."""


class SQLiteNotices:
    """Commit notifications by polling: SQLite has none of its own."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._seen = self._version()

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (version := self._version()) == self._seen:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        self._seen = version
        return True

    def _version(self) -> int:
        """A number that changes with each commit of another connection. Costs some microseconds."""
        with mapped_errors():
            version: int = self._connection.pragma("data_version")
            return version


class LedgerDatastore:
    """Connections to the SQLite file at `path`.

    Writers wait `lock_timeout` seconds for a lock, readers as long for a free connection.
    """

    def __init__(self, path: str, *, lock_timeout: int) -> None:
        self.file = LedgerFile(path)
        self.lock_timeout = lock_timeout
        self.schema_guard = SchemaGuard()
        self._writer: apsw.Connection | None = None
        self._write_lock = Lock()
        self._readers: deque[apsw.Connection] = deque()
        self._reader_slots = BoundedSemaphore(MAX_READERS)
        self._closed = False

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[apsw.Cursor]:
        """Context manager of a cursor in a transaction.

        With `commit`, it takes the write lock, and commits at the end of the block. Without, it
        only reads.

        Raises:
            StoreUnavailable: the file can't be used, or the wait took too long.
            ReadCancelled: the read was cancelled.
        """
        with mapped_errors():
            if commit:
                with self._writing() as connection, _transaction(connection, "IMMEDIATE") as cursor:
                    self._check_schema(cursor)
                    yield cursor
                # A commit to a deleted file must not be answered as recorded.
                self.file.require_unmoved()
            else:
                with self._reading() as connection, _transaction(connection, "DEFERRED") as cursor:
                    self._check_schema(cursor)
                    yield cursor

    @contextmanager
    def notices(self) -> Iterator[SQLiteNotices]:
        """Context manager of commit notifications, on its own read connection.

        Raises StoreUnavailable.
        """
        with mapped_errors():
            connection = self._connect(READER_CACHE_KIB)
        try:
            yield SQLiteNotices(connection)
        finally:
            connection.close()

    def close(self) -> None:
        """Closes idle connections. A connection in use is closed when it is returned."""
        self._closed = True
        with self._write_lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        while self._readers:
            self._readers.pop().close()

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        if not self._write_lock.acquire(timeout=self.lock_timeout):
            raise StoreUnavailable(f"no write lock within {self.lock_timeout} s")
        try:
            if self._writer is None:
                self._writer = self._connect(WRITER_CACHE_KIB)
            self.file.require_unmoved()
            yield self._writer
        finally:
            self._write_lock.release()

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """Pool of readers, last in, first out: the last one has its pages in memory."""
        if not self._reader_slots.acquire(timeout=self.lock_timeout):
            raise StoreUnavailable(f"no free reader within {self.lock_timeout} s")
        try:
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect(READER_CACHE_KIB)
            try:
                self.file.require_unmoved()
                with cancellable(connection.interrupt):
                    yield connection
            finally:
                if connection.in_transaction:  # The rollback failed.
                    connection.close()
                else:
                    self._readers.append(connection)
                if self._closed:
                    self.close()
        finally:
            self._reader_slots.release()

    def _check_schema(self, cursor: apsw.Cursor) -> None:
        if self.schema_guard.is_due:
            self.schema_guard.check(cursor.execute(READ_SCHEMA_VERSION).fetchall())

    def _connect(self, cache_kib: int) -> apsw.Connection:
        return self.file.connect(busy_timeout_seconds=self.lock_timeout, cache_kib=cache_kib)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Maps errors of SQLite: raises NotAllowed if it is read-only, else StoreUnavailable."""
    try:
        yield
    except apsw.ReadOnlyError as error:
        raise NotAllowed(str(error)) from error
    except apsw.Error as error:
        raise StoreUnavailable(str(error)) from error
    except UnicodeDecodeError as error:
        raise StoreUnavailable(f"a text in the database is damaged: {error}") from error


@contextmanager
def _transaction(connection: apsw.Connection, mode: str) -> Iterator[apsw.Cursor]:
    cursor = connection.cursor()
    try:
        cursor.execute(f"BEGIN {mode}")
        yield cursor
        cursor.execute("COMMIT")
    finally:
        cursor.close(force=True)
        if connection.in_transaction:  # Some errors roll back by themselves.
            with suppress(apsw.Error):
                connection.execute("ROLLBACK")
