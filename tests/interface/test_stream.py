"""/sync/stream on a real server: every change arrives, in spite of faults."""

import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import httpx2
import psycopg
import pytest

from application.access.principal import ANONYMOUS
from application.access.roles import Role
from harness import postgres
from harness.postgres import CUT_CONNECTIONS
from interface.api.problems import RequestProblem
from interface.api.streaming import MIN_STREAM_SECONDS, StreamSlots
from tests.support.builders import element
from tests.support.server import TIMEOUT_SECONDS, Server, get, post, post_batch, register, running
from tests.support.stream import following

MORE_THAN_BUFFERS_HOLD = 10_000
"""Number of changes, half a kilobyte each, that is more than all buffers hold."""


def record(server: Server, item: str, number: int = 1) -> None:
    post_batch(server.url, [element("INBOUND", UUID(item), 1) for _ in range(number)])


def test_changes_arrive_as_they_are_recorded_by_any_server(database_url: str) -> None:
    with running(database_url) as one, running(database_url) as two:
        tea = register(one.url)
        with following(one.url) as here, following(two.url) as there:
            for _ in range(5):
                record(one, tea, 3)
                record(two, tea, 150)
            here.wait_for(766)
            there.wait_for(766)
        assert here.changes == there.changes
        assert here.positions() == sorted(set(here.positions()))
        page = get(f"{one.url}/sync/changes?limit=1000").json()
        assert page["items"] == here.changes
        assert page["nextAfter"] == here.last_id == there.last_id


def test_stream_goes_on_after_its_last_event(database_url: str) -> None:
    """Faults: a kill of the server and, on PostgreSQL, a cut of all its connections."""
    with running(database_url) as server:
        tea = register(server.url)
        with following(server.url) as stream:
            record(server, tea)
            stream.wait_for(2)
            server.kill()
            server.start().wait_until_ready()
            record(server, tea)
            stream.wait_for(3)
            if database_url.startswith("postgres"):
                ends = stream.ends
                with psycopg.connect(database_url, autocommit=True) as connection:
                    for number in range(4, 9):
                        connection.execute(CUT_CONNECTIONS)
                        _record_at_last(server, tea)
                        stream.wait_for(number)
                assert stream.ends == ends
        assert stream.positions() == sorted(set(stream.positions()))
        with following(server.url, last_id=stream.last_id) as resumed:
            record(server, tea)
            resumed.wait_for(1)
        assert resumed.positions()[0] > stream.positions()[-1]


def _record_at_last(server: Server, item: str) -> None:
    batch = [element("INBOUND", UUID(item), 1)]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not post(f"{server.url}/sync/transactions", {"transactions": batch}).is_success:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_stream_ends_with_its_key_and_shows_own_locations(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_KEY_CACHE", "1")
    with running(database_url, auth=True) as server:
        admin = server.admin_key
        new = {"name": "scanner-7", "role": Role.DEVICE.value, "locations": ["main"]}
        made = post(f"{server.url}/keys", new, admin).raise_for_status().json()
        item = {"location": "main", "sku": "TEA", "name": "Tea", "unit": "box"}
        with following(server.url, key=made["key"]) as stream:
            post(f"{server.url}/items", item | {"location": "annex"}, admin).raise_for_status()
            post(f"{server.url}/items", item, admin).raise_for_status()
            stream.wait_for(1)
            assert [change["location"] for change in stream.changes] == ["main"]
            post(f"{server.url}/keys/{made['keyId']}/revoke", {}, admin).raise_for_status()
            stream.wait_until_refused(401)


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_stream_says_that_it_lives_where_it_has_nothing_to_say(database_url: str) -> None:
    with running(database_url) as server, following(server.url) as stream:
        stream.wait_for_comment("heartbeat")
        record(server, register(server.url))
        stream.wait_for(2)
        assert stream.ends == 0


def test_only_so_many_streams_a_caller(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_STREAMS", "2")
    with running(database_url) as server, ExitStack() as streams:
        register(server.url)
        opened = [streams.enter_context(following(server.url)) for _ in range(2)]
        for stream in opened:
            stream.wait_for(1)
        for path in ("stream", "changes?wait=30"):
            full = get(f"{server.url}/sync/{path}")
            assert (full.status_code, full.json()["code"]) == (429, "TOO_MANY_STREAMS")
            assert "Retry-After" in full.headers
        assert get(f"{server.url}/sync/changes").is_success
        opened[0].stop()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not get(f"{server.url}/sync/changes?wait=0.01").is_success:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_new_stream_takes_the_place_of_an_old_one() -> None:
    """A device that loses its network cannot close its old stream."""
    slots, who = StreamSlots(2), ANONYMOUS
    woken: list[bool] = []
    with slots.taken_by(who) as old, slots.taken_by(who) as young:
        old.wake = lambda: woken.append(True)
        with pytest.raises(RequestProblem), slots.taken_by(who):
            pass
        old.since -= MIN_STREAM_SECONDS
        with slots.taken_by(who):
            assert (old.taken_away, young.taken_away, woken) == (True, False, [True])
    with slots.taken_by(who), slots.taken_by(who):
        pass


def test_who_hangs_up_waits_no_longer(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_STREAMS", "1")
    with running(database_url) as server:
        after = get(f"{server.url}/sync/changes").json()["nextAfter"]
        waiting = f"{server.url}/sync/changes?after={after}&wait=30"
        for _ in range(2):
            with pytest.raises(httpx2.TimeoutException):
                httpx2.get(waiting, timeout=0.3)
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not get(f"{server.url}/sync/changes?after={after}&wait=0.01").is_success:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reader_that_does_not_read_keeps_nobody_waiting_and_misses_nothing(
    database_url: str,
) -> None:
    with running(database_url) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.settimeout(TIMEOUT_SECONDS)
        slow.connect(("127.0.0.1", server.port))
        tea = register(server.url)
        slow.sendall(b"GET /sync/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(MORE_THAN_BUFFERS_HOLD // 5_000):
            record(server, tea, 5_000)
        with following(server.url) as quick:
            quick.wait_for(MORE_THAN_BUFFERS_HOLD + 1)
        received = bytearray()
        while received.count(b'"position":') < MORE_THAN_BUFFERS_HOLD + 1:
            received += slow.recv(2**24)
        positions = [int(found) for found in re.findall(rb'"position":(\d+)', received)]
        assert positions == quick.positions()


def test_server_that_is_told_to_stop_waits_for_no_stream(database_url: str) -> None:
    with running(database_url) as server, ThreadPoolExecutor(1) as pool:
        register(server.url)
        after = get(f"{server.url}/sync/changes").json()["nextAfter"]
        waiting = pool.submit(get, f"{server.url}/sync/changes?after={after}&wait=30")
        with following(server.url) as stream:
            stream.wait_for(1)
            time.sleep(0.5)  # No event tells when the other request has arrived.
            server.terminate()
            assert server.wait() in {0, -signal.SIGTERM}
            assert waiting.result().json()["items"] == []
        assert "timeout graceful shutdown" not in server.output


def test_follower_is_told_when_another_database_takes_the_ledger_s_place(
    postgres_server: postgres.Server,
) -> None:
    """The new database is a backup, or a standby without the last events."""
    with (
        postgres_server.database() as url,
        running(url) as server,
        following(server.url) as stream,
    ):
        tea = register(server.url)
        post_batch(server.url, [element("INBOUND", tea, 1)])  # type: ignore[arg-type]
        stream.wait_for(2)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE movements SET version = version + 100")
        postgres.cut_connections(url)
        stream.wait_until_refused(410)
