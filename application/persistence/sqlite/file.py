"""The SQLite file: opens all connections, and notices if the file was deleted or replaced.

Every connection of this process comes from here, and is apsw's. Two SQLite libraries in one process
do not see each other's locks: a row that one commits may vanish under the other. The standard
library's `sqlite3` must not open the file, and neither may a bare `open`. apsw also brings a SQLite
without the WAL-reset bug. SQLite before 3.51.3 may lose pages if two processes write
(sqlite.org/wal.html, "the WAL-reset bug").
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import apsw

from application.persistence.errors import StoreUnavailable

CHECKPOINT_PAGES: Final = 16_384
"""Pages of the write-ahead log between two checkpoints: 64 MiB. With SQLite's default of 1,000
pages, each larger batch pays for a checkpoint."""

CACHED_STATEMENTS: Final = 256
"""Prepared statements cached by each connection."""

OWNER_ONLY: Final = 0o600
"""File mode: only the owner may read and write."""

_Identity = tuple[int, int] | None
"""Device and inode; None if there is no file."""


class LedgerFile:
    """The file at `path`, and its write-ahead log.

    A missing file is created, and only its owner can read it. The log and the log's index get the
    same permissions.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._log_path = f"{self.path}-wal"
        self._file: _Identity = None
        self._log: _Identity = None

    def connect(self, *, busy_timeout_seconds: float, cache_kib: int) -> apsw.Connection:
        """Opens a durable connection: a commit is on the disk when it returns.

        Args:
            busy_timeout_seconds: seconds that a statement waits for the database's lock.
            cache_kib: size of the page cache, in KiB.

        Raises:
            StoreUnavailable: the file or its log was deleted or replaced.
            apsw.Error: the file can't be opened, or is not a database.
        """
        if self._file is None:
            self._create_if_missing()
        else:
            self.require_unmoved()
        # SQLite must not create the file: with a new file, it deletes a log that is left over.
        connection = apsw.Connection(
            self.path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=CACHED_STATEMENTS
        )
        connection.set_busy_timeout(int(busy_timeout_seconds * 1000))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -cache_kib)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        if self._file is None:
            self._file = _identity(self.path)
        self.require_unmoved()
        return connection

    def _create_if_missing(self) -> None:
        """Never opens an existing file: closing it would free the locks of open connections.

        Raises StoreUnavailable: a log is left over, but its file is missing or empty.
        """
        if not _size(self.path) and _size(f"{self.path}-wal"):
            raise StoreUnavailable(
                f"{self.path} is missing or empty, but its log {self.path}-wal has commits: put "
                "the file back where the log is, or move the log away if it is no ledger's"
            )
        with suppress(OSError):  # SQLite has the clearer error.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))

    def require_unmoved(self) -> None:
        """Raises StoreUnavailable: the file or its log was deleted or replaced while open.

        Writes would be lost with the deleted files.
        """
        if _identity(self.path) != self._file:
            raise StoreUnavailable(
                f"{self.path} was deleted or replaced: put it back, or restart the server"
            )
        log = _identity(self._log_path)
        if self._log is None:
            self._log = log
        elif log != self._log:
            raise StoreUnavailable(f"{self.path}-wal was deleted or replaced: restart the server")


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _identity(path: str) -> _Identity:
    try:
        found = os.stat(path)  # noqa: PTH116 -- a Path costs ten times as much, four times a commit
    except OSError:
        return None
    return found.st_dev, found.st_ino
