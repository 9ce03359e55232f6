"""Roles and their permissions. Only this file grants permissions."""

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from typing import Final

from domain.transaction import TransactionType


class Permission(Enum):
    """A permission that a route or a transaction type requires."""

    SYNC = auto()
    """Send batches."""
    RECORD = auto()
    """Record single movements, online."""
    CORRECT = auto()
    """Send ADJUST and COUNT, in batches or one by one."""
    RELAY = auto()
    """Send what other devices recorded, under their names."""
    REVIEW_REJECTIONS = auto()
    """Retry and dismiss rejected transactions."""
    MANAGE_ITEMS = auto()
    """Register, describe, discontinue and reactivate items."""
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

    ADMIN = "admin"
    MANAGER = "manager"
    CLERK = "clerk"
    DEVICE = "device"
    AUDITOR = "auditor"


_DEVICE = frozenset({Permission.SYNC, Permission.READ})
_CLERK = _DEVICE | {Permission.RECORD, Permission.RELAY}
_MANAGER = _CLERK | {
    Permission.CORRECT,
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

NEEDED_PERMISSION: Final[Mapping[TransactionType, Permission | None]] = {
    TransactionType.INBOUND: None,
    TransactionType.OUTBOUND: None,
    TransactionType.ADJUST: Permission.CORRECT,
    TransactionType.COUNT: Permission.CORRECT,
}
"""The permission that a type needs beyond that of its endpoint."""
