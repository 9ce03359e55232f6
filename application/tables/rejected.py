"""What is kept of a rejected transaction: a row beside the ledger, not made from events."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.tables.table import Table


class RejectionStatus(StrEnum):
    """Whether a rejection still waits for somebody."""

    OPEN = "open"
    RESOLVED = "resolved"
    """The transaction was recorded later on, under the same `local_id`."""
    DISMISSED = "dismissed"
    """Somebody decided that it needs nothing more, and said why."""


class RejectedTransaction(NamedTuple):
    """A transaction that was not recorded. The same one, rejected again, is the same row."""

    rejection_id: UUID
    """Follows from the transaction's content."""
    local_id: UUID | None
    """None where it could not be read."""
    item_id: UUID | None
    location: str | None
    """Where the item is, or, where the sender may not know, where the sender belongs."""
    element: str
    """The transaction as JSON, as it was sent; of one that could not be understood, the element,
    cut where it is long."""
    malformed: bool
    """Whether the element could not be understood."""
    code: str
    message: str
    detail_object: str
    """The rejection's details, as a JSON object."""
    actor: str
    key_id: str | None
    device: str | None
    first_rejected_at: datetime
    rejected_at: datetime
    """The last time."""
    status: str
    closed_at: datetime | None
    closed_by: str | None
    closing_reason: str | None
    """Why it was dismissed."""
    moved_at: datetime | None
    """When goods moved, where the device's clock was put right: what was sent as `occurredAt` is in
    the element."""

    @property
    def details(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.detail_object)
        return found


REJECTED: Final = Table(
    "rejected_transactions",
    RejectedTransaction,
    key="rejection_id",
    indexes=(
        ("local_id",),
        ("first_rejected_at", "rejection_id"),
        ("location", "first_rejected_at"),
        ("closed_at",),
        ("actor", "status"),
    ),
)

CLOSING: Final = ("status", "closed_at", "closed_by", "closing_reason")
"""The columns that closing a rejection writes, and that another rejection leaves as they are."""
