"""Reference client: items and codes of a device, offline and after its sync."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi.testclient import TestClient

from interface.api.app import create_app
from interface.client import StockClient, Unreachable
from interface.client.labels import item_id
from interface.settings import Settings
from tests.support.api import register

EAN, CARTON = "4006381333931", "4006381333948"
NewDevice = Callable[..., StockClient]


class NoNetwork(httpx2.BaseTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no network")


@pytest.fixture
def new_device(api: TestClient, tmp_path: Path) -> Iterator[NewDevice]:
    opened: list[StockClient] = []

    def make(name: str = "a", transport: httpx2.BaseTransport | None = None) -> StockClient:
        device = StockClient(
            tmp_path / f"{name}.db",
            url="http://testserver",
            transport=transport or api._transport,
            attempts=1,
        )
        opened.append(device)
        return device

    yield make
    for device in opened:
        device.close()


@pytest.fixture
def device(new_device: NewDevice) -> StockClient:
    return new_device()


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def item(api: TestClient, item_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/items/{item_id}").json()
    return found


def codes(api: TestClient, item_id: UUID) -> dict[str, Any]:
    return {one["code"]: one["per"] for one in item(api, item_id)["codes"]}


def test_unknown_barcode_is_no_dead_end(api: TestClient, new_device: NewDevice) -> None:
    offline = new_device(transport=NoNetwork())
    found = offline.resolve(EAN)
    assert (found.item, found.quantity, found.code) == (None, 1, "04006381333931")
    new = offline.register("main", "CHEESE", unit="kg", scale=3, codes={EAN: Decimal("0.125")})
    offline.record("INBOUND", new, Decimal("2.5"), scanned=EAN)
    found = offline.resolve(EAN)
    assert found.item is not None
    assert (found.item.item_id, found.quantity) == (new, Decimal("0.125"))
    assert (found.item.provisional, found.item.available) == (True, Decimal("2.5"))
    with pytest.raises(Unreachable):
        offline.sync()
    offline.close()

    device = new_device()
    report = device.sync()
    assert (report.registered, report.recorded, report.refused_items) == (1, 1, 0)
    (copied,) = device.stock()
    assert (copied.item_id, copied.name, copied.on_hand) == (new, "CHEESE", Decimal("2.5"))
    assert codes(api, new) == {EAN: 0.125}
    found = device.resolve(f" {EAN}\r\n")
    assert found.item == copied
    assert device.sync().registered == 0


def test_code_is_assigned_to_a_known_item(
    api: TestClient, new_device: NewDevice, tea: UUID
) -> None:
    one, other = new_device("a"), new_device("b")
    one.sync()
    other.sync()
    one.assign_code(tea, CARTON, 12)
    found = one.resolve(CARTON)
    assert found.item is not None
    assert (found.item.item_id, found.quantity) == (tea, 12)
    assert one.sync().registered == 1
    assert other.sync().changes == 1
    assert (other.resolve(CARTON).item, other.resolve(CARTON).quantity) == (found.item, 12)
    with pytest.raises(ValueError, match="no item"):
        one.assign_code(UUID(int=7), EAN)


def test_first_copy_has_the_codes(api: TestClient, device: StockClient, tea: UUID) -> None:
    api.post(f"/items/{tea}/codes", json={"code": EAN, "per": 6}).raise_for_status()
    device.sync()
    found = device.resolve("0" + EAN)
    assert found.item is not None
    assert (found.item.item_id, found.quantity) == (tea, 6)
    assert device.resolve(EAN, location="main").item == found.item
    assert device.resolve(EAN, location="annex").item is None


def test_retired_and_reassigned_code_is_followed(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    cup = register(api, sku="CUP")
    device.sync()
    device.assign_code(tea, EAN)
    device.sync()
    api.post(f"/items/{tea}/codes/retire", json={"code": EAN}).raise_for_status()
    device.sync()
    assert device.resolve(EAN).item is None
    api.post(f"/items/{cup}/codes", json={"code": EAN, "per": 3}).raise_for_status()
    device.sync()
    found = device.resolve(EAN)
    assert found.item is not None
    assert (found.item.item_id, found.quantity) == (cup, 3)


def test_two_devices_that_register_one_item_offline_meet(
    api: TestClient, new_device: NewDevice
) -> None:
    one, other = new_device("a"), new_device("b")
    for device, name in ((one, "Tea"), (other, "Thee")):
        new = device.register("main", "TEA", name=name, codes={EAN: 1})
        device.record("INBOUND", new, 2)
    assert one.sync().refused_items == 0
    # Without authentication, both are managers: the second details differ.
    assert other.sync().refused_items == 1
    (refused,) = other.refused_items()
    assert (refused.sku, refused.code, refused.is_registered) == ("TEA", "ITEM_DIFFERS", True)
    assert refused.details["name"] == "Tea"
    (found,) = other.stock()
    assert (found.name, found.on_hand, other.pending()) == ("Tea", 4, [])
    assert other.resolve(EAN).item == found
    assert other.dismiss_item(refused.number)
    assert not other.dismiss_item(refused.number)
    assert other.refused_items() == []
    one.sync()
    assert one.stock() == other.stock()


def test_code_of_another_sku_is_told_and_the_device_learns_whose_it_is(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    cup = register(api, sku="CUP")
    device.sync()
    api.post(f"/items/{cup}/codes", json={"code": EAN}).raise_for_status()
    device.assign_code(tea, EAN)
    assert device.sync().refused_items == 1
    (refused,) = device.refused_items()
    assert (refused.code, refused.details["sku"]) == ("CODE_TAKEN", "CUP")
    found = device.resolve(EAN)
    assert found.item is not None
    assert found.item.item_id == cup


def test_confirmed_item_is_not_provisional_any_more(api: TestClient, device: StockClient) -> None:
    new = device.register("main", "NEW")
    (before,) = device.stock()
    device.sync()
    api.post(f"/items/{new}/confirm", json={"name": "New tea"}).raise_for_status()
    device.sync()
    (after,) = device.stock()
    assert (before.provisional, after.provisional, after.name) == (True, False, "New tea")


def test_gs1_scan_brings_weight_lot_and_expiry(api: TestClient, device: StockClient) -> None:
    new = device.register("main", "CHEESE", unit="kg", scale=3, codes={"90614141000015": 1})
    found = device.resolve("]C10190614141000015310300125017270131\u001d10LOT-7")
    assert found.item is not None
    assert (found.item.item_id, found.quantity) == (new, Decimal("1.25"))
    assert (found.lot, found.expires) == ("LOT-7", date(2027, 1, 31))
    link = device.resolve("https://id.gs1.org/01/90614141000015?3103=000500")
    assert (link.item, link.quantity) == (found.item, Decimal("0.5"))


@pytest.mark.parametrize("scan", ["", " ", "\x1d", "\udc00", "x" * 10_000, "]C1", "https://["])
def test_no_scan_breaks_the_device(device: StockClient, scan: str) -> None:
    found = device.resolve(scan)
    assert (found.raw, found.item, found.quantity) == (scan, None, 1)


@pytest.mark.parametrize(
    "bad",
    [
        {"sku": ""},
        {"sku": " x"},
        {"sku": "a\nb"},
        {"location": ""},
        {"name": "x" * 201},
        {"unit": ""},
        {"scale": 7},
        {"codes": {"": 1}},
        {"codes": {"a\x1db": 1}},
        {"codes": {EAN: 0}},
        {"codes": {EAN: Decimal("0.5")}},
        {"codes": {EAN: Decimal("NaN")}},
        {"codes": {EAN: True}},
        {"codes": {f"C{n}": 1 for n in range(101)}},
        {"name": ""},
        {"sku": "\u200b"},
    ],
)
def test_what_the_ledger_would_refuse_is_not_registered(
    device: StockClient, bad: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="must"):
        device.register(**({"location": "main", "sku": "NEW"} | bad))
    assert device.stock() == []


def test_id_of_a_new_item_is_that_of_the_ledger(api: TestClient, device: StockClient) -> None:
    sku = "Cafe\u0301\u00a01"
    new = device.register("main", sku)
    device.sync()
    assert new == item_id("main", sku) == UUID(item(api, new)["itemId"])
    assert [one.sku for one in device.stock()] == ["Caf\u00e9 1"]


def test_first_details_of_a_new_item_stand(device: StockClient) -> None:
    device.register("main", "CHEESE", name="Cheese", unit="kg", scale=3)
    new = device.register("main", "CHEESE", name="Hard cheese")
    device.assign_code(new, EAN)
    for _ in range(2):
        (stock,) = device.stock()
        assert (stock.name, stock.unit, stock.scale) == ("Cheese", "kg", 3)
        device.sync()
    (refused,) = device.refused_items()
    assert refused.code == "ITEM_DIFFERS"


def test_many_items_go_before_the_transactions(
    api: TestClient, device: StockClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device._synchroniser, "_batch_size", 2)
    new = [device.register("main", f"SKU-{n}") for n in range(5)]
    for one in new:
        device.record("INBOUND", one, 1)
    report = device.sync()
    assert (report.registered, report.recorded, report.rejected) == (5, 5, 0)


def test_batch_that_is_too_large_is_sent_in_parts(api: TestClient, device: StockClient) -> None:
    """The server of these tests takes 50 in a batch."""
    new = [device.register("main", f"SKU-{n}") for n in range(120)]
    device.record("INBOUND", new[-1], 1)
    report = device.sync()
    assert (report.registered, report.recorded) == (120, 1)


class TestRestoredLedger:
    """A ledger that is restored from a backup lacks what came after it."""

    @pytest.fixture
    def restored(self, tmp_path: Path) -> Iterator[TestClient]:
        """Another ledger: it has only the tea."""
        url = f"sqlite:///{tmp_path / 'restored.db'}"
        with TestClient(create_app(Settings(database_url=url, auth=False))) as client:
            register(client)
            yield client

    @pytest.fixture
    def moved(self, restored: TestClient, new_device: NewDevice) -> Callable[..., StockClient]:
        def move(device: StockClient) -> StockClient:
            device.close()
            return new_device("a", restored._transport)

        return move

    def test_items_come_back_with_their_movements(
        self, restored: TestClient, device: StockClient, moved: Callable[..., StockClient]
    ) -> None:
        new = device.register("main", "NEW", codes={EAN: 1})
        device.record("INBOUND", new, 3)
        device.sync()
        report = moved(device).sync()
        assert (report.sent_again, report.registered, report.rejected) == (1, 1, 0)
        assert item(restored, new)["onHand"] == 3
        assert codes(restored, new) == {EAN: 1}

    def test_items_without_movements_come_back(
        self, restored: TestClient, device: StockClient, moved: Callable[..., StockClient]
    ) -> None:
        new = device.register("main", "NEW", codes={EAN: 1})
        device.sync()
        device = moved(device)
        assert device.sync().registered == 1
        assert codes(restored, new) == {EAN: 1}
        assert device.sync().registered == 0
        device.record("INBOUND", new, 1)
        assert device.sync().recorded == 1

    def test_details_that_were_changed_since_are_left_alone(
        self, restored: TestClient, device: StockClient, moved: Callable[..., StockClient]
    ) -> None:
        tea = device.register("main", "TEA-250", name="Tea", unit="box", codes={EAN: 1})
        device.sync()
        restored.patch(f"/items/{tea}", json={"name": "Thee"}).raise_for_status()
        device = moved(device)
        assert (device.sync().refused_items, device.refused_items()) == (0, [])
        assert [one.name for one in device.stock()] == ["Thee"]


def test_retired_code_stays_retired_in_a_new_copy(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    device.sync()
    device.assign_code(tea, EAN)
    device.sync()
    api.post(f"/items/{tea}/codes/retire", json={"code": EAN}).raise_for_status()
    device.sync()
    device._store.bookmark = None
    device.sync()
    assert device.resolve(EAN).item is None


def test_retired_code_is_assigned_anew_at_once(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    cup = register(api, sku="CUP")
    api.post(f"/items/{tea}/codes", json={"code": EAN}).raise_for_status()
    device.sync()
    api.post(f"/items/{tea}/codes/retire", json={"code": EAN}).raise_for_status()
    device.sync()
    device.assign_code(cup, EAN)
    for _ in range(2):
        found = device.resolve(EAN)
        assert found.item is not None
        assert found.item.item_id == cup
        device.sync()


def test_group_and_items_that_do_not_fit_together_are_sent_one_after_the_other(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    """The server of these tests takes 50 in a batch."""
    device.sync()
    new = [device.register("main", f"SKU-{n}") for n in range(2)]
    with device.group() as group:
        for n in range(50):
            device.record("INBOUND", new[n % 2], 1, group=group)
    report = device.sync()
    assert (report.registered, report.recorded, device.pending()) == (2, 50, [])


def test_group_that_never_fits_does_not_stop_the_sync(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    new = [device.register("main", f"SKU-{n}") for n in range(2)]
    with device.group() as group:
        for n in range(60):
            device.record("INBOUND", new[n % 2], 1, group=group)
    device.record("INBOUND", tea, 1)
    report = device.sync()
    assert (report.registered, report.rejected, report.recorded) == (2, 60, 1)


@pytest.mark.parametrize(
    ("unit", "scale", "scan", "quantity"),
    [
        ("kg", 3, "(01)90614141000015(3103)001250", Decimal("1.25")),
        ("g", 0, "(01)90614141000015(3103)001250", 1250),
        ("kg", 3, "(01)90614141000015(3202)000250", 1),  # pounds
        ("pc", 0, "(01)90614141000015(3103)001250", 1),
        ("kg", 1, "(01)90614141000015(3103)001250", 1),  # finer than the item
    ],
)
def test_weight_counts_in_the_unit_of_the_item(
    device: StockClient, unit: str, scale: int, scan: str, quantity: Any
) -> None:
    device.register("main", "CHEESE", unit=unit, scale=scale, codes={"90614141000015": 1})
    found = device.resolve(scan)
    assert (found.quantity, found.measure is not None) == (quantity, True)
