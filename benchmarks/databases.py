"""The databases that are measured, with their defaults: every commit is on the disk."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteCursor

from application.persistence.postgres.datastore import execute
from application.persistence.postgres.tables import postgres_table
from application.persistence.postgres.transaction import INSERT_EVENTS
from application.persistence.sqlite.tables import sqlite_table
from application.projections.table import Table, Write
from tests.support import postgres

Statement = tuple[str, Sequence[Any]]


class Commit(NamedTuple):
    """What one batch writes."""

    events: Sequence[tuple[int, StoredEvent, Any]]
    """Position, event, `local_id`."""
    writes: Sequence[tuple[Table, Write]]


class Database(Protocol):
    name: str
    begins: str
    """A part of the statement that begins a unit of work, and of no other."""

    def new(self) -> AbstractContextManager[str]:
        """The URL of an empty database."""
        ...

    def bare(self, url: str) -> AbstractContextManager[Callable[[Sequence[Statement]], None]]:
        """Runs statements in one commit, by the driver and nothing else."""
        ...

    def statements(self, commit: Commit) -> list[Statement]:
        """The bulk statements that write all of it."""
        ...

    def recorded_statements(self) -> AbstractContextManager[list[str]]:
        """What the ledger executes in the block; a bulk statement over many rows counts once."""
        ...


class SQLite:
    name = "SQLite"
    begins = "BEGIN IMMEDIATE"

    @contextmanager
    def new(self) -> Iterator[str]:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'ledger.db'}"

    @contextmanager
    def bare(self, url: str) -> Iterator[Callable[[Sequence[Statement]], None]]:
        connection = sqlite3.connect(urlsplit(url).path[1:], isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=16384")

        def run(statements: Sequence[Statement]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                connection.executemany(statement, rows)
            connection.execute("COMMIT")

        yield run
        connection.close()

    def statements(self, commit: Commit) -> list[Statement]:
        events = [
            (position, e.originator_id.bytes, e.originator_version, e.topic, e.state, key.bytes)  # type: ignore[union-attr]
            for position, e, key in commit.events
        ]
        statements: list[Statement] = [
            ("INSERT INTO stored_events VALUES (?, ?, ?, ?, ?, ?)", events)
        ]
        statements += [sqlite_table(table).statement(write) for table, write in commit.writes]
        return [(statement, list(rows)) for statement, rows in statements]

    @contextmanager
    def recorded_statements(self) -> Iterator[list[str]]:
        found: list[str] = []
        with (
            patch.object(SQLiteCursor, "execute", _recording(SQLiteCursor.execute, found)),
            patch.object(SQLiteCursor, "executemany", _recording(SQLiteCursor.executemany, found)),
        ):
            yield found


class PostgreSQL:
    name = "PostgreSQL"
    begins = "set_config('lock_timeout'"

    def __init__(self, server: postgres.Server) -> None:
        self._server = server

    def new(self) -> AbstractContextManager[str]:
        return self._server.database()

    @contextmanager
    def bare(self, url: str) -> Iterator[Callable[[Sequence[Statement]], None]]:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:

            def run(statements: Sequence[Statement]) -> None:
                with connection.pipeline(), connection.transaction():
                    for statement, columns in statements:
                        execute(connection, statement, columns)

            yield run

    def statements(self, commit: Commit) -> list[Statement]:
        positions, events, keys = map(list, zip(*commit.events, strict=True))
        columns = [
            positions,
            [event.originator_id for event in events],
            [event.originator_version for event in events],
            [event.topic for event in events],
            [event.state for event in events],
            keys,
        ]
        statements: list[Statement] = [(INSERT_EVENTS, columns)]
        statements += [postgres_table(table).statement(write) for table, write in commit.writes]
        return statements

    @contextmanager
    def recorded_statements(self) -> Iterator[list[str]]:
        found: list[str] = []
        recording = _recording(psycopg.Cursor.execute, found)
        with patch.object(psycopg.Cursor, "execute", recording):
            yield found


@contextmanager
def databases() -> Iterator[list[Database]]:
    """Each of them, as long as the block lasts."""
    with postgres.server(durable=True) as server:
        yield [SQLite(), PostgreSQL(server)]


def _recording(original: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    def execute(cursor: Any, statement: str | bytes, *arguments: Any, **options: Any) -> Any:
        found.append(statement.decode() if isinstance(statement, bytes) else statement)
        return original(cursor, statement, *arguments, **options)

    return execute
