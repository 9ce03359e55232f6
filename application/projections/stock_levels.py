"""The stock list: one row per item, with its description and the quantity on hand."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, cast
from uuid import UUID

from application.projections.projection import Recorded
from application.tables.table import Insert, Table, Update, Write
from domain.events import (
    ITEM_TOPICS,
    MOVEMENT_TOPICS,
    ItemConfirmed,
    ItemDetailsChanged,
    ItemDiscontinued,
    ItemReactivated,
    ItemRegistered,
    LedgerEvent,
    MovementRecorded,
    StockItemEvent,
)
from domain.labels import folded


class StockLevel(NamedTuple):
    """One item, as of its last event."""

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: int
    on_hand: int
    version: int
    active: bool
    updated_at: datetime
    position: int
    search_text: str
    """SKU and name in their search form, one per line."""
    scale: int
    floor: int
    """In steps; NO_FLOOR for none."""
    provisional_by: str | None
    """The key id of who registered it, or the name without a key, while it is provisional."""

    @property
    def provisional(self) -> bool:
        """Whether it is still to be confirmed."""
        return self.provisional_by is not None


class StockLevels:
    """Projection: one row per item."""

    table: ClassVar = Table(
        "stock_levels",
        StockLevel,
        key="item_id",
        indexes=(("location", "sku", "item_id"), ("sku",)),
        sparse_indexes=(("provisional_by",),),
        is_updated=True,
    )

    revision: ClassVar = 3

    topics: ClassVar[Sequence[str]] = (*ITEM_TOPICS, *MOVEMENT_TOPICS)

    needs_last_movements_only: ClassVar = True

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> list[Write]:
        if recorded and all(isinstance(one.event, MovementRecorded) for one in recorded):
            return [_moved(cast("Sequence[Recorded[MovementRecorded]]", recorded))]
        registered: dict[UUID, StockLevel] = {}
        described: defaultdict[UUID, dict[str, Any]] = defaultdict(dict)
        last: dict[UUID, Recorded[StockItemEvent]] = {}
        of_items = [one for one in recorded if isinstance(one.event, StockItemEvent)]
        for one in cast("list[Recorded[StockItemEvent]]", of_items):
            event = one.event
            last[event.originator_id] = one
            if isinstance(event, ItemRegistered):
                registered[event.originator_id] = _registered(one.position, event)
            elif not isinstance(event, MovementRecorded):
                described[event.originator_id].update(_description(event))
        for item_id, level in registered.items():
            latest = _latest(last.pop(item_id))
            registered[item_id] = level._replace(**latest, **described.pop(item_id, {}))
        inserts = [Insert(list(registered.values()))] if registered else []
        return [*inserts, *_updates(last, described)]


def _moved(recorded: Sequence[Recorded[MovementRecorded]]) -> Update:
    """The write for movements alone, as most commits are: a row of each item's last one."""
    last = {
        event.originator_id: (
            event.on_hand,
            event.originator_version,
            event.timestamp,
            position,
            event.originator_id,
        )
        for position, event in recorded
    }
    return Update(_LATEST, list(last.values()))


def _registered(position: int, event: ItemRegistered) -> StockLevel:
    return StockLevel(
        item_id=event.originator_id,
        location=event.location,
        sku=event.sku,
        name=event.name,
        unit=event.unit,
        safety_stock=event.safety_stock,
        on_hand=event.on_hand,
        version=event.originator_version,
        active=True,
        updated_at=event.timestamp,
        position=position,
        search_text=_search_text(event),
        scale=event.scale,
        floor=event.floor,
        provisional_by=(event.key_id or event.actor) if event.provisional else None,
    )


def _search_text(event: ItemRegistered | ItemDetailsChanged) -> str:
    return folded(f"{event.sku}\n{event.name}")


_LATEST: Final = ("on_hand", "version", "updated_at", "position")
"""The columns that every event changes."""


def _latest(last: Recorded[StockItemEvent]) -> dict[str, Any]:
    position, event = last
    values = (event.on_hand, event.originator_version, event.timestamp, position)
    return dict(zip(_LATEST, values, strict=True))


def _description(event: StockItemEvent) -> dict[str, Any]:
    """Additional columns that an event other than a movement changes."""
    match event:
        case ItemDetailsChanged():
            return {
                "name": event.name,
                "unit": event.unit,
                "safety_stock": event.safety_stock,
                "search_text": _search_text(event),
                "scale": event.scale,
                "floor": event.floor,
            }
        case ItemConfirmed():
            return {"provisional_by": None}
        case ItemDiscontinued():
            return {"active": False, "provisional_by": None}
        case ItemReactivated():
            return {"active": True}
    return {}


def _updates(
    last: dict[UUID, Recorded[StockItemEvent]], described: dict[UUID, dict[str, Any]]
) -> list[Update]:
    """One bulk update per set of changed columns."""
    by_columns: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for item_id, one in last.items():
        changes = _latest(one) | described[item_id] if item_id in described else _latest(one)
        by_columns[tuple(changes)].append((*changes.values(), item_id))
    return [Update(columns, values) for columns, values in by_columns.items()]
