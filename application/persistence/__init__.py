"""Where the ledger is kept: the port that the application sees, and an adapter a database."""

from urllib.parse import urlsplit

from eventsourcing.utils import EnvType


class UnsupportedDatabase(ValueError):
    """The database URL names no database that the ledger can be kept in."""


def environment(database_url: str, *, lock_timeout: int) -> EnvType:
    """What the eventsourcing library wants to know to keep the ledger at `database_url`.

    Args:
        database_url: `sqlite:///relative.db` or `sqlite:////absolute.db`.
        lock_timeout: how many seconds a writer waits for its turn.

    Raises:
        UnsupportedDatabase: there is no adapter for the URL.
    """
    url = urlsplit(database_url)
    path = url.path.removeprefix("/")
    if url.scheme != "sqlite":
        raise UnsupportedDatabase(
            f"{url.scheme or database_url!r} is not supported: use sqlite:///"
        )
    if url.netloc or not path or ":memory:" in path:
        raise UnsupportedDatabase("SQLite needs a file: sqlite:///stockledger.db")
    return {
        "PERSISTENCE_MODULE": "application.persistence.sqlite.recorder:SQLiteLedgerFactory",
        "SQLITE_DBNAME": path,
        "SQLITE_LOCK_TIMEOUT": str(lock_timeout),
    }
