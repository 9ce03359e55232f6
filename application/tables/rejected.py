"""Rejected transactions: a table beside the events, not rebuilt from them."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.tables.table import Table


class RejectionStatus(StrEnum):
    """Status of a rejected transaction: whether a person must still act."""

    OPEN = "open"
    RESOLVED = "resolved"
    """The transaction was recorded later, under the same `local_id`."""
    DISMISSED = "dismissed"
    """A person decided that it needs no action, and gave a reason."""


class RejectedTransaction(NamedTuple):
    """A transaction that was not recorded. If it is rejected again, its row is updated."""

    rejection_id: UUID
    """Derived from the content (rejection_ids.py)."""
    local_id: UUID | None
    """None if it could not be read."""
    item_id: UUID | None
    location: str | None
    """The item's location. If the sender may not know it: the first of the sender's locations."""
    element: str
    """The transaction as JSON, as it was sent. A malformed element is cut if it is long."""
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
    """Time of the last rejection."""
    status: str
    closed_at: datetime | None
    closed_by: str | None
    closing_reason: str | None
    """Why it was dismissed."""
    moved_at: datetime | None
    """When the goods moved, if the device's clock was corrected. The element has the `occurredAt`
    that was sent."""

    @property
    def details(self) -> dict[str, Any]:
        """The rejection's details, by name."""
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
"""Columns that closing a rejection writes. Another rejection of the same
transaction does not change them."""
