"""Rate and delay of changes on live streams."""

import asyncio
import statistics
import time
from typing import NamedTuple

import httpx2

from benchmarks.databases import Database
from benchmarks.http import serving
from benchmarks.workload import Batch, new_workload

TRANSACTIONS_PER_BATCH = 100
MAX_EVENT_BYTES = 2**24


class Delivered(NamedTuple):
    """Delivery of changes to the streams."""

    rate: float
    """Changes a second to each stream, from the first request to the last delivery."""
    written: float
    """Changes a second that were written in the same time."""
    median: float
    """Median delay in milliseconds: from the answer to a transaction until all streams have it."""
    p95: float
    """95th percentile of this delay, in milliseconds."""


class Reader:
    """A client of a live stream, which counts the changes."""

    def __init__(self) -> None:
        self.seen = 0

    async def run(self, port: int, key: str, after: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_EVENT_BYTES)
        request = f"GET /sync/stream?after={after} HTTP/1.1\r\nHost: localhost\r\n"
        writer.write(f"{request}Authorization: Bearer {key}\r\n\r\n".encode())
        try:
            while True:
                event = await reader.readuntil(b"\n\n")
                self.seen += event.count(b'"position":')
        finally:
            writer.close()


def delivered(database: Database, streams: int, rounds: int) -> Delivered:
    """Sends `rounds` batches, then 40 single transactions, to a server with `streams` streams."""
    with (
        new_workload(database, items=100) as workload,
        serving(workload.database_url, STOCKLEDGER_MAX_STREAMS=str(streams)) as url,
    ):
        batches = [
            workload.batch(TRANSACTIONS_PER_BATCH, first=n * TRANSACTIONS_PER_BATCH)
            for n in range(rounds)
        ]
        singles = [workload.batch(1, first=n) for n in range(40)]
        return asyncio.run(_measure(url, workload.key(), streams, batches, singles))


async def _measure(
    url: str, key: str, streams: int, batches: list[Batch], singles: list[Batch]
) -> Delivered:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
        after = client.get("/items?limit=1").json()["nextAfter"]
        port = client.base_url.port
        assert port is not None
        readers = [Reader() for _ in range(streams)]
        reading = [asyncio.create_task(reader.run(port, key, after)) for reader in readers]
        await asyncio.sleep(1)

        def send(batch: Batch) -> float:
            client.post("/sync/transactions", json={"transactions": batch}).raise_for_status()
            return time.perf_counter()

        changes = len(batches) * TRANSACTIONS_PER_BATCH
        started = time.perf_counter()
        for batch in batches:
            written = await asyncio.to_thread(send, batch)
        finished = await _all_have_read(readers, changes)
        delays = []
        for number, single in enumerate(singles, start=1):
            answered = await asyncio.to_thread(send, single)
            delays.append((await _all_have_read(readers, changes + number) - answered) * 1_000)
        for task in reading:
            task.cancel()
    return Delivered(
        changes / (finished - started),
        changes / (written - started),
        statistics.median(delays),
        statistics.quantiles(delays, n=20)[-1],
    )


async def _all_have_read(readers: list[Reader], changes: int) -> float:
    """Waits until every reader has that number of changes. Returns the time."""
    while any(reader.seen < changes for reader in readers):
        await asyncio.sleep(0.0005)
    return time.perf_counter()
