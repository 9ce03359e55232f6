"""What readers in the same process cost a writer."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Event

from application.persistence.filters import MovementFilter
from application.persistence.recorder import LedgerRecorder
from benchmarks.databases import Database
from benchmarks.workload import CALLER, shop

ROWS_PER_PAGE = 1_000


def batch_ms(database: Database, readers: int, rounds: int) -> float:
    """The median of a batch of 1,000 beside so many readers, which pause no moment."""
    done = Event()
    with shop(database, items=1_000) as stock, ThreadPoolExecutor(max(readers, 1)) as pool:
        for _ in range(10):
            stock.sync.sync(stock.batch(1_000), CALLER)
        reading = [pool.submit(_read, stock.ledger.recorder, done) for _ in range(readers)]
        took = []
        for _ in range(rounds):
            batch = stock.batch(1_000)
            started = time.perf_counter()
            assert not stock.sync.sync(batch, CALLER).failed
            took.append(time.perf_counter() - started)
        done.set()
        for future in reading:
            future.result()
    return median(took) * 1_000


def _read(recorder: LedgerRecorder, done: Event) -> None:
    before: int | None = None
    while not done.is_set():
        page = recorder.select_movements(MovementFilter(), before=before, limit=ROWS_PER_PAGE)
        before = page[-1].position if page else None
