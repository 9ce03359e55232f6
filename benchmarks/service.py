"""The service alone."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.databases import Database
from benchmarks.workload import CALLER, EVEN, Batch, Mix, shop


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
