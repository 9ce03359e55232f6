"""Cost of a batch, a page and a rebuild by the size of the ledger."""

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
from benchmarks.workload import CALLER, Workload, new_workload

TRANSACTIONS_PER_BATCH = 100
"""Transactions per batch, and rows per page."""

ROUNDS = 15
"""Repetitions of each measurement."""


class Cost(NamedTuple):
    """Milliseconds, each the median of ROUNDS repetitions."""

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
    """A rebuild by the command line, in its own process."""

    rate: float
    """Events a second."""
    megabytes: float
    """Peak memory of the process (VmHWM), in MiB."""


class StreamCost(NamedTuple):
    """Milliseconds for a batch of 100 transactions on one item, in the same ledger."""

    long: float
    """The item with the long stream."""
    short: float
    """Items with a stream of 10 events."""


def by_stream(database: Database, lengths: list[int]) -> Iterator[tuple[int, StreamCost]]:
    """Cost by stream length: one item grows to each of these lengths."""
    with new_workload(database, items=1) as workload:
        long = workload.items[0]
        for length in lengths:
            workload.fill(length, [long])
            workload.register(len(workload.items) + ROUNDS)
            fresh = workload.items[-ROUNDS:]
            workload.fill(workload.ledger.recorder.head() + 9 * ROUNDS, fresh)
            pairs = [(_sync_ms(workload, [long]), _sync_ms(workload, [short])) for short in fresh]
            yield length, StreamCost(*map(statistics.median, zip(*pairs, strict=True)))


def by_items(database: Database, numbers: list[int]) -> Iterator[tuple[int, Cost]]:
    """Cost by number of items. The items have few events."""
    with new_workload(database, items=1) as workload:
        for number in numbers:
            workload.register(number)
            yield number, _cost(workload)


def by_events(database: Database, numbers: list[int]) -> Iterator[tuple[int, Cost, Rebuilt]]:
    """Cost by number of events in a ledger of 1,000 items, with a rebuild of the stock list."""
    with new_workload(database, items=1_000) as workload:
        for number in numbers:
            workload.fill(number)
            yield number, _cost(workload), _rebuild(workload, StockLevels.table.name)


def rebuilds(database: Database, events: int) -> Iterator[tuple[str, Rebuilt]]:
    """A rebuild of each projection, in a ledger of `events` events."""
    with new_workload(database, items=1_000) as workload:
        workload.fill(events)
        for projection in PROJECTIONS:
            yield projection.table.name, _rebuild(workload, projection.table.name)


def _cost(workload: Workload) -> Cost:
    reader = workload.ledger.recorder
    head = reader.head()
    locations = frozenset({"main"})
    middle = len(workload.items) // 2
    item, sku = workload.items[middle], f"SKU-{middle:05}"
    of_item = MovementFilter(item_id=item)
    at_location = MovementFilter(locations=locations)
    return Cost(
        statistics.median(
            _sync_ms(workload, workload.items, first=TRANSACTIONS_PER_BATCH * n)
            for n in range(ROUNDS)
        ),
        _median_ms(
            lambda: reader.select_movements(
                at_location, before=head // 2, limit=TRANSACTIONS_PER_BATCH
            )
        ),
        _median_ms(
            lambda: reader.select_movements(of_item, before=None, limit=TRANSACTIONS_PER_BATCH)
        ),
        _median_ms(
            lambda: reader.select_items(
                ItemFilter(), after=("main", sku, item), limit=TRANSACTIONS_PER_BATCH
            )
        ),
        _median_ms(
            lambda: reader.select_changes(
                locations, after=head // 2, upto=head, limit=TRANSACTIONS_PER_BATCH
            )
        ),
    )


def _sync_ms(workload: Workload, items: list[UUID], first: int = 0) -> float:
    batch = workload.batch(TRANSACTIONS_PER_BATCH, first, items)
    return _milliseconds(lambda: workload.sync.sync(batch, CALLER))


def _median_ms(page: Callable[[], object]) -> float:
    return statistics.median(_milliseconds(page) for _ in range(ROUNDS))


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1_000


# VmHWM, not getrusage: its peak would include the memory of the parent process.
_COMMAND_WITH_STATUS = """
import sys
from pathlib import Path
from interface.cli.main import app
try:
    app()
finally:
    print(Path("/proc/self/status").read_text(), file=sys.stderr)
"""


def _rebuild(workload: Workload, name: str) -> Rebuilt:
    started = time.perf_counter()
    command = [
        sys.executable,
        "-c",
        _COMMAND_WITH_STATUS,
        "rebuild",
        name,
        "--database",
        workload.database_url,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    kilobytes = int(re.findall(r"^VmHWM:\s+(\d+) kB$", done.stderr, re.MULTILINE)[0])
    return Rebuilt(workload.ledger.recorder.head() / seconds, kilobytes / 1024)
