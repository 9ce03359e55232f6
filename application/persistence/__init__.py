"""Persistence: the port that the application uses, and one adapter per database."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from eventsourcing.utils import EnvType

from application.persistence.errors import UnsupportedDatabase


def environment(
    database_url: str, *, lock_timeout: int, pool_size: int = 10, must_exist: bool = False
) -> EnvType:
    """Returns the eventsourcing library's settings for the ledger at `database_url`.

    Args:
        database_url: `sqlite:///relative.db`, `sqlite:////absolute.db`, or a PostgreSQL connection
            URI.
        lock_timeout: seconds that a writer waits for a lock.
        pool_size: maximum number of connections in a process's pool (PostgreSQL only).
        must_exist: whether a missing SQLite file is an error. Otherwise it is created.

    Raises:
        UnsupportedDatabase: the URL is not supported, the driver is not installed, or the file is
            missing.
    """
    url = urlsplit(database_url)
    match url.scheme:
        case "sqlite":
            return _sqlite(url, lock_timeout, must_exist)
        case "postgresql" | "postgres":
            return _postgres(database_url, lock_timeout, pool_size)
        case unknown:
            raise UnsupportedDatabase(
                f"{unknown or database_url!r} is not supported: use sqlite:/// or postgresql://"
            )


def _sqlite(url: SplitResult, lock_timeout: int, must_exist: bool) -> EnvType:
    if url.query or url.fragment:
        raise UnsupportedDatabase("the name of a SQLite file must not contain ? or #")
    path = url.path.removeprefix("/")
    if url.netloc or not path or ":memory:" in path:
        raise UnsupportedDatabase("SQLite needs a file: sqlite:///stockledger.db")
    if must_exist and not Path(path).exists():
        raise UnsupportedDatabase(f"there is no file {path}")
    return {
        "PERSISTENCE_MODULE": "application.persistence.sqlite.recorder:SQLiteLedgerFactory",
        "SQLITE_DBNAME": path,
        "SQLITE_LOCK_TIMEOUT": str(lock_timeout),
    }


def _postgres(database_url: str, lock_timeout: int, pool_size: int) -> EnvType:
    if find_spec("psycopg") is None:
        raise UnsupportedDatabase("PostgreSQL needs its driver: install stockledger[postgres]")
    return {
        "PERSISTENCE_MODULE": "application.persistence.postgres.recorder:PostgresLedgerFactory",
        "POSTGRES_URL": database_url,
        "POSTGRES_POOL_SIZE": str(pool_size),
        "POSTGRES_LOCK_TIMEOUT": str(lock_timeout),
    }
