"""Registration: a batch registers items before its transactions."""

from typing import Any

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay, codes, on_hand


def send(sync: SyncService, items: list[Any], *elements: Any, who: Principal = CLERK) -> SyncResult:
    return sync.submit(parse_batch(elements, items=items), who).result()


def item(sku: str, **more: Any) -> dict[str, Any]:
    return {"location": "main", "sku": sku} | more


def statuses(result: SyncResult) -> list[str]:
    return [one.status for one in result.items]


def test_movements_find_what_their_batch_registers(sync: SyncService, ledger: Ledger) -> None:
    tea, cup = item_id("main", "TEA"), item_id("main", "CUP")
    new = [item("TEA", name="Tea", unit="box", safetyStock=5), item("CUP")]
    moves = [element("INBOUND", tea, 5), element("COUNT", cup, 3), element("OUTBOUND", tea, 2)]
    result = send(sync, new, *moves)
    assert (statuses(result), codes(result)) == (["registered"] * 2, [])
    assert [one.on_hand for one in result.synced] == [5, 3, 3]
    assert [one.version for one in result.synced] == [2, 2, 3]
    cups = ledger.recorder.select_item(cup)
    assert cups is not None
    assert (cups.name, cups.unit, cups.safety_stock, cups.on_hand) == ("CUP", "pc", 0, 3)
    assert_read_models_equal_replay(ledger)
    again = send(sync, new, *moves)
    assert statuses(again) == ["known"] * 2
    assert [one.status for one in again.synced] == ["duplicate"] * 3
    assert len(all_events(ledger)) == 5


def test_each_item_is_answered_by_itself(sync: SyncService, items: ItemService) -> None:
    register(items, "TEA")
    result = send(
        sync,
        [
            item("TEA"),
            item("TEA", name="Other"),
            item("NEW"),
            item("NEW", unit="box"),
            item("BAD\n"),
            {"sku": "NOWHERE"},
            item("N", safetyStock=-1),
            item("M", safetyStock="many"),
            7,
            item("LAST", colour="red"),
        ],
        element("INBOUND", item_id("main", "TEA"), 1),
    )
    assert statuses(result) == [
        "known", "differs", "registered", "differs", *["failed"] * 5, "registered",
    ]  # fmt: skip
    differs = result.items[1].rejection
    assert differs is not None
    assert (differs.code, differs.details["name"]) == ("ITEM_DIFFERS", "Name of TEA")
    fields = [one.rejection.details["field"] for one in result.items[4:9] if one.rejection]
    assert fields == ["sku", "location", "safetyStock", "safetyStock", "item"]
    assert [one.field for one in result.items[9].warnings] == ["colour"]
    assert [one.status for one in result.synced] == ["recorded"]


def test_labels_are_kept_in_their_form(sync: SyncService, ledger: Ledger) -> None:
    (one,) = send(sync, [{"location": "Zu\u0308rich", "sku": "A\u00a01"}]).items
    assert one.item is not None
    assert (one.item.location, one.item.sku) == ("Z\u00fcrich", "A 1")
    assert statuses(send(sync, [{"location": "Z\u00fcrich", "sku": "A 1"}])) == ["known"]


@pytest.mark.parametrize("role", [Role.DEVICE, Role.CLERK])
def test_who_may_not_register_still_has_movements_recorded(
    sync: SyncService, items: ItemService, ledger: Ledger, role: Role
) -> None:
    tea = register(items)
    new = item_id("main", "NEW")
    moves = [element("INBOUND", tea, 1), element("INBOUND", new, 1)]
    result = send(sync, [item("NEW")], *moves, who=caller(role, "main"))
    assert [one.rejection.code for one in result.items if one.rejection] == ["FORBIDDEN"]
    assert codes(result) == ["UNKNOWN_ITEM"]
    assert on_hand(ledger, tea) == 1


def test_manager_registers_at_their_locations(sync: SyncService) -> None:
    there = [item("A"), {"location": "annex", "sku": "A"}]
    result = send(sync, there, who=caller(Role.MANAGER, "main"))
    assert statuses(result) == ["registered", "failed"]


def test_six_thousand_are_one_batch(sync: SyncService, ledger: Ledger) -> None:
    new = [item(f"SKU-{n:05}", name=f"Item {n}") for n in range(6_000)]
    assert set(statuses(send(sync, new))) == {"registered"}
    assert set(statuses(send(sync, new))) == {"known"}
    assert ledger.recorder.head() == 6_000
