"""Server processes: several on one ledger, killed and stopped."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import httpx2
import pytest

from tests.support.builders import element
from tests.support.load import Batch, assert_sound, batches_of, expected_on_hand
from tests.support.server import JSON_TYPE, on_hand, post, post_batch, register, running


def test_two_processes_record_the_same_batches_once(database_url: str) -> None:
    with running(database_url) as one, running(database_url) as two:
        items = [register(one.url, f"SKU-{n}") for n in range(5)]
        batches = batches_of(items, number=12, size=20)
        sends = [(server.url, batch) for batch in batches for server in (one, two, one, two)]
        random.Random(7).shuffle(sends)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda send: post_batch(*send), sends))
        assert [answer["failed"] for answer in answers] == [[]] * len(answers)
        recorded = [
            synced["localId"]
            for answer in answers
            for synced in answer["synced"]
            if synced["status"] == "recorded"
        ]
        assert len(recorded) == len(set(recorded)) == 12 * 20
        for item, total in expected_on_hand(items, batches).items():
            assert on_hand(one.url, item) == on_hand(two.url, item) == total
    assert_sound(database_url)


def test_two_processes_can_make_the_ledger_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        contexts = [running(database_url) for _ in range(2)]
        servers = list(pool.map(lambda context: context.__enter__(), contexts))
    try:
        assert len({register(server.url) for server in servers}) == 1
    finally:
        for context in contexts:
            context.__exit__(None, None, None)


def test_workers_share_the_ledger(database_url: str) -> None:
    with running(database_url, "--workers", "2") as server:
        items = [register(server.url, f"SKU-{n}") for n in range(3)]
        batches = batches_of(items, number=10, size=10)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda batch: post_batch(server.url, batch), batches * 2))
        for item, total in expected_on_hand(items, batches).items():
            assert on_hand(server.url, item) == total
    assert_sound(database_url)


def test_killed_server_has_lost_nothing_that_it_answered(database_url: str) -> None:
    answered: list[dict[str, Any]] = []
    with running(database_url) as server:
        items = [register(server.url, f"SKU-{n}") for n in range(5)]
        batches = batches_of(items, number=60, size=10)
        enough = threading.Event()

        def send(batch: Batch) -> None:
            try:
                answer = post_batch(server.url, batch)
            except httpx2.TransportError:
                return
            answered.extend(answer["synced"])
            if len(answered) >= 150:
                enough.set()

        for _ in range(2):
            enough.clear()
            answered.clear()
            with ThreadPoolExecutor(4) as pool:
                sending = [pool.submit(send, batch) for batch in batches]
                assert enough.wait(60)
                server.kill()
                for future in sending:
                    future.result()
            kept = {synced["localId"]: synced for synced in answered}
            server.start().wait_until_ready()
            again = {
                synced["localId"]: synced
                for batch in batches
                for synced in post_batch(server.url, batch)["synced"]
            }
            for local_id, synced in kept.items():
                assert again[local_id] == synced | {"status": "duplicate"}
            for item, total in expected_on_hand(items, batches).items():
                assert on_hand(server.url, item) == total
            batches += batches_of(items, number=60, size=10)
            fresh = {transaction["localId"] for batch in batches[-60:] for transaction in batch}
            assert not fresh & set(again)
    assert_sound(database_url)


def test_stopped_server_finishes_what_it_accepted(database_url: str) -> None:
    with running(database_url) as server:
        item = register(server.url)
        batch = [element("INBOUND", item, 1) for _ in range(5_000)]  # type: ignore[arg-type]
        accepted = threading.Event()
        answers: list[dict[str, Any]] = []

        def body() -> Any:
            text = json.dumps({"transactions": batch}).encode()
            yield text[:-1]
            accepted.set()
            yield text[-1:]

        def send() -> None:
            url = f"{server.url}/sync/transactions"
            answer = httpx2.post(url, content=body(), headers=JSON_TYPE, timeout=60)
            answers.append(answer.raise_for_status().json())

        sender = threading.Thread(target=send)
        sender.start()
        accepted.wait(60)
        server.terminate()
        sender.join()
        assert server.wait() in {0, -15}
        assert len(answers[0]["synced"]) == 5_000
    assert_sound(database_url)


def test_server_with_too_much_waiting_turns_batches_away_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_WAITING", "1")
    file = tmp_path / "ledger.db"
    with running(f"sqlite:///{file}") as server, ThreadPoolExecutor(5) as pool:
        tea = register(server.url)
        batches = [[element("INBOUND", tea, 1)] for _ in range(5)]  # type: ignore[arg-type]
        with closing(apsw.Connection(str(file))) as other:
            other.execute("BEGIN IMMEDIATE")
            url = f"{server.url}/sync/transactions"
            sending = [pool.submit(post, url, {"transactions": batch}) for batch in batches]
            turned_away = [future.result() for future in islice(as_completed(sending), 3)]
        assert {(answer.status_code, answer.json()["code"]) for answer in turned_away} == {
            (503, "OVERLOADED")
        }
        assert all(answer.headers["Retry-After"] == "1" for answer in turned_away)
        recorded = sum(future.result().is_success for future in sending)
        assert on_hand(server.url, tea) == recorded <= 2
        for batch in batches:
            post_batch(server.url, batch)
        assert on_hand(server.url, tea) == 5
