"""Registration, details, discontinuation."""

from dataclasses import replace
from uuid import UUID

import pytest

from domain.actor import Actor
from domain.errors import Invalid
from domain.errors import ItemDiscontinued as Discontinued
from domain.events import (
    ItemDetailsChanged,
    ItemDiscontinued,
    ItemReactivated,
    ItemRegistered,
)
from domain.item_details import ItemDetails
from domain.stock_item import StockItem, item_id
from tests.support.scenario import (
    DETAILS,
    NOON,
    TEA,
    change_details,
    discontinue,
    given,
    inbound,
    reactivate,
)


def register(location: str = "main", sku: str = "TEA-250") -> StockItem:
    return StockItem.register(location, sku, DETAILS, by=Actor("manager"), recorded_at=NOON)


def test_registered_item_has_nothing_on_hand() -> None:
    item = register()
    (event,) = item.collect_events()
    assert isinstance(event, ItemRegistered)
    assert (event.name, event.unit, event.safety_stock) == ("Green tea", "box", 5)
    assert (item.on_hand, item.version, item.active) == (0, 1, True)


def test_id_follows_from_location_and_sku_for_ever() -> None:
    assert item_id("main", "TEA-250") == UUID("25611397-d162-5417-9427-6c759c4ceb9c")
    assert register().id == item_id("main", "TEA-250")


def test_id_keeps_location_and_sku_apart() -> None:
    assert item_id("a", "bc") != item_id("ab", "c")


@pytest.mark.parametrize("label", ["", " ", "x ", " x", "a\x1fb", "a\nb", "a\0b", "x" * 201])
def test_location_and_sku_are_one_printable_line(label: str) -> None:
    with pytest.raises(Invalid, match="location"):
        register(location=label)
    with pytest.raises(Invalid, match="sku"):
        register(sku=label)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("name", "", "name"), ("unit", "a\tb", "unit"), ("safety_stock", -1, "safetyStock")],
)
def test_details_have_bounds(field: str, value: object, named: str) -> None:
    with pytest.raises(Invalid, match=named):
        replace(DETAILS, **{field: value})  # type: ignore[arg-type]


def test_details_change_as_a_whole() -> None:
    details = ItemDetails(name="Black tea", unit="tin", safety_stock=2)
    given(inbound(3)).when(change_details(details)).then(
        ItemDetailsChanged, name="Black tea", unit="tin", safety_stock=2, on_hand=3
    )


def test_same_details_change_nothing() -> None:
    given().when(change_details(DETAILS)).then_nothing()


def test_discontinued_item_must_be_reactivated_before_its_details_change() -> None:
    given(discontinue()).when(change_details(replace(DETAILS, unit="tin"))).then_rejected(
        Discontinued(TEA)
    )


def test_discontinuing_twice_changes_nothing_the_second_time() -> None:
    given(inbound(2)).when(discontinue()).then(ItemDiscontinued, on_hand=2)
    given(discontinue()).when(discontinue()).then_nothing()


def test_reactivated_item_moves_again() -> None:
    given(discontinue()).when(reactivate()).then(ItemReactivated)
    given(discontinue(), reactivate()).when(inbound(1)).then_on_hand(1)
    given().when(reactivate()).then_nothing()
