"""Builders: a clock, items, and elements of batches as devices write them."""

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.parsing.items import Registration
from domain.actor import Actor
from domain.item_details import ItemDetails
from domain.transaction import void_id

CLERK = Principal(Actor("clerk"), Role.ADMIN)
"""A caller with all permissions: the only person of a small shop."""


DAY = datetime(2026, 1, 8, tzinfo=UTC)


def at(hour: float) -> dict[str, str]:
    """The time of an element, at that hour of the day."""
    return {"occurredAt": (DAY + timedelta(hours=hour)).isoformat()}


class Clock:
    """A clock that advances by one second at each call."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class HeldClock(Clock):
    """A clock that blocks its first caller until `may_tell` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_tell = Event(), Event()

    def __call__(self) -> datetime:
        self.is_asked.set()
        assert self.may_tell.wait(10)
        return super().__call__()


def register(
    items: ItemService, sku: str = "TEA-250", location: str = "main", **policies: Any
) -> UUID:
    """Registers the item, if it is new. Returns its id."""
    details = ItemDetails(name=f"Name of {sku}", unit="piece", safety_stock=5, **policies)
    return items.register(registration(location, sku, details), CLERK)[0].id


def registration(location: str, sku: str, details: ItemDetails) -> Registration:
    """A request to register an item with all of these details."""
    return Registration(
        location,
        sku,
        details.name,
        details.unit,
        details.safety_stock,
        details.scale,
        details.floor,
    )


def element(type: str, item_id: UUID, quantity: Any, **more: Any) -> dict[str, Any]:
    """One element of a batch, with a new `localId` unless one is given."""
    return {
        "localId": str(uuid4()),
        "type": type,
        "itemId": str(item_id),
        "quantity": quantity,
    } | more


def void_of(voided: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The element that voids another one."""
    return {
        "localId": str(void_id(UUID(voided["localId"]))),
        "type": "VOID",
        "itemId": voided["itemId"],
        "voids": voided["localId"],
    } | more


def local_id_of(element: dict[str, Any]) -> UUID:
    return UUID(element["localId"])
