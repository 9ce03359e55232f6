"""The whole server over HTTP, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from application.persistence.filters import ItemFilter
from benchmarks.databases import Database
from benchmarks.shop import QUANTITY, Batch, shop


def rate(database: Database, size: int, clients: int, rounds: int) -> float:
    """Transactions a second, in batches of `size` from so many connections."""
    with shop(database, items=1_000) as stock, serving(stock.database_url) as url:
        key = stock.key()
        batches = [stock.batch(size, first=n * size) for n in range(rounds * clients)]
        return _rate([url] * clients, [batches[n::clients] for n in range(clients)], key)


def contention(database: Database, processes: int, rounds: int, *, hot: bool) -> float:
    """Transactions a second, in batches of 100 through so many server processes: each has items of
    its own, or all have one hot item. Everything must be recorded."""
    with shop(database, items=1_000) as stock, ExitStack() as servers:
        urls = [servers.enter_context(serving(stock.database_url)) for _ in range(processes)]
        share = len(stock.items) // processes
        work = [
            [
                stock.batch(100, items=stock.items[:1] if hot else stock.items[n * share :][:share])
                for _ in range(rounds)
            ]
            for n in range(processes)
        ]
        found = _rate(urls, work, stock.key())
        levels = stock.ledger.recorder.select_items(ItemFilter(), after=None, limit=1_000)
        assert sum(level.on_hand for level in levels) == processes * rounds * 100 * QUANTITY
        return found


def _rate(urls: list[str], work: list[list[Batch]], key: str) -> float:
    """Transactions a second, where each sender has a server and batches of its own."""
    bodies = [[json.dumps({"transactions": batch}).encode() for batch in mine] for mine in work]
    headers = {"Authorization": f"Bearer {key}"}
    ready = threading.Barrier(len(urls) + 1)

    def send(url: str, mine: list[bytes], size: int) -> None:
        with httpx2.Client(base_url=url, timeout=60, headers=headers) as client:
            ready.wait()
            for body in mine:
                answer = client.post("/sync/transactions", content=body)
                assert answer.raise_for_status().content.count(b'"recorded"') == size

    sizes = [len(mine[0]) for mine in work]
    with ThreadPoolExecutor(len(urls)) as pool:
        sending = [pool.submit(send, *args) for args in zip(urls, bodies, sizes, strict=True)]
        ready.wait()
        started = time.perf_counter()
        for future in sending:
            future.result()
        transactions = sum(len(batch) for mine in work for batch in mine)
        return transactions / (time.perf_counter() - started)


@contextmanager
def serving(database_url: str, **settings: str) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).with_name("stockledger")
    process = subprocess.Popen(
        [str(command), "serve", "--port", str(port)],
        env=os.environ
        | {"STOCKLEDGER_DATABASE_URL": database_url, "STOCKLEDGER_RATE_LIMIT": "1000000/second"}
        | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready").is_success
    except httpx2.TransportError:
        return False
