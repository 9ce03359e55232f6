"""What a batch and a page cost as the ledger grows: in an item's stream, in items, in events."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from application.persistence.filters import ItemFilter, MovementFilter
from application.projections import PROJECTIONS
from application.projections.stock_levels import StockLevels
from benchmarks.databases import Database
from benchmarks.shop import CALLER, Shop, shop

SIZE = 100
"""Transactions a batch, and rows a page."""

TRIES = 15


class Cost(NamedTuple):
    """Milliseconds, each the median of some tries."""

    batch: float
    """A batch of 100 transactions."""
    journal: float
    """A page from the middle of the journal of a location."""
    item_journal: float
    """The last page of an item's journal."""
    stock_list: float
    """A page from the middle of the stock list."""
    changes: float
    """A page of changes from the middle of the ledger."""


class Rebuilt(NamedTuple):
    """A rebuild by the command, in a process of its own."""

    rate: float
    """Events a second."""
    megabytes: float
    """Memory, at the most."""


def by_stream(database: Database, lengths: list[int]) -> Iterator[tuple[int, Cost]]:
    """A ledger of one item, at each of these lengths of its stream."""
    with shop(database, items=1) as stock:
        for length in lengths:
            stock.fill(length)
            yield length, _cost(stock)


def by_items(database: Database, numbers: list[int]) -> Iterator[tuple[int, Cost]]:
    """A ledger of so many items that have hardly moved."""
    with shop(database, items=1) as stock:
        for number in numbers:
            stock.register(number)
            yield number, _cost(stock)


def by_events(database: Database, numbers: list[int]) -> Iterator[tuple[int, Cost, Rebuilt]]:
    """A ledger of 1,000 items and so many events; its stock list is made anew there."""
    with shop(database, items=1_000) as stock:
        for number in numbers:
            stock.fill(number)
            yield number, _cost(stock), _rebuilt(stock, StockLevels.table.name)


def rebuilds(database: Database, events: int) -> Iterator[tuple[str, Rebuilt]]:
    """Each projection made anew, in a ledger of so many events."""
    with shop(database, items=1_000) as stock:
        stock.fill(events)
        for projection in PROJECTIONS:
            yield projection.table.name, _rebuilt(stock, projection.table.name)


def _cost(stock: Shop) -> Cost:
    reader = stock.ledger.recorder
    middle = reader.head() // 2
    here = frozenset({"main"})
    item = stock.items[len(stock.items) // 2]
    sku = f"SKU-{len(stock.items) // 2:05}"
    firsts = count(step=SIZE)
    return Cost(
        _median(lambda: stock.sync.sync(stock.batch(SIZE, first=next(firsts)), CALLER)),
        _median(
            lambda: reader.select_movements(
                MovementFilter(locations=here), before=middle, limit=SIZE
            )
        ),
        _median(
            lambda: reader.select_movements(MovementFilter(item_id=item), before=None, limit=SIZE)
        ),
        _median(lambda: reader.select_items(ItemFilter(), after=("main", sku), limit=SIZE)),
        _median(lambda: reader.select_changes(here, after=middle, upto=reader.head(), limit=SIZE)),
    )


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1_000


_MEASURED = """
import resource, sys
from interface.cli.main import app
try:
    app()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def _rebuilt(stock: Shop, name: str) -> Rebuilt:
    started = time.perf_counter()
    command = [sys.executable, "-c", _MEASURED, "rebuild", name, "--database", stock.database_url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    kilobytes = int(re.findall(r"^peak (\d+)$", done.stderr, re.MULTILINE)[0])
    return Rebuilt(stock.ledger.recorder.head() / seconds, kilobytes / 1024)
