"""The rules of the domain, checked on events that are recorded already.

Each event must follow from the state before it. What the ledger decided by the history of an item
(the difference that a late stock-take found) is taken from the event.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec

from application.verification.findings import shown
from domain import barcode, events, stock_item
from domain.barcode import BarcodeEvent, CodeAssigned
from domain.events import LedgerEvent, MovementRecorded, StockItemEvent
from domain.quantities import MAX_SCALE, max_steps
from domain.transaction import TransactionType, void_id

_GOODS = frozenset({TransactionType.INBOUND, TransactionType.OUTBOUND})
_MAY_CROSS_FLOOR = frozenset({TransactionType.COUNT, TransactionType.VOID})
_MAX_INTEGER = 2**63 - 1
# A day inside, so that every time zone can show it.
_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
_KEPT_BY_MOVEMENTS = ("scale", "floor", "discontinued_at", "provisional")


class ItemState(msgspec.Struct, tag="item", array_like=True):
    """An item after an event."""

    version: int
    timestamp: datetime
    location: str
    sku: str
    on_hand: int
    counted_at: datetime | None
    scale: int
    floor: int
    discontinued_at: datetime | None
    provisional: bool | None

    @classmethod
    def after(cls, event: StockItemEvent) -> "ItemState":
        """Returns the state after an event."""
        ended_at = event.discontinued_at
        if isinstance(event, events.ItemDiscontinued) and ended_at is None:
            ended_at = event.timestamp  # An event from before this field.
        return cls(
            event.originator_version,
            event.timestamp,
            event.location,
            event.sku,
            event.on_hand,
            event.counted_at,
            event.scale,
            event.floor,
            ended_at,
            event.provisional,
        )


class CodeState(msgspec.Struct, tag="code", array_like=True):
    """A code after an event."""

    version: int
    timestamp: datetime
    location: str
    item_id: UUID | None
    """None while it is free."""
    per: Decimal

    @classmethod
    def after(cls, event: BarcodeEvent) -> "CodeState":
        """Returns the state after an event."""
        item_id = event.item_id if isinstance(event, CodeAssigned) else None
        return cls(event.originator_version, event.timestamp, event.location, item_id, event.per)


class UnknownState(msgspec.Struct, tag="unknown", array_like=True):
    """An item or code whose last event can't be read."""

    version: int


State = ItemState | CodeState | UnknownState


def problems_of(before: State | None, event: Any, stored: bytes) -> list[str]:
    """Returns how an event breaks the rules, as texts for people.

    Args:
        before: the state of its item or code; None if this is the first event.
        event: of an item or a code.
        stored: the event's state as it is stored.
    """
    version = 0 if before is None else before.version
    if event.originator_version != version + 1:
        return [f"version {event.originator_version} follows version {version}"]
    if isinstance(before, UnknownState):
        return []
    if isinstance(event, BarcodeEvent):
        return list(_code_problems(before, event))
    if isinstance(event, StockItemEvent):
        return list(_item_problems(before, event, stored))
    return [f"no item or code has the event {type(event).__name__}"]


def require_storable(event: LedgerEvent) -> None:
    """Checks that the values of an event can be computed with. Raises ValueError."""
    for name, value in vars(event).items():  # Any other value is the default of its field.
        if value is None or isinstance(value, str):
            continue
        if isinstance(value, datetime):
            if value.tzinfo is None or not _EARLIEST < value < _LATEST:
                raise ValueError(f"{name} is no moment: {value}")
        elif isinstance(value, int):
            if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
                raise ValueError(f"{name} is too large")
        elif isinstance(value, Decimal) and not value.is_finite():
            raise ValueError(f"{name} is no number")
    scale = getattr(event, "scale", 0)
    if not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"an item can't have a scale of {scale}")


def void_problems(event: MovementRecorded, original: MovementRecorded | None) -> list[str]:
    """Returns how a VOID breaks the rules. `original`: the movement that it voids, as recorded."""
    if original is None:
        return [f"it voids {event.voids}, which is not recorded"]
    if original.originator_id != event.originator_id:
        return [f"it voids {event.voids}, which is of another item"]
    if original.type in _MAY_CROSS_FLOOR:
        return [f"it voids {event.voids}, which is a {original.type}"]
    if event.delta != -original.delta:
        return [f"it voids a change of {original.delta} by {event.delta}"]
    return []


def _item_problems(
    before: ItemState | CodeState | None, event: StockItemEvent, stored: bytes
) -> Iterator[str]:
    if before is None:
        yield from _registration_problems(event, stored)
        return
    if isinstance(before, CodeState):
        yield "an event of an item follows one of a code"
        return
    if isinstance(event, events.ItemRegistered):
        yield "the item is registered again"
    if (event.location, event.sku) != (before.location, before.sku):
        yield (
            f"it is of {event.sku} at {event.location}, and the item is {before.sku} at "
            f"{before.location}"
        )
    if event.timestamp < before.timestamp:
        yield f"it is older than the event before it ({before.timestamp.isoformat()})"
    if isinstance(event, MovementRecorded):
        yield from _movement_problems(before, event)
    else:
        yield from _life_cycle_problems(before, event)


def _registration_problems(event: StockItemEvent, stored: bytes) -> Iterator[str]:
    if not isinstance(event, events.ItemRegistered):
        yield f"the first event of an item is {type(event).__name__}"
        return
    if event.on_hand != 0:
        yield f"the item is registered with {event.on_hand} on hand"
    if event.counted_at is not None or event.discontinued_at is not None:
        yield "the item is registered as counted or discontinued"
    if event.originator_id not in _ids_of(event, stored):
        yield "the id of the item is not that of its location and SKU"


def _ids_of(event: StockItemEvent, stored: bytes) -> Iterator[UUID]:
    """Yields the ids that an item may have. Those from before labels had one Unicode form are made
    of the labels as they were sent."""
    yield stock_item.item_id(event.location, event.sku)
    sent = json.loads(stored)
    yield uuid5(stock_item.NAMESPACE, f"{sent['location']}\x1f{sent['sku']}")


def _movement_problems(before: ItemState, event: MovementRecorded) -> Iterator[str]:
    for name in _KEPT_BY_MOVEMENTS:
        if getattr(event, name) != getattr(before, name):
            yield f"it changes {name} from {getattr(before, name)} to {getattr(event, name)}"
    change = 0 if event.covered_at is not None else event.delta
    if event.on_hand != before.on_hand + change:
        yield (
            f"it leaves {event.on_hand} on hand, and there were {before.on_hand} before a change "
            f"of {change}"
        )
    if abs(event.on_hand) > max_steps(event.scale):
        yield f"it leaves {event.on_hand} on hand, more than can be stored"
    if event.type in _GOODS and event.quantity <= 0:
        yield f"it moves {event.quantity}"
    if event.type is TransactionType.COUNT and event.quantity < 0:
        yield f"it counts {event.quantity}"
    may_cross = event.override or event.type in _MAY_CROSS_FLOOR
    if change < 0 and event.on_hand < event.floor and not may_cross:
        yield f"it leaves {event.on_hand} on hand, below the floor of {event.floor}"
    yield from _time_problems(before, event)
    if event.type is TransactionType.VOID and event.local_id != void_id(event.voids or UUID(int=0)):
        yield "the localId of the VOID is not that of the transaction that it voids"


def _time_problems(before: ItemState, event: MovementRecorded) -> Iterator[str]:
    moment = event.happened_at
    ended_at = before.discontinued_at
    if event.type in _GOODS and ended_at is not None and moment >= ended_at:
        yield "goods move after the item was discontinued"
    counted_at = before.counted_at
    if event.covered_at is not None:
        if counted_at is None or not moment <= event.covered_at <= counted_at:
            yield f"no stock-take covers it at {event.covered_at.isoformat()}"
    elif counted_at is not None and moment < counted_at:
        yield f"the stock-take of {counted_at.isoformat()} does not cover it"
    if event.type is TransactionType.COUNT:
        counted_at = moment if counted_at is None else max(counted_at, moment)
        yield from _count_problems(before, event, moment)
    if event.counted_at != counted_at:
        yield "it has another moment of the latest stock-take"


def _count_problems(before: ItemState, event: MovementRecorded, moment: datetime) -> Iterator[str]:
    """A stock-take of now is compared with what is on hand now."""
    is_of_now = event.received_at is None and event.corrects is None and moment >= before.timestamp
    if is_of_now and event.on_hand != event.quantity:
        yield f"it counts {event.quantity}, and leaves {event.on_hand} on hand"


def _life_cycle_problems(before: ItemState, event: StockItemEvent) -> Iterator[str]:
    if (event.on_hand, event.counted_at) != (before.on_hand, before.counted_at):
        yield f"{type(event).__name__} changes what is on hand"
    match event:
        case events.ItemDetailsChanged() if before.discontinued_at is not None:
            yield "the details of a discontinued item are changed"
        case events.ItemConfirmed() if not before.provisional:
            yield "an item that is not provisional is confirmed"
        case events.ItemDiscontinued() if before.discontinued_at is not None:
            yield "a discontinued item is discontinued"
        case events.ItemReactivated() if before.discontinued_at is None:
            yield "an active item is reactivated"


def _code_problems(before: ItemState | CodeState | None, event: BarcodeEvent) -> Iterator[str]:
    if isinstance(before, ItemState):
        yield "an event of a code follows one of an item"
        return
    if event.originator_id != barcode.code_id(event.location, event.code):
        yield "the id of the code is not that of its location and text"
    is_assigned = isinstance(event, CodeAssigned)
    if before is None:
        if not is_assigned:
            yield f"the first event of a code is {type(event).__name__}"
        return
    if event.timestamp < before.timestamp:
        yield f"it is older than the event before it ({before.timestamp.isoformat()})"
    if event.location != before.location:
        yield f"it is at {event.location}, and the code at {before.location}"
    if before.item_id is None and not is_assigned:
        yield "a free code is retired"
    if before.item_id is not None and before.item_id != event.item_id:
        yield f"the code belonged to item {shown(before.item_id)}"
