"""Transactions: which values are valid, apart from any item."""

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Invalid
from domain.limits import MAX_NOTE_LENGTH, MAX_TEXT_LENGTH
from domain.quantities import MAX_QUANTITY, Quantity
from domain.transaction import Transaction, TransactionType
from tests.support.scenario import TEA, uuid

INBOUND, OUTBOUND, ADJUST, COUNT, VOID = TransactionType


def transaction(**fields: Any) -> Transaction:
    content: dict[str, Any] = {"type": INBOUND, "item_id": TEA, "quantity": 1}
    return Transaction(**{"local_id": uuid(1)} | content | fields)


@pytest.mark.parametrize(
    ("type", "quantity"),
    [
        (INBOUND, 1),
        (INBOUND, Decimal("0.000001")),
        (OUTBOUND, MAX_QUANTITY),
        (ADJUST, -MAX_QUANTITY),
        (ADJUST, 1),
        (COUNT, 0),
    ],
)
def test_quantities_within_bounds(type: TransactionType, quantity: Quantity) -> None:
    assert transaction(type=type, quantity=quantity).quantity == quantity


@pytest.mark.parametrize(
    ("type", "quantity"),
    [
        (INBOUND, 0),
        (INBOUND, -1),
        (OUTBOUND, 0),
        (ADJUST, 0),
        (ADJUST, -MAX_QUANTITY - 1),
        (COUNT, -1),
        (COUNT, MAX_QUANTITY + 1),
        (COUNT, Decimal("0.0000001")),
    ],
)
def test_quantities_beyond_bounds_are_refused(type: TransactionType, quantity: Quantity) -> None:
    with pytest.raises(Invalid, match="quantity"):
        transaction(type=type, quantity=quantity)


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("note", MAX_NOTE_LENGTH),
        ("reason", MAX_TEXT_LENGTH),
        ("reference", MAX_TEXT_LENGTH),
        ("device", MAX_TEXT_LENGTH),
    ],
)
def test_texts_have_a_length_and_no_unstorable_characters(field: str, longest: int) -> None:
    assert transaction(**{field: "x" * longest})
    for text in ["x" * (longest + 1), "a\0b", "\ud800"]:
        with pytest.raises(Invalid, match=field):
            transaction(**{field: text})


def test_content_is_type_item_and_quantity() -> None:
    assert transaction(note="a").content == transaction(note="b", local_id=uuid(2)).content
    assert transaction().content != transaction(quantity=2).content
    assert transaction().content != transaction(type=COUNT).content
    assert transaction().content != transaction(item_id=uuid(9)).content
