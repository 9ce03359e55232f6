"""Who is calling, and what they may do where."""

from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from application.access.errors import Forbidden, ItemElsewhere
from application.access.roles import GRANTS, Permission, Role
from domain.actor import Actor
from domain.errors import UnknownItem


class Located(Protocol):
    """What is kept at a location."""

    @property
    def location(self) -> str: ...


Found = TypeVar("Found", bound=Located)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller, as they were authenticated."""

    actor: Actor
    role: Role
    locations: frozenset[str] = frozenset()
    """The caller's own; they do not matter to a role that may act everywhere."""
    device: str | None = None

    @property
    def limit_key(self) -> str:
        """By what limits know the caller: the API key, or else the name."""
        return self.actor.key_id or self.actor.name

    def may(self, permission: Permission) -> bool:
        return permission in GRANTS[self.role]

    def require(self, permission: Permission) -> None:
        """Raises Forbidden."""
        if not self.may(permission):
            raise Forbidden.to_do(self.role, permission.name.lower().replace("_", " "))

    def can_access(self, location: str | None) -> bool:
        """A place that nobody knows is entered by those alone who may be everywhere."""
        return self.may(Permission.EVERYWHERE) or location in self.locations

    def require_location(self, location: str) -> None:
        """Raises Forbidden."""
        if not self.can_access(location):
            raise Forbidden.at(location)

    def scope(self, location: str | None) -> frozenset[str] | None:
        """Where to look when this location is asked for, or none; None for everywhere. Raises
        Forbidden."""
        if location is not None:
            self.require_location(location)
            return frozenset({location})
        return None if self.may(Permission.EVERYWHERE) else self.locations

    def authorize(self, item_id: UUID, item: Located | None) -> None:
        """Raises UnknownItem for an item elsewhere, and in the same words for one that does not
        exist: a caller must not learn which it is."""
        if self.may(Permission.EVERYWHERE):
            return
        if item is None:
            raise UnknownItem(item_id)
        if item.location not in self.locations:
            raise ItemElsewhere(item_id)

    def require_item(self, item_id: UUID, item: Found | None) -> Found:
        """The item, if it exists and the caller may reach it. Raises UnknownItem."""
        self.authorize(item_id, item)
        if item is None:
            raise UnknownItem(item_id)
        return item

    def device_for(self, named: str | None) -> str | None:
        """The device that a transaction was recorded on, where its element names one."""
        return named if named is not None and self.may(Permission.RELAY) else self.device


ANONYMOUS = Principal(Actor("anonymous"), Role.ADMIN)
"""Whoever reaches a server that asks nobody who they are."""
