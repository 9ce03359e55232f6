"""PostgreSQL server for tests: the one in STOCKLEDGER_TEST_POSTGRES_URL, or a new cluster."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict

from harness.cluster import cluster

URL_VARIABLE = "STOCKLEDGER_TEST_POSTGRES_URL"

CUT_CONNECTIONS = """
SELECT pg_terminate_backend(pid, 10000)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Server:
    """A PostgreSQL server that creates databases for tests."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._all: list[str] = []
        self._free: list[str] = []

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database. Databases are reused, because creating one is slow."""
        name = self._free.pop() if self._free else self._create()
        yield self._url_of(name)
        cut_connections(self._url_of(name))
        with psycopg.connect(self._url_of(name)) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        self._free.append(name)

    @contextmanager
    def copy_of(self, database_url: str) -> Iterator[str]:
        """The URL of a copy of a database that nobody uses."""
        template = conninfo_to_dict(database_url)["dbname"]
        name = f"stockledger_{uuid4().hex}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self._url_of(name)
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_databases(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            for name in self._all:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self) -> str:
        name = f"stockledger_{uuid4().hex}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        self._all.append(name)
        return name

    def _url_of(self, name: str) -> str:
        settings = conninfo_to_dict(self._url) | {"dbname": name}
        query = "&".join(f"{key}={value}" for key, value in settings.items() if value)
        return f"postgresql://?{query}"


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A server for one run. `durable` turns fsync on.

    Tests do not need fsync: they kill processes, not the machine.
    """
    url = os.environ.get(URL_VARIABLE)
    if url is not None:
        server = Server(url)
        yield server
        server.drop_databases()
        return
    with cluster() as new:
        new.configure(fsync="on" if durable else "off")
        yield Server(new.url)


def cut_connections(database_url: str) -> None:
    """Ends all sessions of a database, like a network failure or an administrator."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(CUT_CONNECTIONS)
