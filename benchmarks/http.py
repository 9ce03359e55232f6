"""The complete server over HTTP, in its own process."""

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
from typing import NamedTuple, Self

import httpx2
import uvloop

from application.persistence.filters import ItemFilter
from benchmarks.databases import Database
from benchmarks.workload import EVEN, QUANTITY, Batch, Mix, new_workload

STOCKLEDGER = (str(Path(sys.executable).with_name("stockledger")), "serve")
UNSHARED = (sys.executable, "-m", "benchmarks.unshared_commits", "serve")
EMPTY = (sys.executable, "-m", "uvicorn", "benchmarks.empty_server:app", "--lifespan", "off",
        "--no-access-log")  # fmt: skip


class Served(NamedTuple):
    """Rate and latency of a server."""

    rate: float
    """Transactions a second."""
    p50: float
    """Median latency of a request, in milliseconds."""
    p99: float
    """99th percentile of the latency, in milliseconds."""


def served(
    database: Database,
    size: int,
    clients: int,
    rounds: int,
    mix: Mix = EVEN,
    *,
    unshared: bool = False,
) -> Served:
    """Sends batches of `size` over `clients` connections. `unshared`: without group commit."""
    command = UNSHARED if unshared else STOCKLEDGER
    with (
        new_workload(database, items=1_000) as workload,
        serving(workload.database_url, command) as url,
    ):
        batches = [workload.batches(size, rounds, mix, client=n) for n in range(clients)]
        warm_up = [[workload.batch(min(size, 100))] for _ in range(clients)]
        key = workload.key()
        uvloop.run(send([url] * clients, warm_up, key))
        return uvloop.run(send([url] * clients, batches, key))


def answered(database: Database, clients: int, rounds: int, *, by_empty_server: bool) -> Served:
    """Sends empty batches, to the server or to one that does not parse them (`by_empty_server`)."""
    command = EMPTY if by_empty_server else STOCKLEDGER
    with (
        new_workload(database, items=1) as workload,
        serving(workload.database_url, command) as url,
    ):
        empty: list[Batch] = [[]] * rounds
        return uvloop.run(send([url] * clients, [empty] * clients, workload.key()))


def contention(database: Database, processes: int, rounds: int, *, hot: bool) -> float:
    """Transactions a second, in batches of 100, with one client for each server process.

    Each client has its own items, or all clients have one hot item. Checks that every transaction
    is recorded.
    """
    with new_workload(database, items=1_000) as workload, ExitStack() as servers:
        urls = [servers.enter_context(serving(workload.database_url)) for _ in range(processes)]
        share = len(workload.items) // processes
        batches = [
            [
                workload.batch(
                    100, items=workload.items[:1] if hot else workload.items[n * share :][:share]
                )
                for _ in range(rounds)
            ]
            for n in range(processes)
        ]
        found = uvloop.run(send(urls, batches, workload.key()))
        levels = workload.ledger.recorder.select_items(ItemFilter(), after=None, limit=1_000)
        assert sum(level.on_hand for level in levels) == processes * rounds * 100 * QUANTITY
        return found.rate


async def send(urls: Sequence[str], batches: Sequence[Sequence[Batch]], key: str) -> Served:
    """Sends the batches of each client to its server, all clients at once.

    Bodies are encoded before the measurement, because clients and servers share the CPU.
    """
    bodies = [[json.dumps({"transactions": batch}).encode() for batch in own] for own in batches]
    started = time.perf_counter()
    senders = (_sender(url, own, key) for url, own in zip(urls, bodies, strict=True))
    seconds = [one for own in await asyncio.gather(*senders) for one in own]
    elapsed = time.perf_counter() - started
    transactions = sum(len(batch) or 1 for own in batches for batch in own)
    p99 = statistics.quantiles(seconds, n=100)[-1] if len(seconds) > 1 else seconds[0]
    return Served(transactions / elapsed, statistics.median(seconds) * 1e3, p99 * 1e3)


async def _sender(url: str, bodies: Sequence[bytes], key: str) -> list[float]:
    """Sends the requests one after the other. Returns the seconds that each took."""
    seconds = []
    async with Connection(url, key) as connection:
        for body in bodies:
            started = time.perf_counter()
            content = await connection.request("POST", "/sync/transactions", body)
            assert b'"failed":[]' in content
            seconds.append(time.perf_counter() - started)
    return seconds


class Connection:
    """A persistent connection that costs the client next to nothing."""

    def __init__(self, url: str, key: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._key = key

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=2**24
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Sends a request, and returns the content of the answer. Raises AssertionError: its status
        is not 200."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Authorization: Bearer {self._key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        response_head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(response_head.partition(b"content-length:")[2].split(b"\r\n")[0])
        content = await self._reader.readexactly(length)
        assert response_head.startswith(b"http/1.1 200"), content
        return content


@contextmanager
def serving(
    database_url: str, command: Sequence[str] = STOCKLEDGER, **settings: str
) -> Iterator[str]:
    """The URL of a server in its own process, once it is ready."""
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
            assert process.poll() is None, "the server stopped"
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
