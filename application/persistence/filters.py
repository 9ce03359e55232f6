"""Filters of lists. A field that is None does not filter."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class ItemFilter:
    """Filter of the stock list."""

    locations: frozenset[str] | None = None
    sku: str | None = None
    text: str | None = None
    """Part of the SKU or of the name, case-insensitive."""
    active: bool | None = None
    below_safety_stock: bool = False
    """Only active items with less on hand than their safety stock."""
    negative: bool = False
    """Only items with less than 0 on hand."""
    provisional: bool = False
    """Only items that are still to be confirmed."""
    code: str | None = None
    """Only the items that this code belongs to."""


@dataclass(frozen=True, kw_only=True)
class MovementFilter:
    """Filter of the journal."""

    item_id: UUID | None = None
    locations: frozenset[str] | None = None
    type: str | None = None
    actor: str | None = None
    device: str | None = None
    reference: str | None = None
    was_refused: bool = False
    """Only what the ledger refused first, and recorded later by itself."""
    recorded_from: datetime | None = None
    """Inclusive."""
    recorded_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Filter of the audit log."""

    action: str | None = None
    actor: str | None = None
    recorded_from: datetime | None = None
    """Inclusive."""
    recorded_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, kw_only=True)
class RejectedFilter:
    """Filter of the rejected transactions."""

    names: tuple[UUID, ...] | None = None
    """`local_id`s of transactions, or `rejection_id`s."""
    group_id: UUID | None = None
    locations: frozenset[str] | None = None
    status: str | None = None
    code: str | None = None
    item_id: UUID | None = None
    actor: str | None = None
    device: str | None = None
    rejected_from: datetime | None = None
    """First rejection, inclusive."""
    rejected_to: datetime | None = None
    """First rejection, exclusive."""
