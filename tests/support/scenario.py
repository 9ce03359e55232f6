"""Scenarios: given / when / then on the events of one stock item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

from domain.actor import Actor
from domain.errors import Rejection
from domain.events import StockItemEvent
from domain.item_details import ItemDetails
from domain.quantities import Quantity
from domain.stock_item import StockItem, at_place_of, item_id
from domain.transaction import Links, Transaction, TransactionType, void_id

NOON = datetime(2026, 1, 8, 12, 0, tzinfo=UTC)
TEA = item_id("main", "TEA-250")
DETAILS = ItemDetails(name="Green tea", unit="box", safety_stock=5)

Step = Callable[[StockItem], Any]


def _movement(type: TransactionType, quantity: Quantity, **fields: Any) -> Step:
    def step(item: StockItem) -> object:
        content: dict[str, Any] = {"type": type, "item_id": item.id, "quantity": quantity}
        transaction = Transaction(**{"local_id": uuid4()} | content | fields)
        return item.record(transaction, by=Actor("clerk", "k7"), recorded_at=NOON)

    return step


def inbound(quantity: Quantity, **fields: Any) -> Step:
    return _movement(TransactionType.INBOUND, quantity, **fields)


def outbound(quantity: Quantity, **fields: Any) -> Step:
    return _movement(TransactionType.OUTBOUND, quantity, **fields)


def adjust(delta: Quantity, **fields: Any) -> Step:
    return _movement(TransactionType.ADJUST, delta, **fields)


def count(quantity: Quantity, **fields: Any) -> Step:
    return _movement(TransactionType.COUNT, quantity, **fields)


def change_details(details: ItemDetails, at: datetime = NOON) -> Step:
    return lambda item: item.change_details(
        details, has_moved=item.on_hand > 0, by=Actor("manager"), recorded_at=at
    )


def void() -> Step:
    """Goods in by mistake, and their VOID."""

    def step(item: StockItem) -> object:
        voided = inbound(1)(item)
        transaction = Transaction(
            local_id=void_id(voided.local_id),
            type=TransactionType.VOID,
            item_id=item.id,
            quantity=0,
            links=Links(voids=voided.local_id),
        )
        return item.record(
            at_place_of(transaction, voided),
            by=Actor("clerk", "k7"),
            recorded_at=NOON,
            arrival=voided.first_arrival,
            voided=voided,
        )

    return step


def floor(floor: Quantity | None) -> Step:
    return lambda item: change_details(replace(item.details, floor=floor))(item)


def scale(scale: int) -> Step:
    return lambda item: change_details(replace(item.details, scale=scale))(item)


def discontinue() -> Step:
    return lambda item: item.discontinue(by=Actor("manager"), recorded_at=NOON)


def reactivate() -> Step:
    return lambda item: item.reactivate(by=Actor("manager"), recorded_at=NOON)


@dataclass
class Scenario:
    item: StockItem
    events: Sequence[StockItemEvent] = ()
    rejection: Rejection | None = None

    def when(self, step: Step) -> Self:
        try:
            step(self.item)
        except Rejection as rejection:
            self.rejection = rejection
        self.events = self.item.collect_events()  # type: ignore[assignment]
        return self

    def then(self, *event_classes: type[StockItemEvent], **expected: Any) -> Self:
        """Checks the new events, and the fields of the last one."""
        assert self.rejection is None
        assert [type(event) for event in self.events] == list(event_classes)
        last = self.events[-1]
        assert {name: getattr(last, name) for name in expected} == expected
        return self

    def then_nothing(self) -> Self:
        assert self.rejection is None
        assert not self.events
        return self

    def then_rejected(self, rejection: Rejection) -> Self:
        """Checks for exactly this rejection, and no event."""
        assert self.rejection == rejection
        assert not self.events
        return self

    def then_on_hand(self, on_hand: int) -> Self:
        assert self.item.on_hand == on_hand
        return self


def given(*steps: Step) -> Scenario:
    """An item registered at noon, after these steps."""
    item = StockItem.register("main", "TEA-250", DETAILS, by=Actor("manager"), recorded_at=NOON)
    for step in steps:
        step(item)
    item.collect_events()
    return Scenario(item)


def uuid(number: int) -> UUID:
    return UUID(int=number)
