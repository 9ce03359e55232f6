"""What a client asks for: one transaction on one stock item."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypedDict
from uuid import UUID, uuid5

from domain.errors import Invalid
from domain.limits import MAX_NOTE_LENGTH, MAX_TIME_LENGTH, require_text
from domain.quantities import MAX_QUANTITY, Quantity, require_quantity


class TransactionType(StrEnum):
    """The five types of transaction."""

    __hash__ = str.__hash__  # As equal texts have, and without a call in Python.

    INBOUND = "INBOUND"
    """Goods in."""
    OUTBOUND = "OUTBOUND"
    """Goods out."""
    ADJUST = "ADJUST"
    """A correction by a signed difference."""
    COUNT = "COUNT"
    """A stock-take: the quantity that was found."""
    VOID = "VOID"
    """Another transaction never happened: it was a mistake."""


LEAST_QUANTITY: Final = {
    TransactionType.INBOUND: 0,
    TransactionType.OUTBOUND: 0,
    TransactionType.ADJUST: -MAX_QUANTITY,
    TransactionType.COUNT: 0,
    TransactionType.VOID: 0,
}
"""The least quantity of each type. Only COUNT and VOID may have exactly 0."""


_RESERVED_IDS: Final = frozenset({0, 2**128 - 1})
"""The nil and the max UUID (RFC 9562, sections 5.9, 5.10): a program without an id sends them."""

_MAY_BE_ZERO: Final = frozenset({TransactionType.COUNT, TransactionType.VOID})

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


class Links(NamedTuple):
    """The `local_id`s that a transaction names, and its group."""

    voids: UUID | None = None
    """The transaction that never happened. Only for VOID."""
    corrects: UUID | None = None
    """The mistaken stock-take that this one replaces. Only for COUNT."""
    returns: UUID | None = None
    """The transaction whose goods came back. Only for INBOUND."""
    group: UUID | None = None
    """A group of transactions: all of them are recorded, or none."""

    @property
    def original(self) -> UUID | None:
        """The transaction at whose place this one stands."""
        return self.voids or self.corrects

    def named(self) -> dict[str, UUID]:
        """Returns the links that there are."""
        return {name: value for name, value in self._asdict().items() if value is not None}


NO_LINKS: Final = Links()


class Content(NamedTuple):
    """The fields that two transactions under one `local_id` must share to be the same. They affect
    stock, link documents and transactions, or distinguish two facts (`occurred_at`). A descriptive
    field, such as a note, is not among them. That of a VOID is the transaction that it voids.
    """

    type: TransactionType
    item_id: UUID | None
    quantity: Quantity | None
    occurred_at: str | None
    """As the client sent it, before any correction: an instant in UTC as ISO 8601, or a text that
    can't be read as one. None if it sent none."""
    reference: str | None
    links: Links = NO_LINKS

    @classmethod
    def of_void(cls, voids: UUID) -> "Content":
        """Returns the content of a VOID."""
        return cls(TransactionType.VOID, None, None, None, None, Links(voids=voids))


def sent_time(occurred_at: datetime | None, device_time: str | None) -> str | None:
    """Returns the time of a `Content`: as the client sent it; None if it sent none."""
    if device_time is not None:
        return device_time if device_time != NOTHING_SENT else None
    return None if occurred_at is None else occurred_at.isoformat()


def void_id(voids: UUID) -> UUID:
    """Returns the `local_id` of the VOID of a transaction: the UUIDv5 (RFC 9562) of its `local_id`
    and "void". So a transaction is voided at most once."""
    return uuid5(voids, "void")


class _Fields(NamedTuple):
    """The fields of a `Transaction`. A tuple, because it is made in a third of the time."""

    local_id: UUID
    type: TransactionType
    item_id: UUID
    quantity: Quantity
    """How many for INBOUND and OUTBOUND, the signed difference for ADJUST, what was counted for
    COUNT, 0 for VOID."""
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
    links: Links = NO_LINKS
    override: bool = False
    """Whether the quantity on hand may end below the floor."""


class Transaction(_Fields):
    """A request to record one movement, under a `local_id` that the client made.

    Raises:
        Invalid: the `local_id`, the quantity, a link or a text is outside its bounds.
    """

    __slots__ = ()

    def __new__(
        cls,
        local_id: UUID,
        type: TransactionType,
        item_id: UUID,
        quantity: Quantity,
        occurred_at: datetime | None = None,
        device_time: str | None = None,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
        device: str | None = None,
        info: Information | None = None,
        links: Links = NO_LINKS,
        override: bool = False,
    ) -> Self:
        texts = (device_time, reason, note, reference, device)
        transaction = tuple.__new__(
            cls, (local_id, type, item_id, quantity, occurred_at, *texts, info, links, override)
        )
        transaction._require_valid()  # noqa: SLF001 -- its own
        return transaction

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]
        """Makes one of its values, as `_replace` does. Raises Invalid."""
        return cls(*iterable)

    def _require_valid(self) -> None:
        if self.local_id.int in _RESERVED_IDS:
            raise Invalid("localId", "must be the transaction's own: not the nil or the max UUID")
        quantity, kind = self.quantity, self.type
        require_quantity("quantity", quantity, at_least=LEAST_QUANTITY[kind])
        if quantity == 0 and kind not in _MAY_BE_ZERO:
            raise Invalid("quantity", "must not be 0")
        if self.note is not None:
            require_text("note", self.note, at_most=MAX_NOTE_LENGTH)
        if self.reason is not None:
            require_text("reason", self.reason)
        if self.reference is not None:
            require_text("reference", self.reference)
        if self.device is not None:
            require_text("device", self.device)
        if self.device_time is not None:
            require_text("occurredAt", self.device_time, at_most=MAX_TIME_LENGTH)
        if self.links is not NO_LINKS or kind is TransactionType.VOID:
            self._require_fitting_links()

    def _require_fitting_links(self) -> None:
        voids, corrects = self.links.voids, self.links.corrects
        if (voids is None) is (self.type is TransactionType.VOID):
            raise Invalid("voids", f"is for {TransactionType.VOID}, and required there")
        if voids is not None and self.local_id != void_id(voids):
            raise Invalid("localId", f"must be the UUIDv5 of `voids` and `void`: {void_id(voids)}")
        if corrects is not None and self.type is not TransactionType.COUNT:
            raise Invalid("corrects", f"is for {TransactionType.COUNT} only")
        if corrects == self.local_id:
            raise Invalid("corrects", "must name another transaction")

    @property
    def content(self) -> Content:
        """The fields that a duplicate under the same `local_id` must share."""
        if self.links.voids is not None:
            return Content.of_void(self.links.voids)
        return Content(
            self.type,
            self.item_id,
            self.quantity,
            sent_time(self.occurred_at, self.device_time),
            self.reference,
            self.links,
        )


def plain(quantity: Quantity) -> int | str:
    """Returns the quantity for JSON that must be the same for ever: a decimal as text."""
    return f"{quantity:f}" if isinstance(quantity, Decimal) else quantity
