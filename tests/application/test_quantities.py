"""Decimals, floors and overrides, as a service's caller meets them."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.recording.sync import SyncService
from domain.errors import Invalid
from tests.support.access import caller
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    codes,
    execute,
    on_hand,
    only_failure,
)


@pytest.fixture
def rice(items: ItemService) -> UUID:
    return register(items, "RICE", scale=3)


@pytest.mark.parametrize("quantity", [1.5, "1.5", "1.50", "15e-1", " 1.500 "])
def test_decimal_is_one_quantity_in_any_spelling(
    sync: SyncService, ledger: Ledger, rice: UUID, quantity: Any
) -> None:
    first = element("INBOUND", rice, quantity)
    result = sync.sync([first, first | {"quantity": 1.5}, first | {"quantity": 1.6}], CLERK)
    assert [one.status for one in result.synced] == ["recorded", "duplicate"]
    assert codes(result) == ["LOCAL_ID_REUSED"]
    assert result.failed[0].rejection.details["quantity"] == 1.5
    assert result.synced[0].on_hand == 1.5
    assert on_hand(ledger, rice) == 1500


def test_javascript_sums_are_what_they_mean(sync: SyncService, ledger: Ledger, rice: UUID) -> None:
    sync.sync([element("INBOUND", rice, 0.1 + 0.2), element("OUTBOUND", rice, 0.1)], CLERK)
    assert on_hand(ledger, rice) == 200
    assert_read_models_equal_replay(ledger)


def test_stock_take_is_answered_in_units(sync: SyncService, rice: UUID) -> None:
    sync.sync([element("INBOUND", rice, 2)], CLERK)
    (count,) = sync.sync([element("COUNT", rice, 1.25)], CLERK).synced
    assert count.count == (2, 1.25, -0.75)


@pytest.mark.parametrize("quantity", [0.0001, "0.0001", 1e12, -1, 0])
def test_quantity_that_the_item_cannot_have_is_invalid(
    sync: SyncService, rice: UUID, quantity: Any
) -> None:
    rejection = only_failure(sync.sync([element("INBOUND", rice, quantity)], CLERK)).rejection
    assert (rejection.code, rejection.details["field"]) == ("INVALID", "quantity")


def test_decimal_of_an_item_that_is_not_registered_waits_for_it(
    sync: SyncService,
) -> None:
    assert codes(sync.sync([element("INBOUND", uuid4(), 1.5)], CLERK)) == ["UNKNOWN_ITEM"]


def test_scale_is_fixed_by_the_first_movement(
    sync: SyncService, items: ItemService, rice: UUID
) -> None:
    changed = items.change_details(rice, lambda details: replace(details, scale=2), CLERK)
    assert changed.scale == 2
    sync.sync([element("INBOUND", rice, 1.25)], CLERK)
    with pytest.raises(Invalid, match="scale"):
        items.change_details(rice, lambda details: replace(details, scale=3), CLERK)


def test_goods_out_stop_at_the_floor(sync: SyncService, ledger: Ledger, items: ItemService) -> None:
    tea, cup = register(items, "TEA", floor=-2), register(items, "CUP", floor=None)
    result = sync.sync(
        [element("OUTBOUND", tea, 3), element("OUTBOUND", tea, 2), element("OUTBOUND", cup, 10**6)],
        CLERK,
    )
    assert codes(result) == ["INSUFFICIENT_STOCK"]
    assert result.failed[0].rejection.details == {"on_hand": 0, "requested": 3, "floor": -2}
    assert (on_hand(ledger, tea), on_hand(ledger, cup)) == (-2, -(10**6))


def test_floor_of_now_decides(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    tea = register(items, floor=None)
    sync.sync([element("OUTBOUND", tea, 5)], CLERK)
    items.change_details(tea, lambda details: replace(details, floor=0), CLERK)
    result = sync.sync([element("OUTBOUND", tea, 1), element("INBOUND", tea, 3)], CLERK)
    assert codes(result) == ["INSUFFICIENT_STOCK"]
    assert on_hand(ledger, tea) == -2


def test_floor_stands_in_the_events_and_in_no_read_model(
    sync: SyncService, items: ItemService, ledger: Ledger
) -> None:
    tea = register(items, floor=-2, scale=1)
    sync.sync([element("INBOUND", tea, 1)], CLERK)
    execute(ledger, "UPDATE stock_levels SET floor = 0, scale = 0")
    assert codes(sync.sync([element("OUTBOUND", tea, 2.5)], CLERK)) == []
    assert on_hand(ledger, tea) == -15


def test_manager_may_override_the_floor_with_a_reason(
    sync: SyncService, ledger: Ledger, items: ItemService
) -> None:
    tea = register(items)
    sold = element("OUTBOUND", tea, 3, override=True, reason="sold-anyway")
    result = sync.sync([sold], caller(Role.MANAGER, "main"))
    assert (codes(result), result.warnings, on_hand(ledger, tea)) == ([], {}, -3)
    assert all_events(ledger)[-1].event.override is True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("role", "reason"), [(Role.DEVICE, "sold-anyway"), (Role.CLERK, "x"), (Role.MANAGER, None)]
)
def test_override_that_may_not_be_given_is_passed_over(
    sync: SyncService, items: ItemService, role: Role, reason: str | None
) -> None:
    tea = register(items)
    batch = [
        element("OUTBOUND", tea, 3, override=True, reason=reason),
        element("INBOUND", tea, 3, override=True, reason=reason),
    ]
    result = sync.sync(batch, caller(role, "main"))
    warned = [(one.code, one.field) for found in result.warnings.values() for one in found]
    assert warned == [("NOT_ALLOWED", "override")] * 2
    assert all(one.status == "recorded" for one in result.synced)


def test_batch_registers_items_with_scale_and_floor(ledger: Ledger) -> None:
    sync = SyncService(ledger, default_floor=None)

    new = [
        {"location": "main", "sku": "A"},
        {"location": "main", "sku": "B", "floor": -1.5, "scale": 1, "safetyStock": "0.5"},
        {"location": "main", "sku": "B", "floor": -1.5, "scale": 1},
        {"location": "main", "sku": "B", "scale": 2},
        {"location": "main", "sku": "A", "floor": None},
        {"location": "main", "sku": "A", "floor": 0},
    ]
    found = sync.submit(parse_batch([], items=new), CLERK).result().items
    assert [one.status for one in found] == [
        *("registered", "registered", "known", "differs", "known", "differs")
    ]
    a, b = found[0].item, found[1].item
    assert a is not None
    assert b is not None
    assert a.shown_details["floor"] is None
    assert b.shown_details | {"name": ""} == {
        "name": "",
        "unit": "pc",
        "safety_stock": 0.5,
        "scale": 1,
        "floor": -1.5,
    }
