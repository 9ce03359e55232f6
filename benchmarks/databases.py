"""Databases to measure, with their default durability: a commit is on the disk."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import apsw
import psycopg
from eventsourcing.persistence import StoredEvent

from application.persistence.postgres.datastore import execute
from application.persistence.postgres.statements import INSERT_EVENTS
from application.persistence.postgres.tables import postgres_table
from application.persistence.sqlite.bulk import in_bulk
from application.persistence.sqlite.datastore import WRITER_CACHE_KIB
from application.persistence.sqlite.file import CACHED_STATEMENTS, CHECKPOINT_PAGES, LedgerFile
from application.persistence.sqlite.statements import EVENT_COLUMNS, append_events
from application.persistence.sqlite.tables import sqlite_table
from application.tables.table import Table, Write
from harness import postgres

Statement = tuple[str, Sequence[Any]]


Run = Callable[[Sequence[Statement]], None]


class Commit(NamedTuple):
    """Rows of one batch."""

    events: Sequence[tuple[int, StoredEvent, Any]]
    """Position, event and `local_id`."""
    writes: Sequence[tuple[Table[Any], Write]]


class Database(Protocol):
    name: str

    def new(self) -> AbstractContextManager[str]:
        """The URL of an empty database."""
        ...

    def bare_driver(self, url: str) -> AbstractContextManager[Run]:
        """A function that runs statements in one commit, with the driver alone."""
        ...

    def standard_driver(self, url: str) -> AbstractContextManager[Run] | None:
        """The same with the driver of the standard library; None if there is none."""
        ...

    def statements(self, commit: Commit) -> list[Statement]:
        """The bulk statements for the rows of a commit."""
        ...


class SQLite:
    name = "SQLite"

    @contextmanager
    def new(self) -> Iterator[str]:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'ledger.db'}"

    @contextmanager
    def bare_driver(self, url: str) -> Iterator[Run]:
        file = LedgerFile(urlsplit(url).path[1:])
        connection = file.connect(busy_timeout_seconds=30, cache_kib=WRITER_CACHE_KIB)
        yield partial(_commit, connection)
        connection.close()

    @contextmanager
    def standard_driver(self, url: str) -> Iterator[Run]:
        connection = sqlite3.connect(
            urlsplit(url).path[1:], isolation_level=None, cached_statements=CACHED_STATEMENTS
        )
        connection.execute("PRAGMA synchronous = full")
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        yield partial(_commit, connection)
        connection.close()

    def statements(self, commit: Commit) -> list[Statement]:
        events = (
            (e.originator_id.bytes, e.originator_version, e.topic, e.state, key.bytes)  # type: ignore[union-attr]
            for _, e, key in commit.events
        )
        flat = [*chain.from_iterable(events)]
        statements: list[Statement] = [*in_bulk(flat, EVENT_COLUMNS, append_events)]
        for table, write in commit.writes:
            statements += sqlite_table(table).statements(write)
        return statements


def _commit(
    connection: apsw.Connection | sqlite3.Connection, statements: Sequence[Statement]
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement, parameters in statements:
        connection.execute(statement, parameters)
    connection.execute("COMMIT")


class PostgreSQL:
    name = "PostgreSQL"

    def __init__(self, server: postgres.Server) -> None:
        self._server = server

    def new(self) -> AbstractContextManager[str]:
        return self._server.database()

    def standard_driver(self, url: str) -> None:
        """There is none."""

    @contextmanager
    def bare_driver(self, url: str) -> Iterator[Run]:
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
        for table, write in commit.writes:
            statements += postgres_table(table).statements(write)
        return statements


@contextmanager
def databases() -> Iterator[list[Database]]:
    """SQLite, and PostgreSQL on a server that runs until the end of the block."""
    with postgres.server(durable=True) as server:
        yield [SQLite(), PostgreSQL(server)]
