"""The short way of `StockItem.record` for plain transactions: the same as the whole one."""

from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Actor
from domain.errors import Rejection
from domain.events import MovementRecorded
from domain.item_details import ItemDetails
from domain.quantities import MAX_QUANTITY
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType
from tests.support.builders import DAY

pytestmark = pytest.mark.pure

SAM = Actor("sam", "k1")
ITEMS = st.builds(
    lambda scale, floor: StockItem.register(
        "main",
        "TEA",
        ItemDetails(name="tea", unit="kg", scale=scale, floor=floor),
        by=SAM,
        recorded_at=DAY,
    ),
    st.integers(0, 2),
    st.sampled_from([0, -3, None]),
)
FIELDS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["INBOUND", "OUTBOUND", "ADJUST", "COUNT"]),
        "quantity": st.one_of(
            st.integers(1, 9), st.sampled_from([Decimal("0.5"), Decimal("1.25"), MAX_QUANTITY])
        ),
        "occurred_at": st.sampled_from([None, DAY, DAY + timedelta(hours=1)]),
        "device": st.sampled_from([None, "scanner-7"]),
        "reason": st.sampled_from([None, "damaged"]),
        "override": st.booleans(),
        "info": st.sampled_from([None, {"scanned": "5901234123457"}]),
    }
)


def outcome(item: StockItem, transaction: Transaction, hours: int) -> Any:
    now = DAY + timedelta(hours=hours)
    try:
        event: MovementRecorded = item.record(transaction, by=SAM, recorded_at=now, device="own")
    except Rejection as rejection:
        return rejection.code, rejection.details
    return type(event), {name: value for name, value in vars(event).items() if value is not None}


@given(ITEMS, st.lists(FIELDS, max_size=8))
def test_short_way_decides_as_the_whole_one(item: StockItem, sent: list[dict[str, Any]]) -> None:
    twin = deepcopy(item)
    vars(twin)["_is_plain"] = lambda _: False
    for hours, fields in enumerate(sent, 2):
        named = fields | {"type": TransactionType(fields["type"])}
        transaction = Transaction(local_id=uuid4(), item_id=item.id, **named)
        if item.needs_history(transaction, DAY + timedelta(hours=hours)):
            continue
        assert outcome(item, transaction, hours) == outcome(twin, transaction, hours)
        assert (item.version, item.on_hand, item.modified_on, item.counted_at) == (
            twin.version,
            twin.on_hand,
            twin.modified_on,
            twin.counted_at,
        )
    assert len(item.pending_events) == len(twin.pending_events)
