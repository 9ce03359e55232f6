"""Reference client: what becomes of its registrations and codes, answer by answer."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from application.access.roles import Role
from application.recording import registration
from interface.api.app import create_app
from interface.client import StockClient
from interface.client.catalogue import Catalogue
from interface.client.labels import code_key
from interface.client.store import Store
from interface.settings import Settings
from tests.support.access import new_key
from tests.support.api import register
from tests.support.builders import CLERK, Clock
from tests.support.scenario import uuid

EAN = "4006381333931"
NewDevice = Callable[..., StockClient]


@pytest.fixture
def new_device(tmp_path: Path) -> Iterator[NewDevice]:
    opened: list[StockClient] = []

    def make(api: TestClient, **how: Any) -> StockClient:
        device = StockClient(
            tmp_path / "device.db",
            url="http://testserver",
            transport=api._transport,
            attempts=1,
            **how,
        )
        opened.append(device)
        return device

    yield make
    for device in opened:
        device.close()


@pytest.fixture
def device(api: TestClient, new_device: NewDevice) -> StockClient:
    return new_device(api)


class TestCodesOfTheCopy:
    """Changes of codes arrive at least once, and in order for each code."""

    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Iterator[Catalogue]:
        with closing(Store(tmp_path / "device.db")) as store:
            yield Catalogue(store)

    @staticmethod
    def change(kind: str, version: int, location: str = "main") -> dict[str, Any]:
        """A change that tells its version by `per`, too."""
        return {
            "kind": kind,
            "location": location,
            "itemId": str(uuid(7)),
            "code": EAN,
            "per": version,
            "version": version,
        }

    @staticmethod
    def per(catalogue: Catalogue, location: str | None = None) -> Any:
        found = catalogue.find([code_key(EAN)], location)
        return None if found is None else found.per

    def test_older_change_is_ignored(self, catalogue: Catalogue) -> None:
        found = []
        for kind, version in (("Assigned", 3), ("Assigned", 2), ("Retired", 4), ("Assigned", 3)):
            catalogue.apply(self.change(f"Code{kind}", version))
            found.append(self.per(catalogue))
        assert found == [3, 3, None, None]

    def test_version_is_that_of_one_location(self, catalogue: Catalogue) -> None:
        for location, version in (("main", 3), ("annex", 2)):
            catalogue.apply(self.change("CodeAssigned", version, location))
        assert [self.per(catalogue, one) for one in ("main", "annex", "attic")] == [3, 2, None]


@pytest.mark.parametrize("registered", ["M\u00fcnchen", "Mu\u0308nchen"])
def test_location_may_be_spelt_in_two_ways(device: StockClient, registered: str) -> None:
    new = device.register(registered, "TEA", codes={EAN: 1})
    for _ in range(2):  # Before and after the copy has it.
        for location in ("M\u00fcnchen", "Mu\u0308nchen"):
            found = device.resolve(EAN, location=location)
            assert found.item is not None
            assert found.item.item_id == new
        device.sync()


@pytest.mark.parametrize(("per", "quantity"), [(1, 25), (2, 50)])
def test_scan_of_a_pallet_counts_what_is_on_it(
    device: StockClient, per: int, quantity: int
) -> None:
    device.register("main", "TEA", codes={"90614141000015": per})
    found = device.resolve("(02)90614141000015(37)25")
    assert (found.item and found.item.sku, found.quantity) == ("TEA", quantity)


def test_only_a_refused_registration_can_be_dismissed(api: TestClient, device: StockClient) -> None:
    register(api, sku="TEA")
    device.register("main", "CUP")
    device.register("main", "TEA", name="Thee")
    numbers = [one.number for one in device._catalogue.outgoing(0, 9)]
    assert [device.dismiss_item(one) for one in numbers] == [False, False]
    assert [one.sku for one in device.stock()] == ["CUP", "TEA"]
    report = device.sync()
    assert (report.registered, report.refused_items) == (1, 1)
    assert [device.dismiss_item(one) for one in numbers] == [False, True]


def test_registration_that_is_too_large_does_not_stop_the_others(
    api: TestClient, device: StockClient
) -> None:
    """The server of these tests takes 50 items and codes in a batch."""
    first = device.register("main", "A-FIRST")
    device.register("main", "LARGE", codes={f"C{n}": 1 for n in range(60)})
    last = device.register("main", "Z-LAST", codes={EAN: 1})
    for one in (first, last):
        device.record("INBOUND", one, 1)
    report = device.sync()
    assert (report.refused_items, report.registered, report.recorded) == (1, 2, 2)
    (refused,) = device.refused_items()
    assert (refused.sku, refused.code) == ("LARGE", "BATCH_TOO_LARGE")
    assert not refused.is_registered
    assert [one["sku"] for one in api.get("/items").json()["items"]] == ["A-FIRST", "Z-LAST"]
    assert device.sync().refused_items == 0


def test_registration_that_may_succeed_later_stays_pending(
    database_url: str, new_device: NewDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "MAX_PROVISIONAL_ITEMS", 1)
    with TestClient(create_app(Settings(database_url=database_url))) as api:
        services = api.app.state.services  # type: ignore[attr-defined]
        device = new_device(api, key=new_key(services.keys, Role.DEVICE, "main"))
        one, other = (device.register("main", sku) for sku in ("ONE", "OTHER"))
        report = device.sync()
        assert (report.registered, report.refused_items) == (1, 0)
        assert (device.refused_items(), len(device._catalogue.outgoing(0, 9))) == ([], 1)
        assert [item.item_id for item in device.stock()] == [one, other]
        services.items.confirm(one, CLERK)
        report = device.sync()
        assert (report.registered, report.refused_items) == (1, 0)
        assert [item.provisional for item in device.stock()] == [False, True]


@pytest.mark.parametrize(
    ("keep", "sent_again"), [(timedelta(0), 0), (timedelta(hours=1), 1), (timedelta.max, 1)]
)
def test_answered_registration_is_kept_for_some_time(
    api: TestClient, new_device: NewDevice, tmp_path: Path, keep: timedelta, sent_again: int
) -> None:
    """A ledger that is restored from a backup gets it back, if the backup is not older."""
    register(api, sku="TEA")
    device = new_device(api, keep=keep, clock=Clock())
    device.register("main", "NEW", codes={EAN: 1})
    device.register("main", "TEA", name="Thee")
    device.sync()
    device.close()
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    with TestClient(create_app(Settings(database_url=url, auth=False))) as restored:
        device = new_device(restored, keep=keep, clock=Clock())
        assert device.sync().registered == sent_again
        assert len(restored.get("/items").json()["items"]) == sent_again
        assert [one.sku for one in device.refused_items()] == ["TEA"]
