"""The recorder on PostgreSQL, and the factory that the eventsourcing library loads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent
from eventsourcing.postgres import (
    BasePostgresFactory,
    PostgresApplicationRecorder,
    PostgresFactory,
)
from eventsourcing.utils import Environment, EnvType

from application.persistence.errors import AlreadyRunning, WriteConflict, unique_violation
from application.persistence.event_store import Notices
from application.persistence.maintenance import StillHeld
from application.persistence.postgres import schema
from application.persistence.postgres import statements as sql
from application.persistence.postgres.datastore import (
    LISTEN,
    Deadlock,
    KeyTaken,
    LedgerDatastore,
    PostgresNotices,
    execute,
)
from application.persistence.postgres.positions import horizon
from application.persistence.postgres.roles import grant_rights
from application.persistence.postgres.storage_check import check_storage, unsafe_settings
from application.persistence.postgres.tables import PostgresTable, postgres_table
from application.persistence.postgres.unit_of_work import PostgresUnitOfWork
from application.persistence.queries import ReadModelQueries
from application.persistence.recent_events import Appended
from application.persistence.table_queries import Run
from application.persistence.tree_reader import EventRow
from application.persistence.unit_of_work import UnitOfWork
from application.persistence.verification_reader import StorageCheck
from application.tables.properties import PROPERTIES, Property
from application.tables.table import RowT, Table


class PostgresLedgerRecorder(PostgresApplicationRecorder, ReadModelQueries):
    """Recorder of events, their `local_id`s and the read models, in one PostgreSQL database."""

    datastore: LedgerDatastore
    events_schema = schema.EVENTS
    first_schema = schema.FIRST
    guards = ()
    position_column = "notification_id"
    steps = schema.STEPS

    def sql_table(self, table: Table[RowT]) -> PostgresTable[RowT]:
        return postgres_table(table)

    def expect_schema(self, version: int) -> None:
        self.datastore.schema_guard.expect(version)

    def select_properties(self) -> list[Property]:
        with self.datastore.own_connection() as connection, connection.transaction():
            transaction = PostgresUnitOfWork(connection, [])
            is_there = transaction.columns(PROPERTIES.name)
            return transaction.rows(PROPERTIES) if is_there else []

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        local_ids: Sequence[UUID | None] | None = None,
        **_: Any,
    ) -> Sequence[int]:
        keys = local_ids if local_ids is not None else [None] * len(stored_events)
        with self.unit_of_work() as unit_of_work:
            return unit_of_work.append(stored_events, keys)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        settled = self._horizon()
        found: Sequence[Notification] = super().select_notifications(
            start,
            limit,
            settled if stop is None else min(stop, settled),
            topics,
            inclusive_of_start=inclusive_of_start,
        )
        return found

    def max_notification_id(self) -> int | None:
        return self.head() or None

    def head(self) -> int:
        settled = self._horizon()
        with self.datastore.get_connection() as connection:
            ((position,),) = execute(connection, sql.LAST_UP_TO, [settled])
        return int(position)

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        appended: list[Appended] = []
        try:
            with self.datastore.unit_of_work(lambda: bool(appended)) as connection:
                yield PostgresUnitOfWork(connection, appended)
        except Deadlock as error:
            items = {cast("UUID", event.originator_id) for run in appended for event in run.events}
            raise WriteConflict(items) from error
        except KeyTaken as error:
            raise unique_violation(self._conflicting_items(appended), error) from error
        self.recent_events.add(appended)

    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        settled = self._horizon()
        with self.datastore.in_order() as connection:
            transaction = PostgresUnitOfWork(connection, [])
            return transaction.events_after(position, limit, topics, upto=settled)

    def select_rows_after(self, position: int, limit: int, *, upto: int) -> Sequence[EventRow]:
        with self.datastore.in_order() as connection:
            return PostgresUnitOfWork(connection, []).rows_after(position, limit, upto=upto)

    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        with self.datastore.get_connection() as connection:
            return list(PostgresUnitOfWork(connection, []).recorded(local_ids))

    def select_positions_of(self, local_ids: Sequence[UUID]) -> Sequence[tuple[int, int]]:
        with self.datastore.in_order() as connection:
            return execute(connection, sql.POSITIONS_OF, [list(local_ids)]).fetchall()

    def select_positions_at(
        self, versions: Sequence[tuple[UUID, int]]
    ) -> Sequence[tuple[int, int]]:
        columns = [list(column) for column in zip(*versions, strict=True)]
        with self.datastore.in_order() as connection:
            return execute(connection, sql.POSITIONS_AT, columns).fetchall()

    def check_storage(self) -> StorageCheck:
        with self.datastore.own_connection() as connection:
            return check_storage(connection)

    def unsafe_settings(self) -> Sequence[str]:
        with self.datastore.own_connection() as connection:
            return unsafe_settings(connection)

    @contextmanager
    def reading(self) -> Iterator[Run]:
        with self.datastore.in_order() as connection:
            yield lambda query, parameters: execute(
                connection, query.replace("?", "%s"), parameters
            ).fetchall()

    @contextmanager
    def notices(self) -> Iterator[Notices]:
        with self.datastore.own_connection() as connection:
            execute(connection, LISTEN)
            yield PostgresNotices(connection)

    @contextmanager
    def exclusive(self, job: str) -> Iterator[StillHeld]:
        with self.datastore.own_connection() as connection, connection.transaction():
            ((is_free, _),) = execute(connection, sql.TRY_JOB_LOCK, [f"stockledger {job}"])
            if not is_free:
                raise AlreadyRunning(f"another {job} of this ledger is at work")

            def still_held() -> None:
                execute(connection, "SELECT")

            yield still_held

    def grant_rights(self, role: str) -> None:
        with self.datastore.own_connection() as connection, connection.transaction():
            grant_rights(connection, role)

    def _horizon(self) -> int:
        with self.datastore.get_connection() as connection:
            return horizon(connection)

    def _conflicting_items(self, appended: Sequence[Appended]) -> set[UUID]:
        """Items with a version or a `local_id` that another writer took."""
        if not appended:
            return set()
        keys = [
            (event.originator_id, event.originator_version, local_id)
            for run in appended
            for event, local_id in zip(run.events, run.local_ids, strict=True)
        ]
        columns = [list(column) for column in zip(*keys, strict=True)]
        with self.datastore.get_connection() as connection:
            return {item_id for (item_id,) in execute(connection, sql.CONFLICTING, columns)}


class PostgresLedgerFactory(PostgresFactory):
    """Factory of the recorder, from POSTGRES_URL, POSTGRES_POOL_SIZE (connections) and
    POSTGRES_LOCK_TIMEOUT (seconds)."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        # Skips the library's constructor, which requires host, user and password one by one.
        super(BasePostgresFactory, self).__init__(env)
        self.datastore = LedgerDatastore(
            self.env.get("POSTGRES_URL", ""),
            pool_size=int(self.env.get(self.POSTGRES_POOL_SIZE, "10")),
            lock_timeout=int(self.env.get(self.POSTGRES_LOCK_TIMEOUT, "30")),
        )

    def application_recorder(self) -> ApplicationRecorder:
        return PostgresLedgerRecorder(self.datastore)
