"""What a client asks for: one transaction on one stock item."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.limits import MAX_NOTE_LENGTH, MAX_QUANTITY, require_quantity, require_text
from domain.rejections import Invalid


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


_LEAST_QUANTITY = {
    TransactionType.INBOUND: 1,
    TransactionType.OUTBOUND: 1,
    TransactionType.ADJUST: -MAX_QUANTITY,
    TransactionType.COUNT: 0,
}


class Content(NamedTuple):
    """What makes two transactions under one `local_id` the same."""

    type: TransactionType
    item_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A request to record one movement, under an id that the client made.

    Raises:
        Invalid: a quantity or a text lies outside its bounds.
    """

    local_id: UUID
    type: TransactionType
    item_id: UUID
    quantity: int
    """Whole units: how many for INBOUND and OUTBOUND, the signed difference for ADJUST, what
    was counted for COUNT."""
    occurred_at: datetime | None = None
    """The client's clock."""
    reason: str | None = None
    note: str | None = None
    reference: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        require_quantity("quantity", self.quantity, at_least=_LEAST_QUANTITY[self.type])
        if self.type is TransactionType.ADJUST and self.quantity == 0:
            raise Invalid("quantity", "must not be 0")
        if self.note is not None:
            require_text("note", self.note, at_most=MAX_NOTE_LENGTH)
        for field in ("reason", "reference", "device"):
            text = getattr(self, field)
            if text is not None:
                require_text(field, text)

    @property
    def content(self) -> Content:
        """What a repetition under the same `local_id` is compared by."""
        return Content(self.type, self.item_id, self.quantity)
