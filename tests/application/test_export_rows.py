"""Rows of exports: each value stands in its own column."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from application.files.columns import (
    AUDIT_COLUMNS,
    ITEM_COLUMNS,
    MOVEMENT_COLUMNS,
    REJECTION_COLUMNS,
    STOCK_COLUMNS,
)
from application.files.rows import audit_row, item_rows, movement_row, rejection_row, stock_row
from application.projections.codes import Code
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.tables.access import AuditEntry
from application.tables.rejected import RejectedTransaction
from domain.events import NO_FLOOR
from domain.transaction import TransactionType
from tests.support.scenario import uuid

pytestmark = pytest.mark.pure


def at(hour: int) -> datetime:
    return datetime(2026, 1, 8, hour, tzinfo=UTC)


LEVEL = StockLevel(
    item_id=uuid(1),
    location="main",
    sku="CHEESE",
    name="Mountain cheese",
    unit="kg",
    safety_stock=2500,
    on_hand=12345,
    version=7,
    active=False,
    updated_at=at(9),
    position=8,
    search_text="cheese",
    scale=3,
    floor=-1500,
    provisional_by="k1",
)


def code(text: str, per: str) -> Code:
    return Code(uuid(2), "main", text, f"compared {text}", uuid(1), per, version=1, position=9)


def test_stock_row() -> None:
    row = stock_row(LEVEL)
    assert row == {
        "location": "main",
        "sku": "CHEESE",
        "name": "Mountain cheese",
        "unit": "kg",
        "scale": 3,
        "safetyStock": Decimal("2.5"),
        "floor": Decimal("-1.5"),
        "active": False,
        "onHand": Decimal("12.345"),
        "provisional": True,
        "version": 7,
        "updatedAt": at(9),
        "itemId": uuid(1),
    }
    assert row.keys() == STOCK_COLUMNS.keys()
    assert stock_row(LEVEL._replace(floor=NO_FLOOR))["floor"] == "none"
    assert stock_row(LEVEL._replace(provisional_by=None))["provisional"] is False


def test_item_rows() -> None:
    first, second = item_rows(LEVEL, [code("A", "1"), code("B", "0.125")])
    assert first == {
        "location": "main",
        "sku": "CHEESE",
        "name": "Mountain cheese",
        "unit": "kg",
        "scale": 3,
        "safetyStock": Decimal("2.5"),
        "floor": Decimal("-1.5"),
        "active": False,
        "provisional": True,
        "code": "A",
        "per": 1,
        "itemId": uuid(1),
    }
    assert first.keys() == ITEM_COLUMNS.keys()
    assert second == {
        "location": "main",
        "sku": "CHEESE",
        "code": "B",
        "per": Decimal("0.125"),
        "itemId": uuid(1),
    }


def movement(extra: str | None) -> Movement:
    return Movement(
        position=11,
        item_id=uuid(1),
        location="main",
        sku="CHEESE",
        version=7,
        local_id=uuid(3),
        type=TransactionType.INBOUND,
        quantity=1500,
        delta=1250,
        on_hand=12345,
        covered_at=at(13),
        reason="returned",
        note="two boxes",
        reference="po:1",
        actor="Mina",
        key_id="k1",
        device="scanner-7",
        occurred_at=at(8),
        device_time="2026-01-08T07:00:00",
        recorded_at=at(12),
        refused_at=at(10),
        extra_object=extra,
    )


EXTRA = """{
    "scale": 3, "override": true, "received_at": "2026-01-08T09:00:00Z",
    "voids": "00000000-0000-0000-0000-000000000004",
    "corrects": "00000000-0000-0000-0000-000000000005",
    "returns": "00000000-0000-0000-0000-000000000006",
    "group": "00000000-0000-0000-0000-000000000007",
    "info": {
        "scanned": "4006381333931", "metadata": {"till": "Zürich"},
        "unit_cost": {"amount": "1.50", "currency": "EUR"},
        "entered": {"quantity": "2.5", "unit": "carton", "per": "0.6"}
    }
}"""


def test_movement_row() -> None:
    row = movement_row(movement(EXTRA), uuid(9))
    assert row == {
        "position": 11,
        "recordedAt": at(12),
        "movedAt": at(8),
        "type": "INBOUND",
        "location": "main",
        "sku": "CHEESE",
        "quantity": Decimal("1.5"),
        "delta": Decimal("1.25"),
        "onHand": Decimal("12.345"),
        "coveredAt": at(13),
        "reason": "returned",
        "note": "two boxes",
        "reference": "po:1",
        "actor": "Mina",
        "keyId": "k1",
        "device": "scanner-7",
        "occurredAt": at(8),
        "deviceTime": "2026-01-08T07:00:00",
        "refusedAt": at(10),
        "override": True,
        "voids": uuid(4),
        "voidedBy": uuid(9),
        "corrects": uuid(5),
        "returns": uuid(6),
        "group": uuid(7),
        "scanned": "4006381333931",
        "unitCost": Decimal("1.50"),
        "currency": "EUR",
        "enteredQuantity": Decimal("2.5"),
        "enteredUnit": "carton",
        "enteredPer": Decimal("0.6"),
        "metadata": '{"till": "Zürich"}',
        "version": 7,
        "itemId": uuid(1),
        "localId": uuid(3),
    }
    assert row.keys() == MOVEMENT_COLUMNS.keys()


def test_movement_row_without_what_few_movements_have() -> None:
    row = movement_row(movement(None), None)
    names = [
        *("override", "voids", "voidedBy", "corrects", "returns", "group", "scanned", "metadata"),
        *("unitCost", "currency", "enteredQuantity", "enteredUnit", "enteredPer"),
    ]
    assert {name: row[name] for name in names} == dict.fromkeys(names)
    assert (row["quantity"], row["onHand"]) == (1500, 12345)


@pytest.mark.parametrize(
    ("occurred_at", "moved_at"), [(at(8), at(8)), (at(10), at(9)), (None, at(9))]
)
def test_goods_moved_at_the_latest_when_their_movement_first_arrived(
    occurred_at: datetime | None, moved_at: datetime
) -> None:
    row = movement_row(movement(EXTRA)._replace(occurred_at=occurred_at), None)
    assert (row["movedAt"], row["occurredAt"]) == (moved_at, occurred_at)


def test_rejection_row() -> None:
    row = rejection_row(
        RejectedTransaction(
            rejection_id=uuid(1),
            local_id=uuid(2),
            item_id=uuid(3),
            location="main",
            element='{"type": "OUTBOUND"}',
            malformed=False,
            code="INSUFFICIENT_STOCK",
            message="9 requested, 5 on hand",
            detail_object='{"on_hand": 5}',
            actor="Mina",
            key_id="k1",
            device="scanner-7",
            first_rejected_at=at(8),
            rejected_at=at(9),
            status="dismissed",
            closed_at=at(11),
            closed_by="the boss",
            closing_reason="it was counted",
            moved_at=at(7),
            moment=at(6),
            rank=4,
            role="clerk",
            location_list='["main"]',
            waits_for=uuid(5),
            due_at=at(10),
            group_id=uuid(6),
        )
    )
    assert row == {
        "rejectionId": uuid(1),
        "firstRejectedAt": at(8),
        "rejectedAt": at(9),
        "status": "dismissed",
        "code": "INSUFFICIENT_STOCK",
        "message": "9 requested, 5 on hand",
        "location": "main",
        "itemId": uuid(3),
        "localId": uuid(2),
        "element": '{"type": "OUTBOUND"}',
        "movedAt": at(7),
        "actor": "Mina",
        "keyId": "k1",
        "device": "scanner-7",
        "closedAt": at(11),
        "closedBy": "the boss",
        "closingReason": "it was counted",
    }
    assert row.keys() == REJECTION_COLUMNS.keys()


def test_audit_row() -> None:
    entry_id = UUID("019b9cf8-0000-7000-8000-000000000001")
    row = audit_row(
        AuditEntry(
            entry_id=entry_id,
            recorded_at=at(8),
            action="KEY_CREATED",
            actor="the boss",
            key_id="k1",
            address="192.0.2.7",
            request_id="r-1",
            detail="key k2 for a clerk",
        )
    )
    assert row == {
        "recordedAt": at(8),
        "action": "KEY_CREATED",
        "actor": "the boss",
        "keyId": "k1",
        "address": "192.0.2.7",
        "requestId": "r-1",
        "detail": "key k2 for a clerk",
        "entryId": entry_id,
    }
    assert row.keys() == AUDIT_COLUMNS.keys()
