"""What a batch and a page cost as the ledger grows: in an item's stream, in items, in events."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

from application.persistence.filters import ItemFilter, MovementFilter
from application.projections import PROJECTIONS
from application.projections.stock_levels import StockLevels
from benchmarks.databases import Database
from benchmarks.workload import CALLER, Shop, shop

TRANSACTIONS_PER_BATCH = 100
"""Transactions a batch, and rows a page."""

ROUNDS = 15


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


class OnOneItem(NamedTuple):
    """Milliseconds for a batch of 100 transactions on one item, in one ledger."""

    long: float
    """On the item with the long stream."""
    short: float
    """On items with a stream of 10."""


def by_stream(database: Database, lengths: list[int]) -> Iterator[tuple[int, OnOneItem]]:
    """A ledger in which one item has a stream of each of these lengths."""
    with shop(database, items=1) as stock:
        long = stock.items[0]
        for length in lengths:
            stock.fill(length, [long])
            stock.register(len(stock.items) + ROUNDS)
            fresh = stock.items[-ROUNDS:]
            stock.fill(stock.ledger.recorder.head() + 9 * ROUNDS, fresh)
            pairs = [(_synced(stock, [long]), _synced(stock, [short])) for short in fresh]
            yield length, OnOneItem(*map(statistics.median, zip(*pairs, strict=True)))


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
    head = reader.head()
    here = frozenset({"main"})
    middle = len(stock.items) // 2
    item, sku = stock.items[middle], f"SKU-{middle:05}"
    of_item = MovementFilter(item_id=item)
    at_location = MovementFilter(locations=here)
    return Cost(
        statistics.median(
            _synced(stock, stock.items, first=TRANSACTIONS_PER_BATCH * n) for n in range(ROUNDS)
        ),
        _read(
            lambda: reader.select_movements(
                at_location, before=head // 2, limit=TRANSACTIONS_PER_BATCH
            )
        ),
        _read(lambda: reader.select_movements(of_item, before=None, limit=TRANSACTIONS_PER_BATCH)),
        _read(
            lambda: reader.select_items(
                ItemFilter(), after=("main", sku, item), limit=TRANSACTIONS_PER_BATCH
            )
        ),
        _read(
            lambda: reader.select_changes(
                here, after=head // 2, upto=head, limit=TRANSACTIONS_PER_BATCH
            )
        ),
    )


def _synced(stock: Shop, items: list[UUID], first: int = 0) -> float:
    batch = stock.batch(TRANSACTIONS_PER_BATCH, first, items)
    return _milliseconds(lambda: stock.sync.sync(batch, CALLER))


def _read(page: Callable[[], object]) -> float:
    return statistics.median(_milliseconds(page) for _ in range(ROUNDS))


def _milliseconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1_000


# Not by getrusage, whose peak begins with that of the process which started this one.
_MEASURED = """
import sys
from pathlib import Path
from interface.cli.main import app
try:
    app()
finally:
    print(Path("/proc/self/status").read_text(), file=sys.stderr)
"""


def _rebuilt(stock: Shop, name: str) -> Rebuilt:
    started = time.perf_counter()
    command = [sys.executable, "-c", _MEASURED, "rebuild", name, "--database", stock.database_url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    kilobytes = int(re.findall(r"^VmHWM:\s+(\d+) kB$", done.stderr, re.MULTILINE)[0])
    return Rebuilt(stock.ledger.recorder.head() / seconds, kilobytes / 1024)
