"""A device that is a witness of a ledger in this process, and the network between them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from interface.client import StockClient
from proof.checkpoint import Checkpoint
from proof.evidence import Evidence
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.log_server import LogServer

Answer = Callable[[httpx2.Request], httpx2.Response]


class Line(httpx2.BaseTransport):
    """A network between a device and one of several servers, which can answer by itself."""

    def __init__(self, server: LogServer) -> None:
        self.server = server
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        """Answers by the beginning of the path."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append(path)
        for start, answer in self.answers.items():
            if path.startswith(start):
                return answer(request)
        return self.server.transport.handle_request(request)


class Days:
    """A clock of a device that can be set forward."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class WitnessShop:
    """A ledger, an item in it, and devices that look at each sync. All files are in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._devices: list[StockClient] = []
        self._servers: list[LogServer] = []
        self.clock = Days()

    @cached_property
    def server(self) -> LogServer:
        return self.new_server()

    @cached_property
    def line(self) -> Line:
        return Line(self.server)

    @cached_property
    def tea(self) -> UUID:
        return register(self.server.api)

    @cached_property
    def device(self) -> StockClient:
        return self.new_device()

    def new_server(self, name: str = "main", *, copy_of: LogServer | None = None) -> LogServer:
        """Makes an empty ledger, or a copy of one with its key and the memory of the key."""
        folder = self._folder / name
        self._servers.append(LogServer(folder) if copy_of is None else copy_of.copied(folder))
        return self._servers[-1]

    def new_device(self, name: str = "device", **how: Any) -> StockClient:
        """Starts a device, from its file if it has one."""
        wanted: dict[str, Any] = {
            "witness_every": timedelta(),
            "clock": self.clock,
            "attempts": 1,
        } | how
        file = self._folder / f"{name}.db"
        self._devices.append(
            StockClient(file, url="http://testserver", transport=self.line, **wanted)
        )
        return self._devices[-1]

    def close(self) -> None:
        for device in self._devices:
            device.close()
        for server in self._servers:
            server.stop()


def grow(server: LogServer, item: UUID, events: int = 1) -> Checkpoint:
    """Records so many events, and seals."""
    sync(server.api, *(element("INBOUND", item, 1) for _ in range(events)))
    return server.seal()


def refused(status: int, code: str) -> Answer:
    problem = {"code": code, "detail": "no", "details": {}}
    return lambda _: httpx2.Response(status, json=problem)


def the_alarm(device: StockClient) -> Evidence:
    """The only alarm of the device."""
    (found,) = device.alarms()
    assert Evidence.parse(found.text) == found
    return found


def unaudited(device: StockClient) -> int:
    return len(device._store.run("SELECT 1 FROM outbox WHERE NOT is_audited"))


def reports(server: LogServer) -> list[str]:
    """What devices reported to the ledger."""
    found = server.api.get("/audit?action=PROOF_FAILED").raise_for_status().json()["items"]
    return [one["detail"] for one in found]
