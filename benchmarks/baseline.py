"""Baseline: the bare database driver, which writes the same rows as the ledger."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import cast

from application.parsing.transactions import read_element
from application.projections import PROJECTIONS
from application.projections.projection import Recorded
from benchmarks.databases import Commit, Database
from benchmarks.workload import CALLER, Workload, new_workload
from domain.stock_item import StockItem


def rate(database: Database, size: int, rounds: int) -> float:
    """Transactions a second of the bare driver, in commits of `size`.

    Tables, indexes, rows and bulk statements are those of the ledger, without its decisions. All
    rows are made before the measurement.
    """
    with (
        new_workload(database, items=1_000) as workload,
        database.bare_driver(workload.database_url) as run,
    ):
        commits = [database.statements(commit) for commit in _commits(workload, size, rounds + 1)]
        run(commits.pop(0))  # Warm-up.
        started = time.perf_counter()
        for statements in commits:
            run(statements)
        return rounds * size / (time.perf_counter() - started)


def _commits(workload: Workload, size: int, rounds: int) -> Iterator[Commit]:
    items = {
        item_id: cast("StockItem", workload.ledger.repository.get(item_id))
        for item_id in workload.items
    }
    positions = count(workload.ledger.recorder.head() + 1)
    for number in range(rounds):
        recorded = []
        for element in workload.batch(size, first=number * size):
            transaction = read_element(element).transaction
            item = items[transaction.item_id]
            event = item.record(transaction, by=CALLER.actor, recorded_at=datetime.now(UTC))
            recorded.append(Recorded(next(positions), event))
        yield Commit(
            [
                (position, workload.ledger.mapper.to_stored_event(event), event.local_id)
                for position, event in recorded
            ],
            [
                (projection.table, write)
                for projection in PROJECTIONS
                for write in projection.project(recorded)
            ],
        )
