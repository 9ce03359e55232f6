"""The stock list: what each item is, and how much of it is on hand now."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from application.projections.table import Insert, Recorded, Table, Update, Write
from domain.events import (
    ItemDetailsChanged,
    ItemDiscontinued,
    ItemReactivated,
    ItemRegistered,
    StockItemEvent,
)


class StockLevel(NamedTuple):
    """One item as its last event left it."""

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


class StockLevels:
    """One row an item."""

    table: ClassVar = Table(
        "stock_levels", StockLevel, key="item_id", indexes=(("location", "sku"), ("sku",))
    )

    def project(self, recorded: Sequence[Recorded[StockItemEvent]]) -> list[Write]:
        registered: dict[UUID, StockLevel] = {}
        changed: defaultdict[UUID, dict[str, Any]] = defaultdict(dict)
        for position, event in recorded:
            item_id = event.originator_id
            if isinstance(event, ItemRegistered):
                registered[item_id] = _registered(position, event)
            elif item_id in registered:
                registered[item_id] = registered[item_id]._replace(**_changes(position, event))
            else:
                changed[item_id].update(_changes(position, event))
        inserts = [Insert(list(registered.values()))] if registered else []
        return [*inserts, *_updates(changed)]


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
    )


def _changes(position: int, event: StockItemEvent) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "on_hand": event.on_hand,
        "version": event.originator_version,
        "updated_at": event.timestamp,
        "position": position,
    }
    match event:
        case ItemDetailsChanged():
            changes["name"] = event.name
            changes["unit"] = event.unit
            changes["safety_stock"] = event.safety_stock
        case ItemDiscontinued():
            changes["active"] = False
        case ItemReactivated():
            changes["active"] = True
    return changes


def _updates(changed: dict[UUID, dict[str, Any]]) -> list[Update]:
    """One bulk update for each set of columns that some item changed."""
    by_columns: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for item_id, changes in changed.items():
        columns = tuple(sorted(changes))
        by_columns[columns].append((*(changes[column] for column in columns), item_id))
    return [Update(columns, values) for columns, values in by_columns.items()]
