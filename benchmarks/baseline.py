"""What the database allows: the rows of the same batches, written by the bare driver."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import cast

from application.parsing.transactions import read_element
from application.projections import PROJECTIONS
from application.projections.projection import Recorded
from benchmarks.databases import Commit, Database
from benchmarks.workload import CALLER, Shop, shop
from domain.stock_item import StockItem


def rate(database: Database, size: int, rounds: int) -> float:
    """Transactions a second, in commits of `size`: the same tables, indexes, rows and statements,
    without whatever decides what they are."""
    with shop(database, items=1_000) as stock, database.bare(stock.database_url) as run:
        work = [database.statements(commit) for commit in _commits(stock, size, rounds + 1)]
        run(work.pop(0))
        started = time.perf_counter()
        for statements in work:
            run(statements)
        return rounds * size / (time.perf_counter() - started)


def _commits(stock: Shop, size: int, rounds: int) -> Iterator[Commit]:
    items = {
        item_id: cast("StockItem", stock.ledger.repository.get(item_id)) for item_id in stock.items
    }
    positions = count(stock.ledger.recorder.head() + 1)
    for number in range(rounds):
        recorded = []
        for element in stock.batch(size, first=number * size):
            transaction = read_element(element).transaction
            item = items[transaction.item_id]
            event = item.record(transaction, by=CALLER.actor, recorded_at=datetime.now(UTC))
            recorded.append(Recorded(next(positions), event))
        yield Commit(
            [
                (position, stock.ledger.mapper.to_stored_event(event), event.local_id)
                for position, event in recorded
            ],
            [
                (projection.table, write)
                for projection in PROJECTIONS
                for write in projection.project(recorded)
            ],
        )
