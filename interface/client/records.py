"""What the client shows: items, and transactions of the outbox."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

TransactionType = Literal["INBOUND", "OUTBOUND", "ADJUST", "COUNT", "VOID"]

Quantity = int | Decimal
"""A whole number as `int`, any other as `Decimal`."""


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
