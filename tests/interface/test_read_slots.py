"""Read slots: a limit on concurrent reads and a time limit, so that others are served."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
import uvicorn

from application.access.roles import Role
from application.persistence.filters import ItemFilter
from interface.api.app import create_app
from interface.api.read_slots import (
    MAX_CONCURRENT_READS,
    MAX_CONCURRENT_READS_PER_CALLER,
    ReadSlots,
)
from interface.settings import Settings
from tests.support.access import new_key
from tests.support.coroutines import run
from tests.support.endless import endless
from tests.support.server import TIMEOUT_SECONDS, free_port


class Shop:
    """A server in this process. Some of its reads end only when they are cancelled."""

    def __init__(self, database_url: str) -> None:
        settings = Settings(database_url=database_url, read_timeout=3)
        self.app = create_app(settings)
        self.port = free_port()
        config = uvicorn.Config(self.app, port=self.port, log_level="error", lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        services = self.app.state.services
        self.keys = [new_key(services.keys, Role.CLERK, "main") for _ in range(3)]
        select = services.ledger.recorder.select_items
        self.at_work = 0
        self.most = 0
        lock = threading.Lock()

        def select_items(wanted: ItemFilter, **options: Any) -> Any:
            if wanted.sku != "ENDLESS":
                return select(wanted, **options)
            with lock:
                self.at_work += 1
                self.most = max(self.most, self.at_work)
            try:
                return endless(services.ledger)
            finally:
                with lock:
                    self.at_work -= 1

        services.ledger.recorder.select_items = select_items

    def get(self, path: str, key: str, timeout: float = TIMEOUT_SECONDS) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx2.get(url, headers=headers, timeout=timeout)

    def sync(self, key: str, **more: str) -> httpx2.Response:
        """Sends an empty batch."""
        return httpx2.post(
            f"http://127.0.0.1:{self.port}/sync/transactions",
            json={"transactions": []} | more,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
        )

    def wait_until_at_work(self, number: int) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.at_work != number:
            assert time.monotonic() < deadline, self.at_work
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    shop = Shop(database_url)
    yield shop
    shop.stop()


ENDLESS = "/items?sku=ENDLESS"


def test_slow_reads_of_one_caller_keep_nobody_else_waiting(shop: Shop) -> None:
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(shop.get, ENDLESS, shop.keys[0]) for _ in range(20)]
        shop.wait_until_at_work(MAX_CONCURRENT_READS_PER_CALLER)
        assert shop.get("/items", shop.keys[1]).is_success
        assert shop.get("/health/ready", shop.keys[1]).is_success
        assert shop.sync(shop.keys[2]).is_success
        answers = [one.result() for one in slow]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(503, "READ_TIMED_OUT")}
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers)
    assert shop.most == MAX_CONCURRENT_READS_PER_CALLER
    assert shop.get("/items", shop.keys[0]).is_success


def test_slow_reads_of_many_callers_keep_no_writer_waiting(shop: Shop) -> None:
    with ThreadPoolExecutor(9) as pool:
        slow = [pool.submit(shop.get, ENDLESS, key) for key in shop.keys * 3]
        shop.wait_until_at_work(MAX_CONCURRENT_READS)
        assert shop.get("/health/ready", shop.keys[1]).is_success
        assert shop.sync(shop.keys[2]).is_success
        assert shop.most == MAX_CONCURRENT_READS
        assert {one.result().status_code for one in slow} == {503}


def test_read_that_nobody_waits_for_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app.state.read_slots, "_timeout_seconds", 3600)
    with pytest.raises(httpx2.ReadTimeout):
        shop.get(ENDLESS, shop.keys[0], timeout=1)
    shop.wait_until_at_work(0)


def test_batch_is_answered_where_its_changes_can_not_be_read(shop: Shop) -> None:
    with ThreadPoolExecutor(MAX_CONCURRENT_READS_PER_CALLER) as pool:
        slow = [
            pool.submit(shop.get, ENDLESS, shop.keys[0])
            for _ in range(MAX_CONCURRENT_READS_PER_CALLER)
        ]
        shop.wait_until_at_work(MAX_CONCURRENT_READS_PER_CALLER)
        shop.app.state.read_slots._timeout_seconds = 0.2
        answer = shop.sync(shop.keys[0], after="0")
        assert answer.status_code == 200
        assert answer.json()["synced"] == answer.json()["failed"] == []
        assert answer.json()["changesProblem"]["code"] == "READ_TIMED_OUT"
        for one in slow:
            one.result()


@pytest.mark.parametrize("is_recording", [True, False])
def test_slot_rests_after_a_read_while_batches_wait(is_recording: bool) -> None:
    slots = ReadSlots(TIMEOUT_SECONDS, lambda: is_recording)

    async def read() -> None:
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        async with slots._turn_of("k1", deadline):
            await asyncio.sleep(0.01)
        rests = slots._turns._value < MAX_CONCURRENT_READS
        assert rests == is_recording
        while slots._turns._value < MAX_CONCURRENT_READS:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    run(read())
