"""Connections to the PostgreSQL database, from a pool that outlives the database's own failures.

Nothing here depends on a session: settings hold for one transaction, so that a pooler in between
may give every transaction another session.
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

# The library silences what the pool says when it can't reach the database.
logging.getLogger("psycopg.pool").setLevel(logging.WARNING)

POOL_TIMEOUT_SECONDS: Final = 5
"""Seconds that a caller waits for a connection, whether all are in use or the database is down,
before it is told to come back."""

CONNECT_TIMEOUT_SECONDS: Final = 2
"""For each host of the URL, the least that libpq takes: one that is gone without a word must leave
some of a caller's patience for the next."""

# A host that vanishes without a word is given up after 10 s, not after the quarter of an hour that
# TCP would wait.
_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "stockledger",
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# A statement waits so long for its locks, and a process that stalls amid a transaction loses its
# own after as long. The statements of a unit of work find rows by key: the planner must not
# read whole tables because it knows too little of them yet.
_SETTINGS: Final = """
SELECT set_config('lock_timeout', %s, true),
       set_config('idle_in_transaction_session_timeout', %s, true),
       set_config('enable_seqscan', 'off', true)
"""


class KeyTaken(Exception):
    """The transaction was undone: a key was there, as when another one has taken a version or a
    `local_id`."""


class Deadlock(Exception):
    """The transaction was undone: it and another one waited for each other."""


def execute(
    connection: Connection[Any], query: str, parameters: Sequence[Any] = ()
) -> Cursor[TupleRow]:
    """Runs a statement on a cursor of its own, whose rows are tuples."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(query.encode(), parameters)


_BY_INDEX: Final = "SET LOCAL enable_bitmapscan = off"

LISTEN: Final = "LISTEN stockledger_news"
NOTIFY: Final = "NOTIFY stockledger_news"


class PostgresNotices:
    """Hears of commits on a connection that listens."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def wait(self, seconds: float) -> bool:
        heard = any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        if heard:  # All that have come by now are one piece of news.
            list(self._connection.notifies(timeout=0))
        return heard


class LedgerDatastore(PostgresDatastore):
    """The database at `url`, a connection URI as libpq takes it (PostgreSQL manual, 32.1.1).

    Args:
        url: where the database is.
        pool_size: how many connections this process uses at the most.
        lock_timeout: how many seconds a writer waits for its turn.

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
            # Nothing is prepared: a pooler may not keep what is, and psycopg loses track of it
            # where a pipeline changes tables.
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
        """A connection beside the pool: for what lasts long, and to be told what is wrong where
        the pool would just not get one. Raises StoreUnavailable."""
        with _mapped_errors(), psycopg.connect(**self._settings, autocommit=True) as connection:
            yield connection

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Raises StoreUnavailable where the database can't be used, now or at all; KeyTaken;
        Deadlock."""
        with _mapped_errors():
            self.pool.open()
            with self.pool.connection() as connection:
                try:
                    yield connection
                finally:
                    if connection.closed:
                        self.pool.check()  # What cut this one may have cut the others too.

    @contextmanager
    def in_order(self) -> Iterator[Connection[DictRow]]:
        """A connection to read pages from, each by an index that has its order.

        By its statistics, or for want of any, the planner may find it cheaper to fetch all that a
        page could be taken from and sort that: page for page, and all of a ledger at worst.
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
        """A connection in a transaction that is committed at the end of the block. Statements are
        sent when an answer is asked for, several at a time. Where it is news, those who listen are
        told: not within the transaction, whose commit would then queue for a lock on them all."""
        with self.get_connection() as connection:
            try:
                with connection.pipeline(), connection.transaction():
                    execute(connection, _SETTINGS, [f"{self.lock_timeout}s"] * 2)
                    self._check_schema(connection)
                    yield connection
            finally:
                # Also after a failure: it may have kept what others wrote from being followed.
                if is_news():
                    with suppress(psycopg.Error):  # They look for themselves now and then.
                        execute(connection, NOTIFY)

    def _check_schema(self, connection: Connection[DictRow]) -> None:
        if self.schema_guard.is_due:
            self.schema_guard.check(execute(connection, READ_SCHEMA_VERSION).fetchall())

    def register_type_adapters(self) -> None:
        """Nothing to do: bulk statements take arrays of plain types."""


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
        # What libpq says may quote the password.
        raise UnsupportedDatabase(
            "the PostgreSQL URL can't be understood: it takes the parameters of libpq, and special "
            "characters percent-encoded"
        ) from error
    return _DEFAULTS | given


class UTCLoader(TimestamptzBinaryLoader):
    """Reads instants in UTC, whatever the session's time zone is: the year 1, which devices with a
    dead clock send, is not representable west of Greenwich."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._timezone = UTC


def _configure(connection: Connection[DictRow]) -> None:
    connection.adapters.register_loader("timestamptz", UTCLoader)
    # Behind a pooler, this may get a session that somebody listened on: psycopg would keep all that
    # it hears there, for ever.
    connection.add_notify_handler(lambda _: None)
    # Who reads after waiting for a lock must see what others did meanwhile, whatever the database
    # has as its default.
    connection.isolation_level = IsolationLevel.READ_COMMITTED
