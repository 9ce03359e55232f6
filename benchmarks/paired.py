"""This checkout against another one: both servers over HTTP, measured by turns."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import UUID

import httpx2
import uvloop

from benchmarks.databases import Database
from benchmarks.http import STOCKLEDGER, send, serving
from benchmarks.workload import new_batch

ITEMS = 1_000


class Load(NamedTuple):
    """What the clients send in one turn."""

    name: str
    size: int
    """Of a batch."""
    clients: int
    requests: int
    """Of each client."""


LOADS = (
    Load("batches of 1,000, one client", 1_000, 1, 20),
    Load("single transactions, 32 clients", 1, 32, 120),
    Load("one client, one at a time", 1, 1, 500),
)


class Pair(NamedTuple):
    """Transactions a second of both servers, each the median of the turns."""

    load: str
    other: float
    this: float
    ratio: float
    """The median of the turns' ratios."""


class _Server(NamedTuple):
    url: str
    key: str
    items: list[UUID]

    def rate(self, load: Load) -> float:
        batches = [
            [new_batch(self.items, load.size, first=n * 100) for _ in range(load.requests)]
            for n in range(load.clients)
        ]
        return uvloop.run(send([self.url] * load.clients, batches, self.key)).rate


def pairs(
    database: Database, other: Path, turns: int, loads: Sequence[Load] = LOADS
) -> Iterator[Pair]:
    """Measures all loads. `other`: the folder of a checkout with its own .venv."""
    with ExitStack() as servers:
        this = servers.enter_context(_server(database, STOCKLEDGER[0]))
        that = servers.enter_context(_server(database, str(other / ".venv/bin/stockledger")))
        for load in loads:
            for server in (this, that):
                server.rate(load._replace(requests=2))  # Warm-up.
            found = [(that.rate(load), this.rate(load)) for _ in range(turns)]
            others, own = zip(*found, strict=True)
            ratio = median(mine / theirs for theirs, mine in found)
            yield Pair(load.name, median(others), median(own), ratio)


@contextmanager
def _server(database: Database, command: str) -> Iterator[_Server]:
    with database.new() as database_url, serving(database_url, (command, "serve")) as url:
        made = subprocess.run(
            [command, "keys", "create", "--name", "benchmark", "--role", "admin"],
            env=os.environ | {"STOCKLEDGER_DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=True,
        )
        key = made.stdout.split()[-1]
        yield _Server(url, key, _registered(url, key))


def _registered(url: str, key: str) -> list[UUID]:
    """Registers the items of the benchmark."""
    names: Sequence[dict[str, str]] = [
        {"location": "main", "sku": f"SKU-{n:05}", "name": "An item like any other", "unit": "pc"}
        for n in range(ITEMS)
    ]
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        answers = [client.post("/items", json=name).raise_for_status() for name in names]
    return [UUID(answer.json()["itemId"]) for answer in answers]
