"""The SQLite file: who opens it, and whether it is still the one that was opened.

Every connection of this process comes from here, and is apsw's. Two SQLite libraries in one process
do not see each other's locks, so a row that one commits may vanish under the other: the standard
library's `sqlite3` must not open the file, and neither may a bare `open`. The library that apsw
brings also lies behind the WAL-reset race of SQLite before 3.51.3 (sqlite.org/wal.html, "the
WAL-reset bug"), which may lose pages where two processes write.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import apsw

from application.persistence.errors import StoreUnavailable

CHECKPOINT_PAGES: Final = 16_384
"""64 MiB of log between checkpoints: at SQLite's 1,000 pages, each larger batch pays for one."""

CACHED_STATEMENTS: Final = 256
"""Kept by each connection."""

OWNER_ONLY: Final = 0o600

_Identity = tuple[int, int] | None


class LedgerFile:
    """The file at `path`, and its write-ahead log. It is made where it is not there, for its owner
    alone to read; the log and the index of the log take its permissions."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._file: _Identity = None
        self._log: _Identity = None

    def connect(self, *, busy_timeout_seconds: float, cache_kib: int) -> apsw.Connection:
        """A new connection, on which a commit is on the disk when it returns.

        Raises:
            StoreUnavailable: another file is in the place of the one that was opened first.
            apsw.Error: it can't be opened, or is no database.
        """
        if self._file is None:
            self._make()
        else:
            self.require_unmoved()
        # Never made by SQLite: beside a new file, it deletes the log that another one has left.
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

    def _make(self) -> None:
        """Where it is not there: to close a file that a connection has open frees its locks.

        Raises StoreUnavailable where a log tells that there was one.
        """
        if not _size(self.path) and _size(f"{self.path}-wal"):
            raise StoreUnavailable(
                f"{self.path} is missing or empty, but its log {self.path}-wal has commits: put "
                "the file back where the log is, or move the log away if it is no ledger's"
            )
        with suppress(OSError):  # SQLite says more clearly what is wrong.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))

    def require_unmoved(self) -> None:
        """Raises StoreUnavailable where file or log were deleted or replaced since they were
        opened: what is written goes to files that nobody will find again."""
        if _identity(self.path) != self._file:
            raise StoreUnavailable(
                f"{self.path} was deleted or replaced: put it back, or restart the server"
            )
        log = _identity(f"{self.path}-wal")
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
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
