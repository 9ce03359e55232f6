"""Cost of concurrent readers to a writer in the same process."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Event

from application.persistence.filters import MovementFilter
from application.persistence.recorder import LedgerRecorder
from benchmarks.databases import Database
from benchmarks.workload import CALLER, new_workload

ROWS_PER_PAGE = 1_000


def batch_ms(database: Database, readers: int, rounds: int) -> float:
    """Median milliseconds of a batch of 1,000, with `readers` threads that read without a pause."""
    done = Event()
    with (
        new_workload(database, items=1_000) as workload,
        ThreadPoolExecutor(max(readers, 1)) as pool,
    ):
        for _ in range(10):
            workload.sync.sync(workload.batch(1_000), CALLER)
        reading = [pool.submit(_read, workload.ledger.recorder, done) for _ in range(readers)]
        seconds = []
        for _ in range(rounds):
            batch = workload.batch(1_000)
            started = time.perf_counter()
            assert not workload.sync.sync(batch, CALLER).failed
            seconds.append(time.perf_counter() - started)
        done.set()
        for future in reading:
            future.result()
    return median(seconds) * 1_000


def _read(recorder: LedgerRecorder, done: Event) -> None:
    before: int | None = None
    while not done.is_set():
        page = recorder.select_movements(MovementFilter(), before=before, limit=ROWS_PER_PAGE)
        before = page[-1].position if page else None
