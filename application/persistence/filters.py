"""Which rows of a list are asked for. What is None does not matter."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class ItemFilter:
    """Which rows of the stock list are asked for."""

    locations: frozenset[str] | None = None
    sku: str | None = None
    text: str | None = None
    """A part of the SKU or the name, in any case."""
    active: bool | None = None
    below_safety_stock: bool = False
    """Those to be restocked: less is on hand, and the item is active."""


@dataclass(frozen=True, kw_only=True)
class MovementFilter:
    """Which rows of the journal are asked for."""

    item_id: UUID | None = None
    locations: frozenset[str] | None = None
    type: str | None = None
    actor: str | None = None
    device: str | None = None
    reference: str | None = None
    recorded_from: datetime | None = None
    """Inclusive."""
    recorded_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries of the audit trail are asked for."""

    action: str | None = None
    actor: str | None = None
    recorded_from: datetime | None = None
    """Inclusive."""
    recorded_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, kw_only=True)
class RejectedFilter:
    """Which rejected transactions are asked for."""

    name: UUID | None = None
    """The transaction's `local_id`, or the rejection's own id."""
    locations: frozenset[str] | None = None
    status: str | None = None
    code: str | None = None
    item_id: UUID | None = None
    actor: str | None = None
    device: str | None = None
    rejected_from: datetime | None = None
    """Inclusive; when it was rejected first."""
    rejected_to: datetime | None = None
    """Exclusive."""
