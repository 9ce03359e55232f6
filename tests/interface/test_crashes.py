"""Crash test: two servers, a rebuild and a copy on one ledger, killed at random times."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import httpx2
import psycopg
import pytest

from tests.support.checker import assert_read_models_follow_from_events
from tests.support.load import batches_of, expected_on_hand
from tests.support.server import COMMAND, Server, on_hand, post, post_batch, register, running

ROUNDS = 3

Answered = list[tuple[list[dict[str, Any]], dict[str, Any]]]


class Sender:
    """Sends new batches to random servers, and retries each batch until it is answered."""

    def __init__(self, servers: list[Server], items: list[str], seed: int) -> None:
        self.answered: Answered = []
        self._servers = servers
        self._items = items
        self._dice = random.Random(seed)

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            (batch,) = batches_of(self._items, 1, 5)
            while not stopped.is_set() and not self._send(batch):
                time.sleep(0.05)

    def _send(self, batch: list[dict[str, Any]]) -> bool:
        url = f"{self._dice.choice(self._servers).url}/sync/transactions"
        with suppress(httpx2.TransportError):
            answer = post(url, {"transactions": batch})
            if answer.is_success:
                self.answered.append((batch, answer.json()))
                return True
            assert answer.status_code == 503, answer.text
        return False


@contextmanager
def repeated(stopped: threading.Event, *command: str) -> Iterator[None]:
    """Runs a command in a loop, and kills it after a random time."""
    dice = random.Random(command[0])

    def run() -> None:
        while not stopped.is_set():
            process = subprocess.Popen(
                [COMMAND, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.8 + dice.random())
            process.send_signal(signal.SIGKILL)
            process.wait()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.slow
def test_whatever_is_killed_nothing_is_lost_doubled_or_wrong(
    database_url: str, tmp_path: Path
) -> None:
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    dice = random.Random(7)
    answered: Answered = []
    with running(database_url) as one, running(database_url) as two:
        servers = [one, two]
        items = [register(one.url, f"SKU-{n}") for n in range(5)]
        for seed in range(ROUNDS):
            answered += _round(database_url, target, servers, items, dice, seed)
        for batch, answer in answered:
            again = post_batch(one.url, batch)["synced"]
            assert again == [synced | {"status": "duplicate"} for synced in answer["synced"]]
        for item, total in expected_on_hand(items, [batch for batch, _ in answered]).items():
            assert on_hand(two.url, item) >= total  # Some lost their answers.
        assert len(answered) > ROUNDS
    events = assert_read_models_follow_from_events(database_url)
    assert events >= 5 * len(answered)
    for command in (
        ["rebuild", "--database", database_url],
        ["copy", "--from", database_url, "--to", target],
    ):
        done = subprocess.run([COMMAND, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert assert_read_models_follow_from_events(database_url) == events
    assert assert_read_models_follow_from_events(target) == events


def _round(
    database_url: str,
    target: str,
    servers: list[Server],
    items: list[str],
    dice: random.Random,
    seed: int,
) -> Answered:
    """Runs the load until each server was killed twice. Returns the answered batches."""
    stopped = threading.Event()
    senders = [Sender(servers, items, seed * 10 + n) for n in range(3)]
    with (
        ThreadPoolExecutor(len(senders)) as pool,
        repeated(stopped, "rebuild", "--database", database_url),
        repeated(stopped, "copy", "--from", database_url, "--to", target),
    ):
        sending = [pool.submit(sender.run, stopped) for sender in senders]
        try:
            for server in servers * 2:
                time.sleep(dice.random())
                server.kill()
                server.start().wait_until_ready()
            _wait_for_more(senders)
        finally:
            stopped.set()
        for future in sending:
            future.result()
    return [found for sender in senders for found in sender.answered]


def _wait_for_more(senders: list[Sender]) -> None:
    before = sum(len(sender.answered) for sender in senders)
    while sum(len(sender.answered) for sender in senders) < before + 3:
        time.sleep(0.01)


def test_checker_finds_what_is_wrong(database_url: str) -> None:
    """The checker itself must be able to fail."""
    with running(database_url) as server:
        tea = register(server.url)
        (batch,) = batches_of([tea], 1, 3)
        post_batch(server.url, batch)
    assert assert_read_models_follow_from_events(database_url) == 4
    for damage in (
        "UPDATE stock_levels SET on_hand = on_hand + 1",
        "UPDATE movements SET delta = delta + 1 WHERE position = 3",
        "DELETE FROM item_changes",
    ):
        _execute(database_url, damage)
        with pytest.raises(AssertionError):
            assert_read_models_follow_from_events(database_url)
        rebuild = [str(COMMAND), "rebuild", "--database", database_url]
        assert subprocess.run(rebuild, capture_output=True, check=False).returncode == 0
        assert_read_models_follow_from_events(database_url)


def _execute(database_url: str, statement: str) -> None:
    if database_url.startswith("sqlite"):
        with closing(apsw.Connection(database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
    else:
        with psycopg.connect(database_url) as other:
            other.execute(statement.encode())
