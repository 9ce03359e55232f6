"""Failover: PostgreSQL under Patroni loses its primary, while two servers have load.

No transaction may be recorded twice. Callers may get 503, but no other error. The servers must find
the new primary by themselves. With synchronous replication, the new primary must have every
answered transaction.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.load import Load, assert_sound
from tests.support.patroni import (
    PASSWORD,
    Node,
    PatroniCluster,
    from_page,
    patroni_cluster,
    wait_for,
)
from tests.support.server import get, register, running
from tests.support.stream import following, recorded_positions

pytestmark = [pytest.mark.high_availability, pytest.mark.timeout(300)]

MORE = 20
"""Batches to wait for, to see that the servers work."""

EVENTS = "SELECT notification_id, local_id FROM stored_events ORDER BY notification_id"


@pytest.fixture(autouse=True)
def _password_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


@pytest.fixture
def synchronous() -> Iterator[PatroniCluster]:
    with patroni_cluster() as cluster:
        cluster.wait_for_roles(leader=1, sync_standby=1, replica=1)
        create_database(cluster)
        yield cluster


@pytest.fixture
def asynchronous() -> Iterator[PatroniCluster]:
    """Asynchronous replication. Any lag is allowed, so that a promotion does not depend on the
    load."""
    with patroni_cluster(synchronous_mode=False, maximum_lag_on_failover=2**30) as cluster:
        cluster.wait_for_roles(leader=1, replica=2)
        create_database(cluster)
        yield cluster


def create_database(cluster: PatroniCluster) -> None:
    for command in from_page("sql", {}).splitlines():
        cluster.primary().execute(command)


def url_of(*nodes: Node) -> str:
    hosts = ",".join(node.address for node in nodes)
    (url,) = re.findall(r"'(postgresql://\S+)'", from_page("sh", {"db-1,db-2,db-3": hosts}))
    return str(url)


@contextmanager
def load_on(cluster: PatroniCluster) -> Iterator[Load]:
    """Load on two servers."""
    url = url_of(*cluster.nodes)
    with running(url) as one, running(url) as two:
        items = [register(one.url, f"SKU-{n}") for n in range(5)]
        yield Load([one.url, two.url], items)


def freeze_replication(primary: Node) -> None:
    """Stops the WAL senders, so that standbys get no data, but keep their connections."""
    for (pid,) in primary.execute("SELECT pid FROM pg_stat_replication"):
        os.kill(pid, signal.SIGSTOP)


def wait_for_waiting_commit(primary: Node) -> None:
    query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    wait_for(lambda: primary.execute(query), lambda: "no commit waits for a standby")


def test_primary_that_dies_loses_nothing(synchronous: PatroniCluster) -> None:
    """A commit without a standby has no answer. The leader key expires, as in production."""
    old = synchronous.primary()
    with load_on(synchronous) as load:
        with following(load.urls[0]) as stream:
            with load.running():
                load.wait_for_more(MORE)
                freeze_replication(old)
                wait_for_waiting_commit(old)
                old.kill()
                new = synchronous.primary()
                load.wait_for_more(MORE)
            head = get(f"{load.urls[0]}/sync/changes?limit=1").json()["head"]
            stream.wait_for_position(head)
        assert stream.positions() == recorded_positions(load.urls[0])
        assert load.turned_away
        load.assert_recorded_once()
    assert_sound(url_of(new))


def test_primary_that_dies_loses_what_no_standby_has_yet(asynchronous: PatroniCluster) -> None:
    """The lost transactions were answered. Clients can send them again, with all others."""
    old = asynchronous.primary()
    with load_on(asynchronous) as load:
        with load.running():
            load.wait_for_more(MORE)
            freeze_replication(old)
            load.wait_for_more(MORE)
            old.kill()
            asynchronous.etcd.forget_leader()
            new = asynchronous.primary()
            load.wait_for_more(MORE)
        assert set(load.send_again()) == {"duplicate", "recorded"}
        load.assert_recorded_once()
    assert_sound(url_of(new))

    old.start()
    asynchronous.wait_for_roles(leader=1, replica=2)
    asynchronous.wait_for(
        lambda: old.execute(EVENTS, "stockledger") == new.execute(EVENTS, "stockledger"),
        "the old primary as a copy of the new one",
    )


def test_switchover_loses_nothing(synchronous: PatroniCluster) -> None:
    old = synchronous.primary()
    with load_on(synchronous) as load:
        with load.running():
            load.wait_for_more(MORE)
            assert "Successfully switched over" in old.patronictl("switchover", "--force")
            new = synchronous.primary()
            load.wait_for_more(MORE)
        assert new is not old
        load.assert_recorded_once()
    assert_sound(url_of(new))


def test_primary_without_patroni_answers_nothing_that_is_lost(synchronous: PatroniCluster) -> None:
    """The old primary still accepts writes, and the servers stay connected to it. But their commits
    wait, because no standby confirms them."""
    old = synchronous.primary()
    with load_on(synchronous) as load:
        with load.running():
            load.wait_for_more(MORE)
            old.kill_patroni()
            synchronous.etcd.forget_leader()
            new = synchronous.primary()
            wait_for_waiting_commit(old)
            old.start()
            load.wait_for_more(MORE)
        assert new is not old
        load.assert_recorded_once()
    assert_sound(url_of(new))


def test_primary_goes_on_without_etcd(synchronous: PatroniCluster) -> None:
    """Failsafe mode: the primary reaches all other nodes."""
    primary = synchronous.primary()
    with load_on(synchronous) as load:
        with load.running():
            load.wait_for_more(MORE)
            synchronous.etcd.stop()
            synchronous.wait_for(primary.is_in_failsafe_mode, "the failsafe mode")
            load.wait_for_more(MORE)
            synchronous.etcd.start()
            synchronous.wait_for(lambda: not primary.is_in_failsafe_mode(), "an end of it")
            load.wait_for_more(MORE)
        assert not load.turned_away
        assert synchronous.primary() is primary
        load.assert_recorded_once()
    assert_sound(url_of(primary))
