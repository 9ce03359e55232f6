"""Database faults: PostgreSQL crashes, cuts connections, fills its disk and fails over under load.

Synced transactions must survive, and none may be recorded twice. Callers may get 503, but no other
error. The servers must recover by themselves.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.recording.sync import SyncService
from harness.cluster import Cluster, cluster, url_of
from tests.support.builders import CLERK, element
from tests.support.load import Load, assert_sound
from tests.support.server import Server, get, on_hand, post, post_batch, register, running
from tests.support.stream import following, recorded_positions

FILE_LIMIT = 32 * 2**20

FILL_DISK = """
INSERT INTO stored_events
SELECT 1000000 + n, gen_random_uuid(), 1, 'filler', convert_to(repeat('x', 1000), 'UTF8'), NULL
FROM generate_series(1, 100000) AS n
"""


@pytest.fixture
def primary() -> Iterator[Cluster]:
    with cluster() as made:
        made.configure(fsync="off")
        yield made


def load_on(*servers: Server) -> Load:
    items = [register(servers[0].url, f"SKU-{n}") for n in range(5)]
    return Load([server.url for server in servers], items)


def is_ready(server: Server) -> bool:
    return get(f"{server.url}/health/ready").status_code == 200


@pytest.mark.slow
def test_database_that_crashes_under_load(primary: Cluster) -> None:
    with running(primary.url) as one, running(primary.url) as two:
        load = load_on(one, two)
        with following(one.url) as stream:
            with load.running():
                for _ in range(2):
                    load.wait_for_more(10)
                    primary.stop("immediate")
                    assert not is_ready(one)
                    primary.start()
                load.wait_for_more(10)
            head = get(f"{one.url}/sync/changes?limit=1").json()["head"]
            stream.wait_for_position(head)
        assert stream.ends == 1  # The reader itself ended it.
        assert stream.positions() == recorded_positions(one.url)
        assert load.turned_away
        assert is_ready(one)
        assert is_ready(two)
        load.assert_recorded_once()
    assert_sound(primary.url)


def test_connections_that_are_cut_again_and_again(primary: Cluster) -> None:
    with running(primary.url) as server:
        load = load_on(server)
        with load.running():
            for _ in range(30):
                primary.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'stockledger' AND state <> 'idle'"
                )
                load.wait_for_more(1)
        load.assert_recorded_once()
    assert_sound(primary.url)


def test_connection_that_is_cut_after_the_commit(primary: Cluster) -> None:
    """A commit that waits for a standby is on the disk, but has no answer yet."""
    with running(primary.url) as server, ThreadPoolExecutor(1) as pool:
        tea = register(server.url)
        batch = [element("INBOUND", tea, 5)]  # type: ignore[arg-type]
        primary.configure(synchronous_standby_names="nobody")
        sending = pool.submit(post, f"{server.url}/sync/transactions", {"transactions": batch})
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not primary.execute(cut):
            time.sleep(0.01)
        assert sending.result().status_code == 503
        primary.configure(synchronous_standby_names="")
        assert [synced["status"] for synced in post_batch(server.url, batch)["synced"]] == [
            "duplicate"
        ]
        assert on_hand(server.url, tea) == 5


def test_pool_that_is_exhausted(primary: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers of one server share a connection, and wait for it. Readers get 503."""
    monkeypatch.setenv("STOCKLEDGER_POOL_SIZE", "1")
    with running(primary.url) as server, ThreadPoolExecutor(3) as pool:
        tea = register(server.url)
        with psycopg.connect(primary.url) as other:
            other.execute("SELECT FROM stock_levels FOR UPDATE")
            batches = [[element("INBOUND", tea, 1)] for _ in range(3)]  # type: ignore[arg-type]
            sending = [pool.submit(post_batch, server.url, batch) for batch in batches]
            while not primary.execute("SELECT 1 FROM pg_locks WHERE NOT granted"):
                time.sleep(0.01)
            assert get(f"{server.url}/items").json()["code"] == "STORE_UNAVAILABLE"
        assert [len(future.result()["synced"]) for future in sending] == [1, 1, 1]
        assert on_hand(server.url, tea) == 3


@pytest.mark.slow
def test_disk_that_is_full(primary: Cluster) -> None:
    primary.configure(autovacuum="off")
    primary.stop()
    primary.start(max_file_size=FILE_LIMIT)
    with running(primary.url) as server:
        load = load_on(server)
        with pytest.raises(psycopg.Error, match="could not extend file"):
            primary.execute(FILL_DISK)
        with load.running():
            load.wait_until_turned_away()
            assert get(f"{server.url}/items").is_success
            primary.execute("VACUUM FULL stored_events")
            load.wait_for_more(5)
        load.assert_recorded_once()
    assert_sound(primary.url)


def test_database_that_is_read_only_for_a_while(primary: Cluster) -> None:
    with running(primary.url) as server:
        load = load_on(server)
        with load.running():
            load.wait_for_more(5)
            primary.configure(default_transaction_read_only="on")
            load.wait_until_turned_away()
            assert get(f"{server.url}/items").is_success
            primary.configure(default_transaction_read_only="off")
            load.wait_for_more(5)
        load.assert_recorded_once()
    assert_sound(primary.url)


def test_failover_to_a_standby(primary: Cluster) -> None:
    with primary.standby() as standby:
        primary.configure(synchronous_standby_names="*")
        url = f"{url_of(primary, standby)}&target_session_attrs=read-write"
        with running(url) as one, running(url) as two:
            load = load_on(one, two)
            with load.running():
                load.wait_for_more(20)
                primary.stop("immediate")
                standby.promote()
                load.wait_for_more(20)
            assert load.turned_away
            load.assert_recorded_once()
        assert_sound(standby.url)


def test_standby_shows_stock_but_does_not_guess_positions(primary: Cluster) -> None:
    with primary.standby() as standby:
        primary.configure(synchronous_standby_names="*", synchronous_commit="remote_apply")
        with running(primary.url) as server:
            tea = UUID(register(server.url))
        with Ledger(environment(standby.url, lock_timeout=30)) as ledger:
            level = ledger.recorder.select_item(tea)
            assert level is not None
            with pytest.raises(StoreUnavailable, match="standby"):
                ledger.recorder.select_notifications(1, 10)
            with pytest.raises(StoreUnavailable, match="read-only"):
                SyncService(ledger).sync([element("INBOUND", tea, 1)], CLERK)
