"""The principal: the authenticated caller, and what they may do at which location."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from application.access.errors import Forbidden, ItemElsewhere
from application.access.roles import GRANTS, ExtraPermission, Permission, Role
from application.tables.access import ApiKey
from domain.actor import Actor
from domain.errors import UnknownItem
from domain.events import MovementRecorded


class Located(Protocol):
    """A thing at a location."""

    @property
    def location(self) -> str: ...


Found = TypeVar("Found", bound=Located)


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller."""

    actor: Actor
    role: Role
    locations: frozenset[str] = frozenset()
    """The caller's own locations; ignored for a role with Permission.EVERYWHERE."""
    device: str | None = None
    extra: frozenset[Permission] = frozenset()
    """Permissions beyond those of the role."""
    former_key_id: str | None = None
    """The id of the API key that the caller's key replaced."""
    signed_in_at: datetime | None = None
    """When the caller's session began; None without a session."""

    @property
    def limit_key(self) -> str:
        """The caller's key for limits: the id of the API key, otherwise the name."""
        return self.actor.key_id or self.actor.name

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role, or the key itself, grants the permission."""
        return permission in GRANTS[self.role] or permission in self.extra

    def require(self, permission: Permission) -> None:
        """Raises Forbidden: neither the role nor the key grants the permission."""
        if not self.may(permission):
            raise Forbidden.to_do(self.role, permission.name.lower().replace("_", " "))

    def can_access(self, location: str | None) -> bool:
        """Whether the caller may act at the location. None (location unknown) is accessible only
        with Permission.EVERYWHERE."""
        return self.may(Permission.EVERYWHERE) or location in self.locations

    def require_location(self, location: str) -> None:
        """Raises Forbidden: the location is not one of the caller's."""
        if not self.can_access(location):
            raise Forbidden.at(location)

    def scope(self, location: str | None) -> frozenset[str] | None:
        """Returns the locations that a read may see; None for all.

        `location` limits them to one. Raises Forbidden: it is not one of the caller's.
        """
        if location is not None:
            self.require_location(location)
            return frozenset({location})
        return None if self.may(Permission.EVERYWHERE) else self.locations

    def authorize(self, item_id: UUID, item: Located | None) -> None:
        """Checks that the caller may access the item.

        Raises:
            UnknownItem: the item does not exist, or is at another location. The message is the
                same, so that a caller does not learn which it is. Never raised for a role with
                Permission.EVERYWHERE.
        """
        if self.may(Permission.EVERYWHERE):
            return
        if item is None:
            raise UnknownItem(item_id)
        if item.location not in self.locations:
            raise ItemElsewhere(item_id)

    def require_item(self, item_id: UUID, item: Found | None) -> Found:
        """Returns the item. Raises UnknownItem: it is None, or the caller may not access it."""
        self.authorize(item_id, item)
        if item is None:
            raise UnknownItem(item_id)
        return item

    def has_recorded(self, movement: MovementRecorded) -> bool:
        """Whether the movement was recorded with the caller's key, or with the one before it."""
        return self.has_sent(movement.key_id, movement.actor)

    def has_sent(self, key_id: str | None, actor: str) -> bool:
        """Whether this key, or the one before it, is the caller's; without a key, the name."""
        if key_id is None:
            return self.actor.key_id is None and actor == self.actor.name
        return key_id in {self.actor.key_id, self.former_key_id}

    def device_for(self, named: str | None) -> str | None:
        """Returns the device of a transaction: `named`, if the caller may relay for other devices,
        otherwise the caller's own."""
        return named if named is not None and self.may(Permission.RELAY) else self.device


def principal_of(key: ApiKey) -> Principal:
    """Returns the principal of an API key."""
    return Principal(
        Actor(key.name, key.key_id),
        Role(key.role),
        frozenset(key.locations),
        device=key.name,
        extra=frozenset(ExtraPermission(one).permission for one in key.extra),
        former_key_id=key.replaces,
    )


ANONYMOUS = Principal(Actor("anonymous"), Role.ADMIN)
"""Every caller of a server without authentication."""
