"""Real server processes, with real HTTP, which tests can kill."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2

from application.access.key_format import PATTERN

COMMAND = Path(sys.executable).with_name("stockledger")
JSON_TYPE = {"Content-Type": "application/json"}
TIMEOUT_SECONDS = 60
"""Seconds to wait for a process before the test fails."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`stockledger serve` in its own process group, without authentication unless `auth`."""

    def __init__(
        self,
        database_url: str,
        *flags: str,
        auth: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        flags = flags if auth else (*flags, "--no-auth")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [str(COMMAND), "serve", "--port", str(self.port), *flags]
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115 -- open until stop()
        self._environment = (
            os.environ | {"STOCKLEDGER_DATABASE_URL": database_url} | dict(environment or {})
        )
        self.start()

    def start(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def wait_until_ready(self) -> Self:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            try:
                if get(f"{self.url}/health/ready").is_success:
                    return self
            except httpx2.TransportError:
                assert self.process.poll() is None, "the server ended"
            time.sleep(0.05)
        raise AssertionError("the server did not get ready")

    @property
    def admin_key(self) -> str | None:
        """The admin key in the output. None: this was not the first start on the database."""
        match = PATTERN.search(self.output)
        return match[0] if match else None

    @property
    def output(self) -> str:
        """The output so far, with the log."""
        return Path(self._output.name).read_text()

    def kill(self) -> None:
        """Kills the server and its workers at once, like a power cut."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> None:
        self.process.terminate()

    def wait(self) -> int:
        return self.process.wait(TIMEOUT_SECONDS)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._output.close()


@contextmanager
def running(
    database_url: str,
    *flags: str,
    auth: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    server = Server(database_url, *flags, auth=auth, environment=environment)
    try:
        yield server.wait_until_ready()
    finally:
        server.stop()


def get(url: str, key: str | None = None) -> httpx2.Response:
    return httpx2.get(url, timeout=TIMEOUT_SECONDS, verify=False, headers=_bearer(key))


def post(url: str, body: Any, key: str | None = None) -> httpx2.Response:
    """Without TLS verification: loading the certificates takes longer than the request."""
    return httpx2.post(url, json=body, timeout=TIMEOUT_SECONDS, verify=False, headers=_bearer(key))


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def register(url: str, sku: str = "TEA-250", **more: Any) -> str:
    item = {"location": "main", "sku": sku, "name": f"Name of {sku}", "unit": "piece"} | more
    answer = post(f"{url}/items", item).raise_for_status()
    item_id: str = answer.json()["itemId"]
    return item_id


def post_batch(url: str, batch: list[dict[str, Any]]) -> dict[str, Any]:
    answer = post(f"{url}/sync/transactions", {"transactions": batch}).raise_for_status()
    result: dict[str, Any] = answer.json()
    return result


def on_hand(url: str, item_id: str) -> int:
    quantity: int = get(f"{url}/items/{item_id}").json()["onHand"]
    return quantity
