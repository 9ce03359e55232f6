"""Rows of exports: plain values by the columns of columns.py."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from application.projections.codes import Code
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.tables.access import AuditEntry
from application.tables.rejected import RejectedTransaction
from domain.device_clock import happened_at
from domain.events import NO_FLOOR
from domain.quantities import from_steps

NO_FLOOR_CELL: Final = "none"
"""The floor of an item that may go below zero without limit."""

Row = Mapping[str, Any]


def _details(level: StockLevel) -> dict[str, Any]:
    scale, floor = level.scale, level.floor
    return {
        "location": level.location,
        "sku": level.sku,
        "name": level.name,
        "unit": level.unit,
        "scale": scale,
        "safetyStock": from_steps(level.safety_stock, scale),
        "floor": NO_FLOOR_CELL if floor == NO_FLOOR else from_steps(floor, scale),
        "active": level.active,
        "provisional": level.provisional,
        "itemId": level.item_id,
    }


def item_row(level: StockLevel) -> Row:
    return _details(level)


def item_rows(level: StockLevel, codes: Sequence[Code]) -> Iterator[Row]:
    """Yields the row of an item with its first code, and a short row for each further code."""
    first = [_code_columns(code) for code in codes[:1]]
    yield {**_details(level), **dict(*first)}
    place = {"location": level.location, "sku": level.sku, "itemId": level.item_id}
    for code in codes[1:]:
        yield place | _code_columns(code)


def _code_columns(code: Code) -> dict[str, Any]:
    return {"code": code.code, "per": Decimal(code.per)}


def stock_row(level: StockLevel) -> Row:
    return _details(level) | {
        "onHand": from_steps(level.on_hand, level.scale),
        "version": level.version,
        "updatedAt": level.updated_at,
    }


def movement_row(movement: Movement, voided_by: UUID | None) -> Row:
    return {
        **_goods(movement),
        **_origin(movement),
        **_links(movement),
        **_sent(movement),
        "voidedBy": voided_by,
        "position": movement.position,
        "version": movement.version,
        "itemId": movement.item_id,
        "localId": movement.local_id,
    }


def _goods(movement: Movement) -> dict[str, Any]:
    scale = movement.extra.scale
    received_at = movement.extra.received_at or movement.recorded_at
    return {
        "recordedAt": movement.recorded_at,
        "movedAt": happened_at(movement.occurred_at, received_at),
        "type": movement.type.value,
        "location": movement.location,
        "sku": movement.sku,
        "quantity": from_steps(movement.quantity, scale),
        "delta": from_steps(movement.delta, scale),
        "onHand": from_steps(movement.on_hand, scale),
        "coveredAt": movement.covered_at,
    }


def _origin(movement: Movement) -> dict[str, Any]:
    return {
        "reason": movement.reason,
        "note": movement.note,
        "reference": movement.reference,
        "actor": movement.actor,
        "keyId": movement.key_id,
        "device": movement.device,
        "occurredAt": movement.occurred_at,
        "deviceTime": movement.device_time,
        "refusedAt": movement.refused_at,
        "override": movement.extra.override,
    }


def _links(movement: Movement) -> dict[str, Any]:
    extra = movement.extra
    return {
        "voids": extra.voids,
        "corrects": extra.corrects,
        "returns": extra.returns,
        "group": extra.group,
    }


def _sent(movement: Movement) -> dict[str, Any]:
    """Returns what the ledger keeps as it was sent, and does not use."""
    info: Mapping[str, Any] = movement.extra.info or {}
    cost, entered = info.get("unit_cost") or {}, info.get("entered") or {}
    metadata = info.get("metadata")
    return {
        "scanned": info.get("scanned"),
        "unitCost": _decimal(cost.get("amount")),
        "currency": cost.get("currency"),
        "enteredQuantity": _decimal(entered.get("quantity")),
        "enteredUnit": entered.get("unit"),
        "enteredPer": _decimal(entered.get("per")),
        "metadata": None if metadata is None else json.dumps(metadata, ensure_ascii=False),
    }


def rejection_row(row: RejectedTransaction) -> Row:
    return {
        "rejectionId": row.rejection_id,
        "firstRejectedAt": row.first_rejected_at,
        "rejectedAt": row.rejected_at,
        "status": row.status,
        "code": row.code,
        "message": row.message,
        "location": row.location,
        "itemId": row.item_id,
        "localId": row.local_id,
        "element": row.element,
        "movedAt": row.moved_at,
        "actor": row.actor,
        "keyId": row.key_id,
        "device": row.device,
        "closedAt": row.closed_at,
        "closedBy": row.closed_by,
        "closingReason": row.closing_reason,
    }


def audit_row(entry: AuditEntry) -> Row:
    return {
        "recordedAt": entry.recorded_at,
        "action": entry.action,
        "actor": entry.actor,
        "keyId": entry.key_id,
        "address": entry.address,
        "requestId": entry.request_id,
        "detail": entry.detail,
        "entryId": entry.entry_id,
    }


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
