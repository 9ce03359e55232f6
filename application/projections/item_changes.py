"""Item changes: all events of items except movements."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from application.projections.projection import Recorded
from application.tables.table import Insert, Table
from domain.events import (
    ITEM_TOPICS,
    ItemDetailsChanged,
    ItemRegistered,
    LedgerEvent,
    MovementRecorded,
    StockItemEvent,
)


class ItemChange(NamedTuple):
    """One event of an item that is not a movement."""

    position: int
    item_id: UUID
    location: str
    sku: str
    version: int
    kind: str
    """Name of the event's class."""
    name: str | None
    unit: str | None
    safety_stock: int | None
    """`name`, `unit`, `safety_stock`: only for ItemRegistered and ItemDetailsChanged, else None."""
    scale: int
    floor: int
    """In steps; NO_FLOOR for none."""
    provisional: bool
    """Whether it is still to be confirmed."""
    on_hand: int
    actor: str
    key_id: str | None
    recorded_at: datetime


class ItemChanges:
    """Projection: one row per event of an item that is not a movement."""

    table: ClassVar = Table(
        "item_changes",
        ItemChange,
        key="position",
        indexes=(("location", "position"), ("item_id", "kind", "version")),
    )

    revision: ClassVar = 2

    topics: ClassVar = ITEM_TOPICS

    needs_last_movements_only: ClassVar = False

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> list[Insert]:
        rows = [
            _item_change(position, event)
            for position, event in recorded
            if isinstance(event, StockItemEvent) and not isinstance(event, MovementRecorded)
        ]
        return [Insert(rows)] if rows else []


def _item_change(position: int, event: StockItemEvent) -> ItemChange:
    name = unit = safety_stock = None
    if isinstance(event, ItemRegistered | ItemDetailsChanged):
        name, unit, safety_stock = event.name, event.unit, event.safety_stock
    return ItemChange(
        position=position,
        item_id=event.originator_id,
        location=event.location,
        sku=event.sku,
        version=event.originator_version,
        kind=type(event).__name__,
        name=name,
        unit=unit,
        safety_stock=safety_stock,
        scale=event.scale,
        floor=event.floor,
        provisional=bool(event.provisional),
        on_hand=event.on_hand,
        actor=event.actor,
        key_id=event.key_id,
        recorded_at=event.timestamp,
    )
