"""Connection pool for PostgreSQL. It outlives failures of the database.

Units of work and reads do not depend on a session: settings hold for one transaction, so a pooler
may give every transaction another session. Only LISTEN and the rebuild lock need a session, and
have a connection of their own.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import Any, Final

import psycopg
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection, Cursor, IsolationLevel
from psycopg.abc import AdaptContext
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import (
    DeadlockDetected,
    InsufficientPrivilege,
    InvalidSchemaName,
    ReadOnlySqlTransaction,
    UniqueViolation,
)
from psycopg.rows import DictRow, TupleRow, dict_row, tuple_row
from psycopg.types.datetime import TimestamptzBinaryLoader
from psycopg_pool import ConnectionPool

from application.persistence.cancellation import cancellable
from application.persistence.errors import NotAllowed, StoreUnavailable, UnsupportedDatabase
from application.persistence.schema_guard import READ_SCHEMA_VERSION, SchemaGuard

# The library silences the pool's warnings about a database that it can't reach.
logging.getLogger("psycopg.pool").setLevel(logging.WARNING)

POOL_TIMEOUT_SECONDS: Final = 5
"""Seconds that a caller waits for a connection before StoreUnavailable, if all are in use or the
database is down."""

CONNECT_TIMEOUT_SECONDS: Final = 2
"""Seconds for each host of the URL, the minimum of libpq. A host that does not answer must leave
some of POOL_TIMEOUT_SECONDS for the next host."""

# A host that no longer answers counts as lost after 10 s. TCP alone would wait for a quarter of an
# hour.
_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "stockledger",
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# The same timeout limits the wait for a lock, and frees the locks of a process that stalls in a
# transaction. The statements of a unit of work find rows by key. Without statistics, the planner
# might read whole tables instead, so sequential scans are off.
_SETTINGS: Final = """
SELECT set_config('lock_timeout', %s, true),
       set_config('idle_in_transaction_session_timeout', %s, true),
       set_config('enable_seqscan', 'off', true)
"""


class KeyTaken(Exception):
    """Unique-constraint violation: the transaction was rolled back.

    Usually another writer took a version or a `local_id` first.
    """


class Deadlock(Exception):
    """Deadlock: this transaction and another one waited for each other. This one was rolled
    back."""


def execute(
    connection: Connection[Any], query: str, parameters: Sequence[Any] = ()
) -> Cursor[TupleRow]:
    """Runs a statement on its own cursor, with tuples as rows. Raises psycopg.Error."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(query.encode(), parameters)


_BY_INDEX: Final = "SET LOCAL enable_bitmapscan = off"

LISTEN: Final = "LISTEN stockledger_news"
NOTIFY: Final = "NOTIFY stockledger_news"


class PostgresNotices:
    """Commit notifications, by LISTEN on one connection."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def wait(self, seconds: float) -> bool:
        heard = any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        if heard:  # Pending notifications count as one.
            list(self._connection.notifies(timeout=0))
        return heard


class LedgerDatastore(PostgresDatastore):
    """The database at `url`, a connection URI as libpq takes it (PostgreSQL manual, 32.1.1).

    Args:
        url: the connection URI.
        pool_size: maximum number of connections in the pool.
        lock_timeout: seconds that a statement waits for a lock.

    Raises:
        UnsupportedDatabase: the URL can't be understood.
    """

    def __init__(self, url: str, *, pool_size: int, lock_timeout: int) -> None:
        super().__init__(dbname="", host="", port="", user="", password="")
        self.lock_timeout = lock_timeout
        self.schema_guard = SchemaGuard()
        self._settings = _connection_settings(url)
        self.pool = ConnectionPool(  # type: ignore[assignment]
            name="stockledger",
            connection_class=Connection[DictRow],
            # No prepared statements: a pooler may not keep them, and psycopg loses track of them
            # when a pipeline changes tables.
            kwargs=self._settings
            | {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None},
            configure=_configure,
            min_size=1,
            max_size=pool_size,
            timeout=POOL_TIMEOUT_SECONDS,
            reconnect_timeout=POOL_TIMEOUT_SECONDS,  # The next caller makes the pool try again.
            open=False,
        )

    @contextmanager
    def own_connection(self) -> Iterator[Connection[Any]]:
        """Context manager of a connection outside the pool, for long-lived use.

        If the database can't be reached, its error has the reason. The pool would only time out.
        Raises StoreUnavailable.
        """
        with _mapped_errors(), psycopg.connect(**self._settings, autocommit=True) as connection:
            yield connection

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Context manager of a connection from the pool.

        Raises:
            StoreUnavailable: the database can't be used.
            KeyTaken: a statement violated a unique constraint.
            Deadlock: the transaction was rolled back because of a deadlock.
        """
        with _mapped_errors():
            self.pool.open()
            with self.pool.connection() as connection:
                try:
                    yield connection
                finally:
                    if connection.closed:
                        self.pool.check()  # The others may be broken, too.

    @contextmanager
    def in_order(self) -> Iterator[Connection[DictRow]]:
        """Context manager of a connection that reads pages by an index in their order.

        Bitmap scans are off. With them, the planner may prefer to fetch and sort all candidates of
        a page, by its statistics or without any. That would happen for each page, and at worst for
        the whole ledger.

        Raises StoreUnavailable, SchemaChanged, ReadCancelled.
        """
        with (
            self.get_connection() as connection,
            cancellable(connection.cancel),
            connection.pipeline(),
            connection.transaction(),
        ):
            self._check_schema(connection)
            execute(connection, _BY_INDEX)
            yield connection

    @contextmanager
    def unit_of_work(
        self, is_news: Callable[[], bool] = lambda: False
    ) -> Iterator[Connection[DictRow]]:
        """Context manager of a connection in a transaction, committed at the end of the block.

        Pipelined: statements wait until an answer is needed, then several are sent at once. If
        `is_news()`, listeners are notified after the transaction. A NOTIFY within it would make
        the commit queue for a global lock.

        Raises StoreUnavailable, SchemaChanged, KeyTaken, Deadlock.
        """
        with self.get_connection() as connection:
            try:
                with connection.pipeline(), connection.transaction():
                    execute(connection, _SETTINGS, [f"{self.lock_timeout}s"] * 2)
                    self._check_schema(connection)
                    yield connection
            finally:
                # Also after a failure: its low-water mark may have held back others' events.
                if is_news():
                    with suppress(psycopg.Error):  # Listeners also look without it, now and then.
                        execute(connection, NOTIFY)

    def _check_schema(self, connection: Connection[DictRow]) -> None:
        if self.schema_guard.is_due:
            self.schema_guard.check(execute(connection, READ_SCHEMA_VERSION).fetchall())

    def register_type_adapters(self) -> None:
        """Does nothing: bulk statements take arrays of plain types."""


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except UniqueViolation as error:
        raise KeyTaken(_line(error)) from error
    except DeadlockDetected as error:
        raise Deadlock(_line(error)) from error
    except (InsufficientPrivilege, InvalidSchemaName, ReadOnlySqlTransaction) as error:
        raise NotAllowed(_line(error)) from error
    except psycopg.Error as error:
        raise StoreUnavailable(_line(error)) from error


def _line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


def _connection_settings(url: str) -> dict[str, Any]:
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # The message of libpq may quote the password.
        raise UnsupportedDatabase(
            "the PostgreSQL URL can't be understood: it takes the parameters of libpq, and special "
            "characters percent-encoded"
        ) from error
    return _DEFAULTS | given


class UTCLoader(TimestamptzBinaryLoader):
    """Loader of instants in UTC, not in the session's time zone.

    A device without a working clock sends the year 1. In a time zone behind UTC, Python cannot
    represent this time.
    """

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._timezone = UTC


def _configure(connection: Connection[DictRow]) -> None:
    connection.adapters.register_loader("timestamptz", UTCLoader)
    # Discards notifications. A pooler may assign a session that still listens, and psycopg would
    # keep its notifications for ever.
    connection.add_notify_handler(lambda _: None)
    # A read after a wait for a lock must see what others committed meanwhile. The default of the
    # database may be another level.
    connection.isolation_level = IsolationLevel.READ_COMMITTED
