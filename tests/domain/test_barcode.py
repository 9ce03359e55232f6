"""Codes: what is one code, and to whom it belongs."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Actor
from domain.barcode import (
    MAX_PER,
    Barcode,
    BarcodeEvent,
    CodeAssigned,
    CodeRetired,
    code_id,
    compared_form,
    is_gtin,
)
from domain.errors import CodeTaken, CodeWasRetired, Invalid, ItemDiffers, UnknownCode
from domain.item_details import ItemDetails
from domain.stock_item import StockItem
from tests.support.scenario import NOON

MINA = Actor("mina", "k1")
EAN = "4006381333931"


def item(sku: str = "TEA", scale: int = 0) -> StockItem:
    details = ItemDetails(name=sku, unit="pc", scale=scale)
    return StockItem.register("main", sku, details, by=MINA, recorded_at=NOON)


def assign(code: Barcode, to: StockItem, per: int | Decimal = 1) -> CodeAssigned | None:
    return code.assign(to, per, by=MINA, recorded_at=NOON)


@pytest.mark.parametrize(
    ("code", "compared"),
    [
        ("4006381333931", "04006381333931"),
        ("04006381333931", "04006381333931"),
        ("012345678905", "00012345678905"),
        ("96385074", "00000096385074"),
        ("4006381333932", "4006381333932"),  # a wrong check digit
        ("012345678", "012345678"),  # a wrong length
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "٤٠٠٦٣٨١٣٣٣٩٣١"),
        ("Cafe\u0301 1", "Caf\u00e9 1"),
        ("abc", "abc"),
    ],
)
def test_gtins_are_compared_in_14_digits_and_others_as_text(code: str, compared: str) -> None:
    assert compared_form(code) == compared
    assert code_id("main", code) == code_id("main", compared)
    assert code_id("main", code) != code_id("annex", code)


def test_id_of_a_code_is_the_same_for_every_spelling_of_its_location() -> None:
    ids = {code_id(one, EAN) for one in ("M\u00fcnchen 1", "Mu\u0308nchen\u00a01")}
    assert ids == {code_id("M\u00fcnchen 1", f"0{EAN}")}


@given(st.integers(0, 10**13 - 1), st.integers(0, 9))
def test_one_check_digit_in_ten_is_good(body: int, digit: int) -> None:
    good = [check for check in range(10) if is_gtin(f"{body:013}{check}")]
    assert len(good) == 1
    assert is_gtin(f"{body:013}{digit}") == (digit in good)


def at(code: str = EAN, last: BarcodeEvent | None = None) -> Barcode:
    return Barcode("main", code, last)


def assigned(to: StockItem, per: int | Decimal = 1) -> CodeAssigned:
    event = assign(at(), to, per)
    assert event is not None
    return event


def retired(last: CodeAssigned) -> CodeRetired:
    event = at(last=last).retire(by=MINA, recorded_at=NOON - timedelta(hours=1))
    assert event is not None
    return event


def test_code_belongs_to_one_sku() -> None:
    tea, cup = item(), item("CUP")
    event = assigned(tea, 12)
    assert (event.originator_id, event.originator_version) == (at().id, 1)
    assert (event.item_id, event.sku, event.per, event.actor, event.key_id) == (
        tea.id, "TEA", Decimal(12), "mina", "k1",
    )  # fmt: skip
    assert assign(at(last=event), tea, 12) is None
    with pytest.raises(CodeTaken) as taken:
        assign(at(last=event), cup)
    assert taken.value == CodeTaken(EAN, tea.id, "TEA")
    changed = assign(at(last=event), tea, 6)
    assert changed is not None
    assert changed.originator_version == 2


def test_retired_code_can_be_reassigned_in_another_spelling() -> None:
    tea, cup = item(), item("CUP")
    free = retired(assigned(tea))
    assert (free.timestamp, free.item_id, free.code) == (NOON, tea.id, EAN)
    assert at(last=free).assignment is None
    assert at(last=free).retire(by=MINA, recorded_at=NOON) is None
    again = assign(at(f"0{EAN}", free), cup)
    assert again is not None
    assert (again.originator_id, again.originator_version) == (free.originator_id, 3)
    assert (again.item_id, again.code) == (cup.id, f"0{EAN}")


def test_it_is_retired_as_it_was_assigned() -> None:
    event = at(f"0{EAN}", assigned(item(), 12)).retire(by=MINA, recorded_at=NOON)
    assert event is not None
    assert (event.code, event.per, event.sku) == (EAN, Decimal(12), "TEA")


def test_only_its_item_has_it() -> None:
    tea, cup = item(), item("CUP")
    with pytest.raises(UnknownCode):
        at().require_of(tea.id)
    event = assigned(cup)
    with pytest.raises(UnknownCode):
        at(last=event).require_of(tea.id)
    assert at(last=event).require_of(cup.id) is event
    assert at(last=retired(event)).require_of(cup.id).item_id == cup.id


def test_what_a_manager_decided_stands_for_others() -> None:
    tea, cup = item(), item("CUP")
    event = assigned(tea, 12)
    at().require_as_it_stands(tea, 1)
    at(last=event).require_as_it_stands(tea, 12)
    at(last=event).require_as_it_stands(cup, 1)
    with pytest.raises(ItemDiffers):
        at(last=event).require_as_it_stands(tea, 6)
    with pytest.raises(CodeWasRetired):
        at(last=retired(event)).require_as_it_stands(tea, 12)
    at(last=retired(event)).require_as_it_stands(cup, 1)


def test_what_a_manager_retired_stays_retired_after_other_items_had_it() -> None:
    tea, cup, pot = item(), item("CUP"), item("POT")
    event = retired(assigned(tea))
    for other in (cup, pot):
        again = assign(at(last=event), other)
        assert again is not None
        event = retired(again)
    for taken_from in (tea, cup, pot):
        with pytest.raises(CodeWasRetired):
            at(last=event).require_as_it_stands(taken_from, 1)
    given_back = assign(at(last=event), tea)
    assert given_back is not None
    assert given_back.retired_from == sorted([cup.id, pot.id])
    at(last=given_back).require_as_it_stands(tea, 1)


@pytest.mark.parametrize("per", [0, -1, MAX_PER + 1, Decimal("0.5")])
def test_it_counts_a_possible_number(per: int | Decimal) -> None:
    with pytest.raises(Invalid, match="per"):
        assign(at(), item(), per)


def test_it_counts_at_most_a_million() -> None:
    event = assigned(item(), MAX_PER)
    assert (MAX_PER, event.per, event.shown_per) == (1_000_000, Decimal(1_000_000), 1_000_000)


def test_it_may_count_a_fraction_of_a_weighed_item() -> None:
    event = assigned(item(scale=3), Decimal("0.125"))
    assert (event.per, event.shown_per) == (Decimal("0.125"), 0.125)


@pytest.mark.parametrize("code", ["", " ", "a\nb", "x" * 201])
def test_code_is_a_label(code: str) -> None:
    with pytest.raises(Invalid, match="code"):
        Barcode("main", code)
