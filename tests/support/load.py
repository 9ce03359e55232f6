"""Load: batches, senders that retry, and the checks at the end."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from application.ledger.ledger import Ledger
from application.persistence import environment
from tests.support.builders import element
from tests.support.ledger_checks import assert_read_models_equal_replay
from tests.support.server import TIMEOUT_SECONDS, on_hand, post

Batch = list[dict[str, Any]]
Answer = dict[str, Any]


def batches_of(items: Sequence[str], number: int, size: int) -> list[Batch]:
    """Batches of goods in, for random items."""
    random_ = random.Random(7)
    return [
        [
            element("INBOUND", UUID(random_.choice(items)), random_.randint(1, 9))
            for _ in range(size)
        ]
        for _ in range(number)
    ]


def expected_on_hand(items: Sequence[str], batches: Sequence[Batch]) -> dict[str, int]:
    totals = dict.fromkeys(items, 0)
    for batch in batches:
        for transaction in batch:
            totals[transaction["itemId"]] += transaction["quantity"]
    return totals


def assert_sound(database_url: str) -> None:
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        assert_read_models_equal_replay(ledger)


class Load:
    """Senders of new batches to these servers. They retry each batch until it is answered."""

    def __init__(self, urls: Sequence[str], items: Sequence[str], size: int = 10) -> None:
        self.sent: list[tuple[Batch, Answer]] = []
        self.turned_away = 0
        self.urls = urls
        self._items = items
        self._size = size
        self._stopped = threading.Event()

    def wait_for_more(self, batches: int) -> None:
        """Waits until this number of further batches is answered."""
        wanted = len(self.sent) + batches
        self._wait(lambda: len(self.sent) >= wanted)

    def wait_until_turned_away(self) -> None:
        self._wait(lambda: self.turned_away > 0)

    @contextmanager
    def running(self, senders: int = 4) -> Iterator["Load"]:
        urls = islice(cycle(self.urls), senders)
        with ThreadPoolExecutor(senders) as pool:
            self._senders: list[Future[None]] = [pool.submit(self._send, url) for url in urls]
            try:
                yield self
            finally:
                self._stopped.set()
            for future in self._senders:
                future.result()

    def send_again(self) -> list[str]:
        """Sends every batch again, and keeps the new answers. Returns one status per batch, as each
        batch is recorded as a whole or not at all."""
        statuses = []
        for n, (batch, _) in enumerate(self.sent):
            again = self._send_until_answered(self.urls[0], batch)
            assert again["failed"] == []
            (status,) = {synced["status"] for synced in again["synced"]}
            statuses.append(status)
            self.sent[n] = (batch, again)
        return statuses

    def assert_recorded_once(self) -> None:
        """Sends every batch again, and checks that each is recorded once, with the same answer."""
        for batch, answer in self.sent:
            again = self._send_until_answered(self.urls[0], batch)
            assert again["failed"] == answer["failed"] == []
            assert again["synced"] == [
                synced | {"status": "duplicate"} for synced in answer["synced"]
            ]
        batches = [batch for batch, _ in self.sent]
        for item, total in expected_on_hand(self._items, batches).items():
            assert on_hand(self.urls[0], item) == total

    def _wait(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not reached():
            assert time.monotonic() < deadline, "the senders did not get there"
            assert not any(future.done() for future in self._senders), "a sender gave up"
            time.sleep(0.01)

    def _send(self, url: str) -> None:
        while not self._stopped.is_set():
            (batch,) = batches_of(self._items, 1, self._size)
            self.sent.append((batch, self._send_until_answered(url, batch)))

    def _send_until_answered(self, url: str, batch: Batch) -> Answer:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            answer = post(f"{url}/sync/transactions", {"transactions": batch})
            if answer.status_code == 200:
                found: Answer = answer.json()
                return found
            assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) >= 1
            self.turned_away += 1
            time.sleep(0.1)
        raise AssertionError("the batch was never answered")
