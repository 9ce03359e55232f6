"""The state of a verification, in a file of its own: how far it came, and the last state of each
item.

So memory does not grow with the ledger, a killed verification goes on where it was, and the next
one reads only what is new.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import apsw
import msgspec

from application.persistence.errors import StoreUnavailable

FORMAT: Final = 2
"""Number of this file's format. A file of another one is begun anew."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    name TEXT, key BLOB, value BLOB NOT NULL, PRIMARY KEY (name, key)
) WITHOUT ROWID;
"""


class StateFile:
    """The file at `path`; "" for a temporary one. Raises StoreUnavailable: it can't be used."""

    def __init__(self, path: str) -> None:
        with _mapped():
            self._connection = apsw.Connection(path)
            self._connection.set_busy_timeout(1_000)
            self._require_own()
            self._connection.pragma("synchronous", "normal")
            self._connection.pragma("journal_mode", "wal")
            self._connection.execute(_SCHEMA)

    def _require_own(self) -> None:
        """Raises StoreUnavailable: the file is another database, such as a ledger."""
        others = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT IN ('progress', 'streams', 'rows') AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        if others:
            self._connection.close()
            raise StoreUnavailable(
                "the state of the verification needs a file of its own: this is another database"
            )

    def close(self) -> None:
        """Closes the file. A temporary one is deleted."""
        self._connection.close()

    def clear(self) -> None:
        """Forgets everything."""
        with self.commit():
            for table in ("progress", "streams", "rows"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Context manager of one commit."""
        with _mapped(), self._connection:
            yield

    def progress(self) -> dict[str, Any]:
        """Returns what was saved last, by name."""
        with _mapped():
            rows: list[Any] = self._connection.execute(
                "SELECT name, value FROM progress"
            ).fetchall()
        return {name: msgspec.msgpack.decode(value) for name, value in rows}

    def save_progress(self, values: Mapping[str, Any]) -> None:
        """Saves values by name."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO progress VALUES (?, ?)",
            [(name, msgspec.msgpack.encode(value)) for name, value in values.items()],
        )

    def streams(self, ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """Returns the saved states of these items and codes, by id."""
        found = {}
        with _mapped():
            for one in ids:
                for (value,) in self._connection.execute(
                    "SELECT value FROM streams WHERE id = ?", (one,)
                ):
                    found[one] = value
        return found

    def save_streams(self, states: Iterable[tuple[bytes, bytes]]) -> None:
        """Saves states by id."""
        self._connection.executemany("INSERT OR REPLACE INTO streams VALUES (?, ?)", states)

    def rows(self, name: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Returns the saved rows of a read model, by key."""
        found = {}
        with _mapped():
            for key in keys:
                for (value,) in self._connection.execute(
                    "SELECT value FROM rows WHERE name = ? AND key = ?", (name, key)
                ):
                    found[key] = value
        return found

    def save_rows(self, name: str, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Saves rows of a read model by key."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)",
            ((name, key, value) for key, value in rows),
        )

    def rows_after(self, name: str, key: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Returns the saved rows of a read model after a key, in order."""
        with _mapped():
            rows: list[Any] = self._connection.execute(
                "SELECT key, value FROM rows WHERE name = ? AND key > ? ORDER BY key LIMIT ?",
                (name, key, limit),
            ).fetchall()
        return rows

    def count_streams(self) -> int:
        """Returns the number of items and codes."""
        with _mapped():
            ((number,),) = self._connection.execute("SELECT count(*) FROM streams")
        return int(number)


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise StoreUnavailable(f"the state of the verification can't be used: {error}") from error
