"""Rejected transactions: a table beside the events, not rebuilt from them."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.tables.table import Table
from domain.device_clock import FirstArrival


class RejectionStatus(StrEnum):
    """Status of a rejected transaction: whether a person must still act."""

    OPEN = "open"
    RESOLVED = "resolved"
    """The transaction was recorded later, under the same `local_id`."""
    DISMISSED = "dismissed"
    """A person decided that it needs no action, and gave a reason."""


class RejectedTransaction(NamedTuple):
    """A transaction that was not recorded, or an item that was not registered as it was sent. If it
    is rejected again, its row is updated."""

    rejection_id: UUID
    """Derived from the content (rejection_ids.py)."""
    local_id: UUID | None
    """None of an item, and of a transaction that could not be read."""
    item_id: UUID | None
    location: str | None
    """The item's location. If the sender may not know it: the first of the sender's locations."""
    element: str
    """The transaction or item as JSON, as it was sent. A malformed element is cut if it is long."""
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
    moment: datetime | None = None
    """When the goods moved, as far as is known. None for an older row."""
    rank: int | None = None
    """The rank of its first arrival (see `FirstArrival`). None for an older row."""
    role: str | None = None
    """The sender's role when it was sent."""
    location_list: str | None = None
    """The sender's locations when it was sent, as a JSON list."""
    waits_for: UUID | None = None
    """The item, or the `local_id` of the original, whose next change lets the ledger judge it
    again. None: it waits for a person, or is closed."""
    due_at: datetime | None = None
    """Since when it must be judged again, in a commit of its own; None if it need not."""
    group_id: UUID | None = None
    """The group of transactions to which it belongs."""

    @property
    def is_item(self) -> bool:
        """Whether it is a request to register an item, not a transaction."""
        return self.local_id is None and not self.malformed

    @property
    def details(self) -> dict[str, Any]:
        """The rejection's details, by name."""
        found: dict[str, Any] = json.loads(self.detail_object)
        return found

    @property
    def first_arrival(self) -> FirstArrival:
        """The place that it keeps if it is recorded later."""
        return FirstArrival(self.first_rejected_at, self.rank)


REJECTED: Final = Table(
    "rejected_transactions",
    RejectedTransaction,
    key="rejection_id",
    indexes=(
        ("local_id",),
        ("first_rejected_at", "rejection_id"),
        ("location", "first_rejected_at"),
        ("closed_at",),
        ("closed_at", "location"),
        ("actor", "status"),
    ),
    sparse_indexes=(("waits_for", "moment"), ("due_at",), ("group_id",)),
)

CLOSING: Final = ("status", "closed_at", "closed_by", "closing_reason")
"""Columns that closing a rejection writes. Another rejection of the same
transaction does not change them."""

WAITING: Final = ("waits_for", "due_at")
"""Columns that say what an open rejection waits for."""
