"""Roles and their permissions. Only this file grants permissions."""

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from typing import Final

from domain.transaction import TransactionType


class Permission(Enum):
    """A permission that a route or a transaction type requires."""

    __hash__ = object.__hash__  # Without a call in Python, as often as a permission is checked.

    SYNC = auto()
    """Send batches."""
    RECORD = auto()
    """Record single movements, online."""
    COUNT = auto()
    """Send COUNT, in batches or one by one."""
    ADJUST = auto()
    """Send ADJUST, in batches or one by one."""
    OVERRIDE = auto()
    """Record goods out that end below an item's floor."""
    VOID_ANY = auto()
    """Void what others recorded."""
    RELAY = auto()
    """Send what other devices recorded, under their names."""
    REVIEW_REJECTIONS = auto()
    """Retry and dismiss rejected transactions."""
    REGISTER = auto()
    """Register items and assign codes: provisional ones, without MANAGE_ITEMS."""
    MANAGE_ITEMS = auto()
    """Confirm, describe, discontinue and reactivate items, and retire codes."""
    READ = auto()
    """Read stock and journal."""
    EVERYWHERE = auto()
    """Use the other permissions at every location, not only at the caller's own."""
    MANAGE_KEYS = auto()
    """Create, list, revoke and rotate API keys."""
    READ_AUDIT = auto()
    """Read the audit trail."""


class Role(StrEnum):
    """The role of a caller, in the order of power."""

    __hash__ = str.__hash__

    ADMIN = "admin"
    MANAGER = "manager"
    CLERK = "clerk"
    DEVICE = "device"
    AUDITOR = "auditor"


_DEVICE = frozenset({Permission.SYNC, Permission.READ, Permission.REGISTER})
_CLERK = _DEVICE | {Permission.RECORD, Permission.RELAY, Permission.COUNT}
_MANAGER = _CLERK | {
    Permission.ADJUST,
    Permission.OVERRIDE,
    Permission.VOID_ANY,
    Permission.REVIEW_REJECTIONS,
    Permission.MANAGE_ITEMS,
}

GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.DEVICE: _DEVICE,
    Role.CLERK: _CLERK,
    Role.MANAGER: _MANAGER,
    Role.ADMIN: frozenset(Permission),
    Role.AUDITOR: frozenset({Permission.READ, Permission.EVERYWHERE, Permission.READ_AUDIT}),
}


class ExtraPermission(StrEnum):
    """A permission that an API key may have beyond those of its role."""

    COUNT = "count"

    @property
    def permission(self) -> Permission:
        """The permission itself."""
        return Permission[self.name]


NEEDED_PERMISSION: Final[Mapping[TransactionType, Permission | None]] = {
    TransactionType.INBOUND: None,
    TransactionType.OUTBOUND: None,
    TransactionType.ADJUST: Permission.ADJUST,
    TransactionType.COUNT: Permission.COUNT,
    TransactionType.VOID: None,
}
"""The permission that a type needs beyond that of its endpoint."""
