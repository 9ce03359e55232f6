"""PostgreSQL adapter: promises that only this adapter makes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import copy
from application.maintenance.rebuild import REBUILD, rebuild
from application.persistence import environment
from application.persistence.errors import StoreUnavailable, UnsupportedDatabase
from application.persistence.filters import MovementFilter
from application.persistence.postgres.datastore import LISTEN, NOTIFY
from application.persistence.postgres.datastore import execute as execute_on
from application.persistence.postgres.recorder import PostgresLedgerRecorder
from application.persistence.postgres.unit_of_work import PostgresUnitOfWork
from application.projections import PROJECTIONS
from application.projections.stock_levels import StockLevels
from application.recording.sync import SyncService
from domain.events import StockItemEvent
from harness import postgres
from tests.support.aggregates import load, movement_of
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, execute, on_hand


@pytest.fixture
def database_url(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


def movements_of(ledger: Ledger, *item_ids: UUID) -> list[StockItemEvent]:
    return [movement_of(load(ledger, item_id), uuid4()) for item_id in item_ids]


def test_follower_never_passes_an_event_that_commits_late(
    ledger: Ledger, items: ItemService
) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    slow, fast = movements_of(ledger, tea, cup)
    with ledger.recorder.unit_of_work() as first:
        (early,) = ledger.append(first, [slow])
        with ledger.recorder.unit_of_work() as second:
            (late,) = ledger.append(second, [fast])
        assert early.position < late.position
        assert on_hand(ledger, cup) == 1
        assert ledger.recorder.head() == 2
        assert [position for position, _ in all_events(ledger)] == [1, 2]
    assert ledger.recorder.head() == late.position
    assert [position for position, _ in all_events(ledger)] == [1, 2, early.position, late.position]


def test_follower_passes_positions_that_were_given_up(ledger: Ledger, items: ItemService) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    undone, kept = movements_of(ledger, tea, cup)

    def undo() -> None:
        with ledger.recorder.unit_of_work() as unit_of_work:
            ledger.append(unit_of_work, [undone])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undo()
    with ledger.recorder.unit_of_work() as unit_of_work:
        (found,) = ledger.append(unit_of_work, [kept])
    assert [position for position, _ in all_events(ledger)] == [1, 2, found.position]


@pytest.mark.parametrize("by", ["the library", "the ledger"])
def test_follower_misses_nothing_while_many_write(
    ledger: Ledger, items: ItemService, by: str
) -> None:
    recorder = ledger.recorder
    by_library = partial(recorder.select_notifications, inclusive_of_start=False)
    select = by_library if by == "the library" else recorder.select_events_after
    ids = [register(items, f"SKU-{n}") for n in range(8)]
    followed: list[int] = []
    stop = Event()

    def follow() -> None:
        last = 0
        is_done = False
        while not is_done:
            has_stopped = stop.is_set()
            new = select(last, 50)
            followed.extend(found.id for found in new)
            last = followed[-1] if followed else 0
            is_done = has_stopped and not new

    def write(item_id: UUID) -> None:
        for _ in range(40):
            SyncService(ledger).sync([element("INBOUND", item_id, 1)], CLERK)

    follower = Thread(target=follow)
    follower.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, ids))
    stop.set()
    follower.join()
    assert len(followed) == 8 + 8 * 40
    assert followed == [position for position, _ in all_events(ledger)]


def test_table_that_another_process_is_making_is_not_made_again(
    ledger: Ledger, database_url: str
) -> None:
    table = replace(PROJECTIONS[0].table, name="made_by_two")

    def make() -> None:
        env = environment(database_url, lock_timeout=30)
        with Ledger(env) as other, other.recorder.unit_of_work() as unit_of_work:
            unit_of_work.create_table(table)

    with ThreadPoolExecutor(1) as pool:
        with ledger.recorder.unit_of_work() as unit_of_work:
            unit_of_work.create_table(table)
            second = pool.submit(make)
            deadline = time.monotonic() + 30
            while not someone_waits(database_url):
                assert not second.done()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        second.result()


def someone_waits(database_url: str) -> bool:
    waiters = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(database_url) as connection:
        return connection.execute(waiters).fetchone() is not None


def test_writers_of_different_items_do_not_wait_for_each_other(
    ledger: Ledger, items: ItemService, sync: SyncService
) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    (slow,) = movements_of(ledger, tea)
    with ledger.recorder.unit_of_work() as unit_of_work:
        unit_of_work.lock([tea])
        ledger.append(unit_of_work, [slow])
        result = sync.sync([element("INBOUND", cup, 3)], CLERK)
        assert [synced.on_hand for synced in result.synced] == [3]


def test_rivals_for_one_item_queue_and_never_conflict(
    ledger: Ledger, items: ItemService, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea = register(items)
    pauses: list[float] = []
    monkeypatch.setattr("application.ledger.retry.time.sleep", pauses.append)

    def write(_: int) -> int:
        return len(SyncService(ledger).sync([element("INBOUND", tea, 1)], CLERK).failed)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(160))) == 0
    assert on_hand(ledger, tea) == 160
    assert pauses == []


def test_cut_connections_are_replaced(
    ledger: Ledger, items: ItemService, database_url: str
) -> None:
    tea = register(items)
    with ledger.recorder.datastore.get_connection(), ledger.recorder.datastore.get_connection():  # type: ignore[attr-defined]
        pass  # The pool now has at least two.
    postgres.cut_connections(database_url)
    with pytest.raises(StoreUnavailable):
        ledger.recorder.select_item(tea)
    assert on_hand(ledger, tea) == 0


def test_exhausted_pool_is_unavailable(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.persistence.postgres.datastore.POOL_TIMEOUT_SECONDS", 1)
    env = environment(database_url, lock_timeout=30, pool_size=1)
    with (
        Ledger(env) as ledger,
        ledger.recorder.datastore.get_connection(),  # type: ignore[attr-defined]
        pytest.raises(StoreUnavailable),
    ):
        ledger.recorder.head()


def test_item_that_stays_locked_is_unavailable(
    ledger: Ledger, items: ItemService, database_url: str
) -> None:
    tea = register(items)
    with (
        Ledger(environment(database_url, lock_timeout=1)) as hasty,
        psycopg.connect(database_url) as other,
    ):
        other.execute("SELECT FROM stock_levels FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            SyncService(hasty).sync([element("INBOUND", tea, 1)], CLERK)


def test_rebuild_whose_lock_was_cut_does_not_go_live(ledger: Ledger, database_url: str) -> None:
    def go_live() -> None:
        with ledger.recorder.exclusive(REBUILD) as still_held:
            still_held()
            postgres.cut_connections(database_url)
            still_held()
            raise AssertionError("went live")

    with pytest.raises(StoreUnavailable):
        go_live()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_time_zone_of_the_server_does_not_matter(
    sync: SyncService, items: ItemService, database_url: str, zone: str
) -> None:
    dead_clocks = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    times = [time.isoformat() for time in dead_clocks]
    tea = register(items)
    sync.sync([element("INBOUND", tea, 1, occurredAt=time) for time in times], CLERK)
    there = f"{database_url}&options=-c%20timezone%3D{zone}"
    with Ledger(environment(there, lock_timeout=30)) as ledger:
        rows = ledger.recorder.select_movements(MovementFilter(), before=None, limit=10)
    assert [row.occurred_at for row in reversed(rows)] == dead_clocks


def test_sequence_that_fell_behind_is_no_lost_race(
    ledger: Ledger, items: ItemService, sync: SyncService
) -> None:
    tea = register(items)
    execute(ledger, "ALTER SEQUENCE stored_events_notification_id_seq RESTART")
    with pytest.raises(StoreUnavailable):
        sync.sync([element("INBOUND", tea, 1)], CLERK)


def test_people_can_read_the_events(
    ledger: Ledger, sync: SyncService, items: ItemService, database_url: str
) -> None:
    sync.sync([element("INBOUND", register(items), 5)], CLERK)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT event, state ->> 'sku', state ->> 'on_hand' FROM readable_events "
            "WHERE position = 2"
        ).fetchone()
    assert found == ("InboundRecorded", "TEA-250", "5")


def test_damaged_read_model_that_bars_a_write_is_no_lost_race(
    ledger: Ledger, items: ItemService, sync: SyncService
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 1)], CLERK)
    execute(ledger, "UPDATE movements SET position = 3")
    with pytest.raises(StoreUnavailable):
        sync.sync([element("INBOUND", tea, 1)], CLERK)


def test_url_that_can_not_be_understood_is_refused() -> None:
    with pytest.raises(UnsupportedDatabase):
        Ledger(environment("postgresql://host/db?nonsense=1", lock_timeout=1))


def test_one_connection_is_enough(database_url: str, tmp_path: Path) -> None:
    env = environment(database_url, lock_timeout=5, pool_size=1)
    with Ledger(env) as ledger:
        tea = register(ItemService(ledger))
        SyncService(ledger).sync([element("INBOUND", tea, 5)], CLERK)
        execute(ledger, "DELETE FROM stock_levels")
        SyncService(ledger).sync([element("OUTBOUND", tea, 2)], CLERK)
        for projection in PROJECTIONS:
            rebuild(ledger, projection, lambda *_: None)
        assert on_hand(ledger, tea) == 3
        with Ledger(environment(f"sqlite:///{tmp_path / 'old.db'}", lock_timeout=5)) as old:
            copy(ledger, old, lambda *_: None)
            SyncService(old).sync([element("INBOUND", tea, 1)], CLERK)
            copy(old, ledger, lambda *_: None)
        assert on_hand(ledger, tea) == 4


def test_what_a_shared_session_hears_is_not_kept(ledger: Ledger) -> None:
    """A pooler may give us a session on which another client called LISTEN."""
    recorder = ledger.recorder
    assert isinstance(recorder, PostgresLedgerRecorder)
    with recorder.datastore.get_connection() as connection:
        for statement in (LISTEN, NOTIFY, "SELECT 1"):
            connection.execute(statement)
        assert not connection._notifies_backlog


def test_stock_list_is_updated_without_a_write_to_its_indexes(
    ledger: Ledger, items: ItemService, sync: SyncService
) -> None:
    ids = [register(items, f"SKU-{n}") for n in range(200)]
    rebuild(ledger, StockLevels(), lambda *_: None)
    for _ in range(3):
        sync.sync([element("INBOUND", item_id, 1) for item_id in ids], CLERK)
    recorder = ledger.recorder
    assert isinstance(recorder, PostgresLedgerRecorder)
    with recorder.datastore.unit_of_work() as connection:
        transaction = PostgresUnitOfWork(connection, [])
        ledger.append(transaction, movements_of(ledger, *ids))
        ((updates, in_place),) = execute_on(
            connection,
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables "
            "WHERE relname = 'stock_levels'",
        )
    assert updates == in_place >= 200  # Perhaps with earlier, unreported ones.
