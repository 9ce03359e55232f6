"""Connections to the SQLite file: durable commits, writers one at a time, readers never waiting.

A writer takes the database's write lock when it begins, so that what it reads can't change under
it. Writers of one process share a connection and queue for it here; each reader has one of its own.
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
"""As many as the server has threads: 40 for requests, one that writes, one that follows."""

WRITER_CACHE_KIB: Final = 65_536
"""Pages that the writer may keep: SQLite's 2 MiB do not hold the inner pages of a large ledger's
indexes."""

READER_CACHE_KIB: Final = 4_096
"""The same for each reader. All together stay below 256 MiB."""

POLL_SECONDS: Final = 0.01
"""Between two looks at whether something was committed."""


class SQLiteNotices:
    """Hears of commits by looking at the file: SQLite tells nobody."""

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
        """Another one after a commit by any other connection. Costs some microseconds."""
        with mapped_errors():
            version: int = self._connection.pragma("data_version")
            return version


class LedgerDatastore:
    """The SQLite file at `path`. A writer waits `lock_timeout` seconds for its turn."""

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
        """A cursor in a transaction, committed at the end of the block where `commit` says so.
        Raises StoreUnavailable where the file can't be used, now or at all."""
        with mapped_errors():
            if commit:
                with self._writing() as connection, _transaction(connection, "IMMEDIATE") as cursor:
                    self._check_schema(cursor)
                    yield cursor
                # What was committed to a file that is gone must not be answered as recorded.
                self.file.require_unmoved()
            else:
                with self._reading() as connection, _transaction(connection, "DEFERRED") as cursor:
                    self._check_schema(cursor)
                    yield cursor

    @contextmanager
    def notices(self) -> Iterator[SQLiteNotices]:
        """On a connection of its own, which never writes."""
        with mapped_errors():
            connection = self._connect(READER_CACHE_KIB)
        try:
            yield SQLiteNotices(connection)
        finally:
            connection.close()

    def close(self) -> None:
        """Closes what is not in use; what is, closes when it is given back."""
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
            raise StoreUnavailable(f"no turn to write within {self.lock_timeout} s")
        try:
            if self._writer is None:
                self._writer = self._connect(WRITER_CACHE_KIB)
            self.file.require_unmoved()
            yield self._writer
        finally:
            self._write_lock.release()

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """The connection that was used last comes first: its pages are in memory."""
        if not self._reader_slots.acquire(timeout=self.lock_timeout):
            raise StoreUnavailable(f"no turn to read within {self.lock_timeout} s")
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
                if connection.in_transaction:  # It could not be rolled back.
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
    """Raises StoreUnavailable for what SQLite says against the file."""
    try:
        yield
    except apsw.ReadOnlyError as error:
        raise NotAllowed(str(error)) from error
    except apsw.Error as error:
        raise StoreUnavailable(str(error)) from error


@contextmanager
def _transaction(connection: apsw.Connection, mode: str) -> Iterator[apsw.Cursor]:
    cursor = connection.cursor()
    try:
        cursor.execute(f"BEGIN {mode}")
        yield cursor
        cursor.execute("COMMIT")
    finally:
        cursor.close(force=True)
        if connection.in_transaction:  # Some errors have rolled back by themselves.
            with suppress(apsw.Error):
                connection.execute("ROLLBACK")
