"""Latency of single transactions beside neighbours that keep the server busy."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import quote

import uvloop

from benchmarks.databases import Database
from benchmarks.http import Connection, serving
from benchmarks.workload import Workload, new_workload

WRITERS = 4
READERS = 10
LARGE = 10_000
EVENTS = 20_000
PAGES = ("/movements?limit=100", "/items?limit=100", "/items/{item}?asOf={as_of}")
"""What the readers read in turn."""


class Latency(NamedTuple):
    """Milliseconds of a single transaction."""

    p50: float
    p99: float


class Beside(NamedTuple):
    """Latency of small writes with one kind of neighbours."""

    neighbours: str
    latency: Latency


def latencies(database: Database, seconds: float) -> Iterator[Beside]:
    """Measures writers alone, and with each kind of neighbours, on one server."""
    with new_workload(database, items=1_000) as workload:
        workload.fill(EVENTS)
        key = workload.key()
        with serving(workload.database_url) as url:
            for name, neighbour, number in _NEIGHBOURS:
                found = uvloop.run(_measured(url, key, workload, neighbour, number, seconds))
                yield Beside(name, Latency(median(found) * 1e3, quantiles(found, n=100)[-1] * 1e3))


async def _measured(
    url: str, key: str, workload: Workload, neighbour: "_Neighbour", number: int, seconds: float
) -> list[float]:
    """Returns the seconds that each write took, beside a number of neighbours."""
    others = [asyncio.ensure_future(neighbour(url, key, workload)) for _ in range(number)]
    await asyncio.sleep(seconds / 10)
    found = await asyncio.gather(*(_write(url, key, workload, seconds) for _ in range(WRITERS)))
    for other in others:
        other.cancel()
    ended = await asyncio.gather(*others, return_exceptions=True)
    problems = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    if problems:
        raise RuntimeError(problems)
    return [one for of_writer in found for one in of_writer]


async def _write(url: str, key: str, workload: Workload, seconds: float) -> list[float]:
    """Sends single transactions, one after the other. Returns the seconds that each took."""
    found: list[float] = []
    async with Connection(url, key) as connection:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            body = json.dumps({"transactions": workload.batch(1, first=len(found))}).encode()
            started = time.perf_counter()
            await connection.request("POST", "/sync/transactions", body)
            found.append(time.perf_counter() - started)
    return found


async def _read(url: str, key: str, workload: Workload) -> None:
    """Reads pages without a pause."""
    (known,) = workload.ledger.recorder.select_movements_at([EVENTS // 2])
    as_of = quote(known.recorded_at.isoformat())
    async with Connection(url, key) as connection:
        for page in cycle(PAGES):
            await connection.request("GET", page.format(item=known.item_id, as_of=as_of))


async def _send_again(url: str, key: str, workload: Workload) -> None:
    """Sends one large batch again and again."""
    body = json.dumps({"transactions": workload.batch(LARGE)}).encode()
    async with Connection(url, key) as connection:
        while True:
            await connection.request("POST", "/sync/transactions", body)


_Neighbour = Callable[[str, str, Workload], Awaitable[None]]

_NEIGHBOURS: tuple[tuple[str, _Neighbour, int], ...] = (
    ("none", _read, 0),
    ("ten readers", _read, READERS),
    ("a batch of 10,000, again and again", _send_again, 1),
)
