"""Baseline: the bare database driver, which writes the same rows as the ledger."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from typing import cast

from application.parsing.transactions import read_element
from application.projections import PROJECTIONS
from application.projections.projection import Recorded
from benchmarks.databases import Commit, Database, Run, Statement
from benchmarks.workload import CALLER, Workload, new_workload
from domain.stock_item import StockItem


def rate(database: Database, size: int, rounds: int, *, is_standard: bool = False) -> float | None:
    """Transactions a second of the bare driver, in commits of `size`.

    Tables, indexes, rows and bulk statements are those of the ledger, without its decisions. All
    rows are made before the measurement. `is_standard`: with the driver of the standard library;
    None if there is none.
    """
    with new_workload(database, items=1_000) as workload:
        open_driver = database.standard_driver if is_standard else database.bare_driver
        commits = [database.statements(commit) for commit in _commits(workload, size, rounds + 1)]
        workload.ledger.close()  # Two SQLite libraries must not have the file open at once.
        driver = open_driver(workload.database_url)
        return None if driver is None else _measured(driver, commits, size)


def _measured(
    driver: AbstractContextManager[Run], commits: list[list[Statement]], size: int
) -> float:
    with driver as run:
        run(commits.pop(0))  # Warm-up.
        started = time.perf_counter()
        for statements in commits:
            run(statements)
        return len(commits) * size / (time.perf_counter() - started)


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
