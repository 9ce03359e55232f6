"""The service alone: its rate, and what a batch costs as the items' streams grow."""

import gc
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from application.projections import PROJECTIONS
from application.rebuild import rebuild
from benchmarks.databases import Database
from benchmarks.shop import CALLER, EVEN, Batch, Mix, Shop, shop


def rate(database: Database, size: int, clients: int, rounds: int, mix: Mix = EVEN) -> float:
    """Transactions a second, in batches of `size` from so many threads."""
    with shop(database, items=1_000) as stock:
        work = [stock.batches(size, rounds, mix, first=n) for n in range(clients)]
        stock.sync.sync(stock.batch(size), CALLER)

        def send(mine: list[Batch]) -> None:
            for batch in mine:
                assert not stock.sync.sync(batch, CALLER).failed

        gc.freeze()  # As the server does: what is there by now stays.
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            for future in [pool.submit(send, mine) for mine in work]:
                future.result()
        return rounds * clients * size / (time.perf_counter() - started)


class Cost(NamedTuple):
    """What one batch costs."""

    events_per_item: int
    statements: int
    commits: int
    milliseconds: float


def growth(database: Database, items: int, lengths: list[int]) -> Iterator[Cost]:
    """What a batch of a transaction an item costs, at each of these lengths of the streams."""
    with shop(database, items) as stock:
        length = 1
        for wanted in lengths:
            while length < wanted:
                step = min(wanted - length, 10_000 // items or 1)
                stock.sync.sync(stock.batch(items * step), CALLER)
                length += step
            times = [_timed(stock, items) for _ in range(7)]
            with database.recorded_statements() as statements:
                stock.sync.sync(stock.batch(items), CALLER)
            length += 8
            commits = sum(database.begins in statement for statement in statements)
            yield Cost(wanted, len(statements), commits, statistics.median(times) * 1_000)


def rebuild_rates(database: Database, events: int) -> dict[str, float]:
    """Events a second, for each projection."""
    with shop(database, items=1_000) as stock:
        for _ in range(events // 1_000):
            stock.sync.sync(stock.batch(1_000), CALLER)
        rates = {}
        for projection in PROJECTIONS:
            started = time.perf_counter()
            result = rebuild(stock.ledger, projection, lambda *_: None)
            rates[result.name] = result.position / (time.perf_counter() - started)
        return rates


def _timed(stock: Shop, size: int) -> float:
    batch = stock.batch(size)
    started = time.perf_counter()
    assert len(stock.sync.sync(batch, CALLER).synced) == size
    return time.perf_counter() - started
