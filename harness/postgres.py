"""A real PostgreSQL to test with: one that is given, or one of the tests' own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict

from harness.cluster import cluster

GIVEN = "STOCKLEDGER_TEST_POSTGRES_URL"

CUT_CONNECTIONS = """
SELECT pg_terminate_backend(pid, 10000)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Server:
    """A server on which databases can be made."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[str] = []
        self._free: list[str] = []

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database. A database is slow to make, and is used again."""
        name = self._free.pop() if self._free else self._make()
        yield self._url_of(name)
        cut_connections(self._url_of(name))
        with psycopg.connect(self._url_of(name)) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        self._free.append(name)

    def drop_databases(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            for name in self._made:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make(self) -> str:
        name = f"stockledger_{uuid4().hex}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        self._made.append(name)
        return name

    def _url_of(self, name: str) -> str:
        settings = conninfo_to_dict(self._url) | {"dbname": name}
        query = "&".join(f"{key}={value}" for key, value in settings.items() if value)
        return f"postgresql://?{query}"


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """Tests kill processes, not the machine, so nothing need be on the disk, unless `durable`."""
    given = os.environ.get(GIVEN)
    if given is not None:
        server = Server(given)
        yield server
        server.drop_databases()
        return
    with cluster() as own:
        own.configure(fsync="on" if durable else "off")
        yield Server(own.url)


def cut_connections(database_url: str) -> None:
    """Ends all sessions of a database, as a failing network or administrator would."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(CUT_CONNECTIONS)
