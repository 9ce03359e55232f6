"""What the client shows: items, and transactions of the outbox."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

TransactionType = Literal["INBOUND", "OUTBOUND", "ADJUST", "COUNT", "VOID"]

Quantity = int | Decimal
"""A whole number as `int`, any other as `Decimal`."""


CONVERSIONS: Final = {("kg", "g"): 1000, ("l", "ml"): 1000, ("m", "cm"): 100, ("m", "mm"): 1000}
"""Factors between a unit of GS1 barcodes and a unit of items."""


@dataclass(frozen=True, kw_only=True)
class Stock:
    """An item in the copy of the device."""

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: Quantity
    active: bool
    on_hand: Quantity
    """Quantity on hand in the last answer of the ledger. May be below zero."""
    available: Quantity
    """Quantity on hand after the pending transactions of this device."""
    scale: int
    """Decimal places of its quantities."""
    floor: Quantity | None
    """The least quantity that goods out may leave on hand; None for no limit."""
    provisional: bool = False
    """Whether a manager has still to confirm the item."""


@dataclass(frozen=True, kw_only=True)
class PendingTransaction:
    """A transaction in the outbox that the ledger has not acknowledged or rejected yet."""

    local_id: UUID
    type: TransactionType
    item_id: UUID
    quantity: Quantity
    """0 for VOID."""
    occurred_at: datetime
    voids: UUID | None = None
    """The transaction that a VOID voids."""


@dataclass(frozen=True, kw_only=True)
class RejectedTransaction(PendingTransaction):
    """A transaction that the ledger refused, with the code and message of the rejection."""

    code: str
    message: str
    details: dict[str, Any]


def in_unit_of(item: Stock, measure: Decimal | None, unit: str | None) -> Quantity | None:
    """Returns a measure in the item's unit. None: there is none, it has another unit, or it is
    finer than the item's quantities."""
    if measure is None or unit is None:
        return None
    factor = 1 if item.unit.casefold() == unit else CONVERSIONS.get((unit, item.unit.casefold()))
    if factor is None:
        return None
    quantity = canonical(measure * factor)
    is_whole = quantity == round(Decimal(quantity), item.scale)
    return quantity if is_whole else None


def available_after(
    transaction: PendingTransaction, on_hand: Quantity, voided: PendingTransaction | None = None
) -> Quantity:
    """Quantity on hand after a pending transaction. `voided`: the recorded transaction that a VOID
    voids, if the outbox has it."""
    match transaction.type:
        case "COUNT":
            return transaction.quantity
        case "VOID":
            return on_hand if voided is None else canonical(on_hand - _change(voided))
        case _:
            return canonical(on_hand + _change(transaction))


def _change(transaction: PendingTransaction) -> Decimal:
    quantity = Decimal(transaction.quantity)
    return -quantity if transaction.type == "OUTBOUND" else quantity


def to_quantity(stored: float | str) -> Quantity:
    """Returns a quantity as it is stored: a number, or a decimal as text."""
    return stored if isinstance(stored, int) else canonical(Decimal(str(stored)))


def canonical(number: Decimal) -> Quantity:
    """Returns a number as a quantity."""
    return int(number) if number == number.to_integral_value() else number.normalize()
