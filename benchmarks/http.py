"""The whole server over HTTP, in a process of its own."""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import uvloop

from application.persistence.filters import ItemFilter
from benchmarks.databases import Database
from benchmarks.workload import EVEN, QUANTITY, Batch, Mix, shop

STOCKLEDGER = (str(Path(sys.executable).with_name("stockledger")), "serve")
UNSHARED = (sys.executable, "-m", "benchmarks.unshared_commits", "serve")
EMPTY = (sys.executable, "-m", "uvicorn", "benchmarks.empty_server:app", "--lifespan", "off",
        "--no-access-log")  # fmt: skip


class Served(NamedTuple):
    """How a server answered."""

    rate: float
    """Transactions a second."""
    median: float
    """Milliseconds a request."""
    slowest: float
    """The same, of the slowest of a hundred."""


def served(
    database: Database,
    size: int,
    clients: int,
    rounds: int,
    mix: Mix = EVEN,
    *,
    unshared: bool = False,
) -> Served:
    """Batches of `size` from so many connections; `unshared`: each in a commit of its own."""
    command = UNSHARED if unshared else STOCKLEDGER
    with shop(database, items=1_000) as stock, serving(stock.database_url, command) as url:
        work = [stock.batches(size, rounds, mix, first=n) for n in range(clients)]
        warm_up = [[stock.batch(min(size, 100))] for _ in work]
        key = stock.key()
        uvloop.run(_send([url] * clients, warm_up, key))
        return uvloop.run(_send([url] * clients, work, key))


def answered(database: Database, clients: int, rounds: int, *, by_empty_server: bool) -> Served:
    """Empty batches, which record nothing; `by_empty_server`: by one that does not look at them."""
    command = EMPTY if by_empty_server else STOCKLEDGER
    with shop(database, items=1) as stock, serving(stock.database_url, command) as url:
        empty: list[Batch] = [[]] * rounds
        return uvloop.run(_send([url] * clients, [empty] * clients, stock.key()))


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
        found = uvloop.run(_send(urls, work, stock.key()))
        levels = stock.ledger.recorder.select_items(ItemFilter(), after=None, limit=1_000)
        assert sum(level.on_hand for level in levels) == processes * rounds * 100 * QUANTITY
        return found.rate


async def _send(urls: Sequence[str], work: Sequence[Sequence[Batch]], key: str) -> Served:
    """Each sender has a server and batches of its own, which are written out beforehand: what the
    senders cost is the server's loss, on the same machine."""
    bodies = [[json.dumps({"transactions": batch}).encode() for batch in mine] for mine in work]
    started = time.perf_counter()
    senders = (_sender(url, mine, key) for url, mine in zip(urls, bodies, strict=True))
    seconds = [one for mine in await asyncio.gather(*senders) for one in mine]
    elapsed = time.perf_counter() - started
    transactions = sum(len(batch) or 1 for mine in work for batch in mine)
    slowest = statistics.quantiles(seconds, n=100)[-1] if len(seconds) > 1 else seconds[0]
    return Served(transactions / elapsed, statistics.median(seconds) * 1e3, slowest * 1e3)


async def _sender(url: str, bodies: Sequence[bytes], key: str) -> list[float]:
    """How many seconds each of the requests took."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
    seconds = []
    for body in bodies:
        started = time.perf_counter()
        head = (
            f"POST /sync/transactions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answered.partition(b"content-length:")[2].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        assert answered.startswith(b"http/1.1 200"), content
        assert b'"failed":[]' in content
        seconds.append(time.perf_counter() - started)
    writer.close()
    return seconds


@contextmanager
def serving(
    database_url: str, command: Sequence[str] = STOCKLEDGER, **settings: str
) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
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
