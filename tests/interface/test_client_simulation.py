"""Simulation: several reference clients on a very bad network, with a server that is killed.

At the end, every copy equals the stock of the server. Every transaction is recorded once, or is a
rejected transaction.
"""

import random
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application.access.roles import Role
from interface.client import StockClient, Unreachable
from tests.support.load import assert_sound
from tests.support.network import BadNetwork
from tests.support.server import Server, get, post, running

STEPS = 120
SKUS = ("TEA", "CUP", "POT")
DEVICES: dict[str, tuple[Role, tuple[str, ...]]] = {
    "counter": (Role.MANAGER, ("main", "annex")),
    "scanner-1": (Role.MANAGER, ("main",)),
    "scanner-2": (Role.DEVICE, ("main",)),
    "scanner-3": (Role.CLERK, ("annex",)),
}


class Device:
    """A handheld that can lose its power at any time."""

    def __init__(self, file: Path, url: str, key: str, seed: int) -> None:
        self.network = BadNetwork(seed)
        self.recorded: list[UUID] = []
        self._how: dict[str, Any] = {"path": file, "url": url, "key": key}
        self.client = self._start()

    def _start(self, attempts: int = 2) -> StockClient:
        return StockClient(**self._how, transport=self.network, attempts=attempts, first_pause=0.01)

    def lose_power(self) -> None:
        """Starts again without closing the file or the connections."""
        self.client = self._start()

    def sync(self) -> None:
        with suppress(Unreachable):
            self.client.sync()

    def sync_at_last(self) -> None:
        self.network.trouble = 0
        self.client = self._start(attempts=10)
        while self.client.pending():
            self.client.sync()

    def work(self, dice: random.Random, items: list[UUID]) -> None:
        for _ in range(dice.randint(1, 4)):
            kind = dice.choices(["INBOUND", "OUTBOUND", "ADJUST", "COUNT"], [4, 6, 1, 1])[0]
            quantity = dice.randint(1, 9)
            self.recorded.append(self.client.record(kind, dice.choice(items), quantity))  # type: ignore[arg-type]


class Shop:
    """A server with items and devices."""

    def __init__(self, server: Server, folder: Path, seed: int) -> None:
        self.server = server
        self.dice = random.Random(seed)
        key = server.admin_key
        assert key is not None
        self.key = key
        self.items = [
            self._register(location, sku) for location in ("main", "annex") for sku in SKUS
        ]
        self.devices = [
            Device(folder / f"{name}.db", server.url, self._new_key(name), seed * 100 + number)
            for number, name in enumerate(DEVICES)
        ]

    def everything(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = get(f"{self.server.url}{path}?limit=1000{cursor}", self.key).json()
            found += page["items"]
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    def step(self) -> None:
        device = self.dice.choice(self.devices)
        match self.dice.choices(["work", "sync", "power", "kill"], [50, 45, 4, 1])[0]:
            case "work":
                device.work(self.dice, self.items)
            case "sync":
                device.sync()
            case "power":
                device.lose_power()
            case "kill":
                self.kill_amid_a_sync(device)

    def kill_amid_a_sync(self, device: Device) -> None:
        self.server.kill()
        device.sync()
        self.server.start()
        device.sync()
        self.server.wait_until_ready()

    def _register(self, location: str, sku: str) -> UUID:
        item = {"location": location, "sku": sku, "name": sku.title(), "unit": "piece"}
        made = post(f"{self.server.url}/items", item, self.key).raise_for_status().json()
        return UUID(made["itemId"])

    def _new_key(self, name: str) -> str:
        role, locations = DEVICES[name]
        new = {"name": name, "role": role.value, "locations": locations}
        key: str = post(f"{self.server.url}/keys", new, self.key).raise_for_status().json()["key"]
        return key


@pytest.mark.parametrize("seed", [1, 2])
def test_in_the_end_everybody_agrees(
    database_url: str, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_RATE_LIMIT", "100000/minute")
    with running(database_url, auth=True) as server, ExitStack() as open_devices:
        shop = Shop(server, tmp_path, seed)
        for device in shop.devices:
            open_devices.callback(device.network.close)
        for _ in range(STEPS):
            shop.step()
        shop.kill_amid_a_sync(shop.devices[0])
        troubles = set().union(*(device.network.troubles for device in shop.devices))
        assert len(troubles) == 7
        for device in shop.devices:
            device.sync_at_last()
        assert_everybody_agrees(shop)
    assert_sound(database_url)


def assert_everybody_agrees(shop: Shop) -> None:
    recorded = Counter(UUID(row["localId"]) for row in shop.everything("/movements"))
    assert set(recorded.values()) == {1}
    waiting = {
        UUID(row["localId"]): row["code"]
        for row in shop.everything("/sync/rejections")
        if row["status"] == "open"
    }
    assert len(waiting) > 0
    for device in shop.devices:
        device.client.sync()
        own = set(device.recorded)
        assert own == (own & set(recorded)) | (own & set(waiting))
        assert not own & set(recorded) & set(waiting)
        rejected = {one.local_id: one.code for one in device.client.rejected()}
        assert rejected == {local_id: waiting[local_id] for local_id in own & set(waiting)}
        assert_copy_is_the_stock(shop, device)


def assert_copy_is_the_stock(shop: Shop, device: Device) -> None:
    copy = {str(item.item_id): item for item in device.client.stock()}
    _, locations = list(DEVICES.values())[shop.devices.index(device)]
    stock = [item for item in shop.everything("/items") if item["location"] in locations]
    assert {item["itemId"]: item["onHand"] for item in stock} == {
        item_id: item.on_hand for item_id, item in copy.items()
    }
    assert all(item.available == item.on_hand for item in copy.values())
