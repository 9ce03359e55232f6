"""The whole server over HTTP, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.shop import shop


def rate(size: int, clients: int, rounds: int) -> float:
    """Transactions a second, in batches of `size` from so many connections."""
    with shop(items=1_000) as stock, _server(stock.database_url) as url:
        bodies = [
            json.dumps({"transactions": stock.batch(size, first=n * size)}).encode()
            for n in range(rounds * clients)
        ]
        local = threading.local()

        def post(body: bytes) -> None:
            if not hasattr(local, "client"):
                local.client = httpx2.Client(base_url=url, timeout=60)
            answer = local.client.post("/sync/transactions", content=body)
            assert answer.raise_for_status().content.count(b'"recorded"') == size

        with ThreadPoolExecutor(clients) as pool:
            started = time.perf_counter()
            list(pool.map(post, bodies))
            return rounds * clients * size / (time.perf_counter() - started)


@contextmanager
def _server(database_url: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).with_name("stockledger")
    process = subprocess.Popen(
        [str(command), "serve", "--port", str(port)],
        env=os.environ | {"STOCKLEDGER_DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready").is_success
    except httpx2.TransportError:
        return False
