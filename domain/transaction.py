"""What a client asks for: one transaction on one stock item."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypedDict
from uuid import UUID

from domain.errors import Invalid
from domain.limits import (
    MAX_NOTE_LENGTH,
    MAX_QUANTITY,
    MAX_TIME_LENGTH,
    require_quantity,
    require_text,
)


class TransactionType(StrEnum):
    """The four kinds of transaction."""

    INBOUND = "INBOUND"
    """Goods in."""
    OUTBOUND = "OUTBOUND"
    """Goods out."""
    ADJUST = "ADJUST"
    """A correction by a signed difference."""
    COUNT = "COUNT"
    """A stock-take: the quantity that was found."""


LEAST_QUANTITY: Final = {
    TransactionType.INBOUND: 1,
    TransactionType.OUTBOUND: 1,
    TransactionType.ADJUST: -MAX_QUANTITY,
    TransactionType.COUNT: 0,
}


_RESERVED_IDS: Final = frozenset({UUID(int=0), UUID(int=2**128 - 1)})
"""The nil and the max UUID (RFC 9562, sections 5.9, 5.10): a program without an id sends them."""

NOTHING_SENT: Final = ""
"""The `device_time` of a transaction without a time from the client."""


class UnitCost(TypedDict):
    """The cost of one unit: a decimal, and a currency code (ISO 4217)."""

    amount: str
    currency: str


class Entered(TypedDict):
    """A quantity in the unit that the clerk used. It has `per` base units. Both are decimals."""

    quantity: str
    unit: str
    per: str


class Information(TypedDict, total=False):
    """What is recorded because it can't be reconstructed later. It affects nothing."""

    scanned: str
    """The raw code from the scanner."""
    metadata: dict[str, str]
    unit_cost: UnitCost
    """Of goods in."""
    entered: Entered


class Content(NamedTuple):
    """The fields that two transactions under one `local_id` must share to be the same. They affect
    stock, link documents (`reference`), or distinguish two facts (`occurred_at`). A descriptive
    field, such as a note, is not among them.
    """

    type: TransactionType
    item_id: UUID
    quantity: int
    occurred_at: str | None
    """As the client sent it, before any correction: an instant in UTC as ISO 8601, or a text that
    can't be read as one. None if it sent none."""
    reference: str | None


def sent_time(occurred_at: datetime | None, device_time: str | None) -> str | None:
    """Returns the time of a `Content`: as the client sent it; None if it sent none."""
    if device_time is not None:
        return device_time if device_time != NOTHING_SENT else None
    return None if occurred_at is None else occurred_at.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A request to record one movement, under a `local_id` that the client made.

    Raises:
        Invalid: the `local_id`, the quantity or a text is outside its bounds.
    """

    local_id: UUID
    type: TransactionType
    item_id: UUID
    quantity: int
    """Whole units: how many for INBOUND and OUTBOUND, the signed difference for ADJUST, what
    was counted for COUNT."""
    occurred_at: datetime | None = None
    """When goods moved, or were counted, in UTC, by the client's clock. Corrected if that is known
    to be wrong."""
    device_time: str | None = None
    """What the client sent for it, if that is something else: an instant as ISO 8601, a text that
    can't be read as one, or NOTHING_SENT."""
    reason: str | None = None
    """A code, such as `damaged`."""
    note: str | None = None
    reference: str | None = None
    device: str | None = None
    info: Information | None = None

    def __post_init__(self) -> None:
        if self.local_id in _RESERVED_IDS:
            raise Invalid("localId", "must be the transaction's own: not the nil or the max UUID")
        require_quantity("quantity", self.quantity, at_least=LEAST_QUANTITY[self.type])
        if self.type is TransactionType.ADJUST and self.quantity == 0:
            raise Invalid("quantity", "must not be 0")
        if self.note is not None:
            require_text("note", self.note, at_most=MAX_NOTE_LENGTH)
        for field in ("reason", "reference", "device"):
            text = getattr(self, field)
            if text is not None:
                require_text(field, text)
        if self.device_time is not None:
            require_text("occurredAt", self.device_time, at_most=MAX_TIME_LENGTH)

    @property
    def content(self) -> Content:
        """The fields that a duplicate under the same `local_id` must share."""
        return Content(
            self.type,
            self.item_id,
            self.quantity,
            sent_time(self.occurred_at, self.device_time),
            self.reference,
        )
