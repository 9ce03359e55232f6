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
    CodeAssigned,
    CodeRetired,
    code_id,
    compared_form,
    is_gtin,
)
from domain.errors import CodeTaken, Invalid, UnknownCode
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


@given(st.integers(0, 10**13 - 1), st.integers(0, 9))
def test_one_check_digit_in_ten_is_good(body: int, digit: int) -> None:
    good = [check for check in range(10) if is_gtin(f"{body:013}{check}")]
    assert len(good) == 1
    assert is_gtin(f"{body:013}{digit}") == (digit in good)


def test_code_belongs_to_one_sku() -> None:
    code, tea = Barcode("main", EAN), item()
    event = assign(code, tea, 12)
    assert event is not None
    assert (event.originator_id, event.originator_version) == (code.id, 1)
    assert (event.item_id, event.sku, event.per, event.actor, event.key_id) == (
        tea.id, "TEA", Decimal(12), "mina", "k1",
    )  # fmt: skip
    assert assign(code, tea, 12) is None
    with pytest.raises(CodeTaken) as taken:
        assign(code, item("CUP"))
    assert taken.value == CodeTaken(EAN, tea.id, "TEA")
    changed = assign(code, tea, 6)
    assert changed is not None
    assert changed.originator_version == 2


def test_retired_code_can_be_reassigned() -> None:
    code, tea, cup = Barcode("main", EAN), item(), item("CUP")
    assign(code, tea)
    retired = code.retire(tea.id, by=MINA, recorded_at=NOON - timedelta(hours=1))
    assert isinstance(retired, CodeRetired)
    assert retired.timestamp == NOON
    assert (code.assignment, code.per) == (None, None)
    assert code.retire(tea.id, by=MINA, recorded_at=NOON) is None
    again = assign(Barcode.after(retired), cup)
    assert again is not None
    assert (again.originator_version, again.item_id) == (3, cup.id)


def test_only_its_item_retires_it() -> None:
    code, tea = Barcode("main", EAN), item()
    with pytest.raises(UnknownCode):
        code.retire(tea.id, by=MINA, recorded_at=NOON)
    assign(code, item("CUP"))
    with pytest.raises(UnknownCode):
        code.retire(tea.id, by=MINA, recorded_at=NOON)


@pytest.mark.parametrize("per", [0, -1, MAX_PER + 1, Decimal("0.5")])
def test_it_counts_a_possible_number(per: int | Decimal) -> None:
    with pytest.raises(Invalid, match="per"):
        assign(Barcode("main", EAN), item(), per)


def test_it_may_count_a_fraction_of_a_weighed_item() -> None:
    event = assign(Barcode("main", EAN), item(scale=3), Decimal("0.125"))
    assert event is not None
    assert event.per == Decimal("0.125")


@pytest.mark.parametrize("code", ["", " ", "a\nb", "x" * 201])
def test_code_is_a_label(code: str) -> None:
    with pytest.raises(Invalid, match="code"):
        Barcode("main", code)
