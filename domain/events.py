"""What happened to a stock item. Events are facts: they are never refused and never changed. Those
of codes are in barcode.py.

Each carries the item's location and SKU and the quantity on hand after it, so that a reader needs
nothing else to understand it. A released event keeps its fields. It may get optional ones; any
other change takes the next `class_version` and an `upcast_vN_vM` static method (see
docs/decisions/0004-event-encoding.md).
`timestamp` is the server's clock when the event was recorded.
"""

from __future__ import annotations

from dataclasses import KW_ONLY
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.device_clock import FirstArrival, happened_at, rank_of
from domain.quantities import MAX_QUANTITY, from_steps
from domain.transaction import Content, Information, Links, TransactionType, sent_time

NO_FLOOR: Final = -MAX_QUANTITY
"""The floor of an item that may go below zero without limit. It is kept, so that None can be left
out."""


class ItemState(Protocol):
    """The part of an item that events may change. The rest of an item never changes."""

    name: str
    unit: str
    safety_stock: int
    scale: int
    floor: int
    on_hand: int
    counted_at: datetime | None
    discontinued_at: datetime | None
    provisional: bool | None


class LedgerEvent(Aggregate.Event):
    """The fields of every event of the ledger."""

    location: str
    actor: str
    _: KW_ONLY
    key_id: str | None = None
    """The id of the actor's API key; None for another credential."""

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Makes an event of these fields; those without a default must be there.

        As the constructor, but without the call that a frozen dataclass makes for each field
        (docs/decisions/0014). The event keeps `values`.
        """
        event = object.__new__(cls)
        object.__setattr__(event, "__dict__", values)
        return event


class StockItemEvent(LedgerEvent):
    """The fields of every event of a stock item: enough to decide the next movement."""

    sku: str
    on_hand: int
    """Steps on hand after the event."""
    _: KW_ONLY
    counted_at: datetime | None = None
    """The moment of the item's latest stock-take so far, by the order in which goods moved."""
    scale: int = 0
    """Decimal places of the item's quantities. Every quantity here is a whole number of steps."""
    floor: int = 0
    """The least number of steps that goods out may leave on hand; NO_FLOOR for none."""
    discontinued_at: datetime | None = None
    """When the item was discontinued; None while it takes movements."""
    provisional: bool | None = None
    """True while nobody has confirmed an item that a device or a clerk registered; else None."""


class ItemRegistered(StockItemEvent, Aggregate.Created):
    """The item was registered, with nothing on hand."""

    TOPIC = "ItemRegistered"

    name: str
    unit: str
    safety_stock: int


class ItemDetailsChanged(StockItemEvent):
    """The item's details were changed to these values."""

    TOPIC = "ItemDetailsChanged"

    name: str
    unit: str
    safety_stock: int

    def apply(self, item: ItemState) -> None:
        item.name, item.unit, item.safety_stock = self.name, self.unit, self.safety_stock
        item.scale, item.floor = self.scale, self.floor


class ItemConfirmed(StockItemEvent):
    """A manager confirmed an item that a device or a clerk had registered."""

    TOPIC = "ItemConfirmed"

    def apply(self, item: ItemState) -> None:
        item.provisional = None


class ItemDiscontinued(StockItemEvent):
    """Goods of the item no longer move. An older event has no `discontinued_at`: it is the
    `timestamp`."""

    TOPIC = "ItemDiscontinued"

    def apply(self, item: ItemState) -> None:
        item.discontinued_at = self.discontinued_at or self.timestamp
        item.provisional = None


class ItemReactivated(StockItemEvent):
    """The item takes movements again."""

    TOPIC = "ItemReactivated"

    def apply(self, item: ItemState) -> None:
        item.discontinued_at = None


class MovementRecorded(StockItemEvent):
    """A transaction that was accepted. `local_id` is the client's, unique in the whole ledger."""

    local_id: UUID
    _: KW_ONLY
    occurred_at: datetime | None = None
    """When goods moved, by the client's clock. Corrected if that was known to be wrong."""
    device_time: str | None = None
    """What the client sent for it, if that is something else (see `Transaction`)."""
    device: str | None = None
    reason: str | None = None
    note: str | None = None
    reference: str | None = None
    info: Information | None = None
    covered_at: datetime | None = None
    """The moment of the stock-take that covers this movement; None if none does. A covered movement
    changed nothing on hand."""
    received_at: datetime | None = None
    """When the transaction first arrived, if it was recorded later than that. A transaction that
    stands at the place of another one has that of the other one."""
    rank: int | None = None
    """Its rank among movements of the same moment, if it was not recorded at once."""
    own_rank: int | None = None
    """The rank of its own first arrival, if it stands at the place of another one and was recorded
    later than it arrived."""
    refused_at: datetime | None = None
    """When it was refused, if the ledger judged it again by itself."""
    override: bool | None = None
    """True if a manager allowed it to end below the floor."""
    returns: UUID | None = None
    corrects: UUID | None = None
    group: UUID | None = None
    voids: UUID | None = None
    """These four are described in `Links`."""

    if TYPE_CHECKING:

        @property
        def type(self) -> TransactionType:
            """The type of the transaction."""

        @property
        def quantity(self) -> int:
            """The quantity as it was asked for, in steps."""

        @property
        def delta(self) -> int:
            """The signed difference, in steps: what came, went, or was found."""

    @property
    def first_arrival(self) -> FirstArrival:
        """When it first arrived, and its rank."""
        return FirstArrival(self.received_at or self.timestamp, self.place_rank)

    @property
    def place_rank(self) -> int:
        """Its rank among movements of the same moment."""
        return rank_of(self.originator_version) if self.rank is None else self.rank

    @property
    def happened_at(self) -> datetime:
        """When the goods moved, as far as is known."""
        return happened_at(self.occurred_at, self.received_at or self.timestamp)

    @property
    def links(self) -> Links:
        """The `local_id`s that it names, and its group."""
        return Links(self.voids, self.corrects, self.returns, self.group)

    @property
    def content(self) -> Content:
        """The fields that a duplicate under the same `local_id` must share."""
        return Content(
            self.type,
            self.originator_id,
            from_steps(self.quantity, self.scale),
            sent_time(self.occurred_at, self.device_time),
            self.reference,
            self.links,
        )

    def apply(self, item: ItemState) -> None:
        item.on_hand, item.counted_at = self.on_hand, self.counted_at


class InboundRecorded(MovementRecorded):
    """Goods came in."""

    TOPIC = "InboundRecorded"

    quantity: int
    type = TransactionType.INBOUND

    @property
    def delta(self) -> int:
        return self.quantity


class OutboundRecorded(MovementRecorded):
    """Goods went out."""

    TOPIC = "OutboundRecorded"

    quantity: int
    type = TransactionType.OUTBOUND

    @property
    def delta(self) -> int:
        return -self.quantity


class Adjusted(MovementRecorded):
    """The quantity on hand was corrected, by a difference or by a count."""

    TOPIC = "Adjusted"

    delta: int
    """The difference that was given, or that a stock-take found."""
    counted: int | None = None
    """What a stock-take found; None if a difference was given."""

    @property
    def expected(self) -> int | None:
        """On hand at the moment of the stock-take, as far as the ledger knew then."""
        return None if self.counted is None else self.counted - self.delta

    @property
    def type(self) -> TransactionType:
        return TransactionType.ADJUST if self.counted is None else TransactionType.COUNT

    @property
    def quantity(self) -> int:
        return self.delta if self.counted is None else self.counted


class Voided(MovementRecorded):
    """A transaction never happened. It stands at the place of that transaction."""

    TOPIC = "Voided"

    delta: int
    """The opposite of that of the other transaction."""
    type = TransactionType.VOID

    @property
    def quantity(self) -> int:
        return self.delta

    @property
    def content(self) -> Content:
        return Content.of_void(cast("UUID", self.voids))


ITEM_TOPICS: Final = (
    ItemRegistered.TOPIC,
    ItemDetailsChanged.TOPIC,
    ItemConfirmed.TOPIC,
    ItemDiscontinued.TOPIC,
    ItemReactivated.TOPIC,
)
"""The topics of all events of an item that are not movements."""

MOVEMENT_TOPICS: Final = (
    InboundRecorded.TOPIC,
    OutboundRecorded.TOPIC,
    Adjusted.TOPIC,
    Voided.TOPIC,
)
