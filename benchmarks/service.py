"""The sync service in this process, without HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.databases import Database
from benchmarks.workload import CALLER, EVEN, Batch, Mix, new_workload
from interface import interpreter


def rate(database: Database, size: int, clients: int, rounds: int, mix: Mix = EVEN) -> float:
    """Transactions a second, in batches of `size` from `clients` threads."""
    with new_workload(database, items=1_000) as workload:
        batches = [workload.batches(size, rounds, mix, client=n) for n in range(clients)]
        workload.sync.sync(workload.batch(size), CALLER)

        def send(own: list[Batch]) -> None:
            for batch in own:
                assert not workload.sync.sync(batch, CALLER).failed

        interpreter.tune()  # As the server.
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            for future in [pool.submit(send, own) for own in batches]:
                future.result()
        return rounds * clients * size / (time.perf_counter() - started)
