"""Schemas of rejected transactions."""

import json
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from application.review import Correction
from application.tables import rejected
from application.tables.rejected import RejectionStatus
from interface.api.codes import RejectionCode
from interface.api.problems import wire_details
from interface.api.schemas.base import (
    QueryInstant,
    RequestBody,
    SentId,
    SentQuantity,
    Timestamp,
    Wire,
    example,
)
from interface.api.schemas.paging import WantedLabel, WantedText


class RejectedTransaction(Wire):
    """A rejected transaction: sent, but not recorded."""

    model_config = example(
        rejectionId="0c9f5a52-3d3c-1b0a-6f0e-2f4f0a9f7c11",
        localId="a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        transaction={
            "localId": "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
            "type": "OUTBOUND",
            "itemId": "25611397-d162-5417-9427-6c759c4ceb9c",
            "quantity": 99,
        },
        code="INSUFFICIENT_STOCK",
        message="99 requested, 24 on hand",
        details={"onHand": 24, "requested": 99},
        actor="scanner-7",
        keyId="k3v9q1",
        device="scanner-7",
        movedAt=None,
        firstRejectedAt="2026-01-08T00:20:11.482Z",
        rejectedAt="2026-01-08T00:20:11.482Z",
        status="open",
        closedAt=None,
        closedBy=None,
        reason=None,
    )

    rejection_id: UUID
    local_id: Annotated[UUID | None, Field(description="Null if it is unreadable.")]
    item_id: UUID | None
    location: str | None
    transaction: Annotated[
        dict[str, Any] | str,
        Field(description="The transaction as it was sent. A text if it could not be parsed."),
    ]
    code: RejectionCode
    message: str
    details: dict[str, Any]
    actor: str
    key_id: str | None
    device: str | None
    moved_at: Annotated[
        Timestamp | None,
        Field(description="When the goods moved, if the device's clock was corrected."),
    ]
    first_rejected_at: Timestamp
    rejected_at: Annotated[Timestamp, Field(description="The time of the last rejection.")]
    status: Annotated[RejectionStatus, Field(description="`resolved`: recorded later after all.")]
    closed_at: Timestamp | None
    closed_by: str | None
    reason: Annotated[str | None, Field(description="The reason for the dismissal.")]

    @classmethod
    def of(cls, row: rejected.RejectedTransaction) -> "RejectedTransaction":
        return cls.model_construct(
            rejection_id=row.rejection_id,
            local_id=row.local_id,
            item_id=row.item_id,
            location=row.location,
            transaction=row.element if row.malformed else json.loads(row.element),
            code=row.code,
            message=row.message,
            details=wire_details(row.details),
            actor=row.actor,
            key_id=row.key_id,
            device=row.device,
            moved_at=row.moved_at,
            first_rejected_at=row.first_rejected_at,
            rejected_at=row.rejected_at,
            status=RejectionStatus(row.status),
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            reason=row.closing_reason,
        )


class RejectedTransactionPage(Wire):
    """A page of rejected transactions."""

    items: list[RejectedTransaction]
    next_cursor: str | None


class Dismissal(RequestBody):
    """The reason for a dismissal."""

    model_config = example(reason="sold from the display, counted on Friday")

    reason: str


class Adjustment(RequestBody):
    """An ADJUST of the same item, with its own `localId`. It is recorded first."""

    local_id: SentId
    quantity: Annotated[SentQuantity, Field(description="The signed difference.")]
    reason: str | None = None
    note: str | None = None


class Retry(RequestBody):
    """The options for retrying a rejected transaction: an adjustment, or a new `localId`."""

    model_config = example(
        adjustment={
            "localId": "2b7c4d1e-93a5-4f08-b7f2-6d2e8a3c9b10",
            "quantity": 3,
            "reason": "found in the back room",
        }
    )

    adjustment: Adjustment | None = None
    local_id: Annotated[
        SentId | None,
        Field(
            description="The new `localId` of a transaction that was rejected with "
            "LOCAL_ID_REUSED. If left out, the UUIDv5 of the old one and the `rejectionId`."
        ),
    ] = None

    @property
    def correction(self) -> Correction | None:
        return None if self.adjustment is None else Correction(**self.adjustment.model_dump())


class RejectedTransactionFilter(RequestBody):
    """The filter of a bulk dismissal. A field that is left out matches everything."""

    location: WantedLabel = None
    code: WantedText = None
    item_id: SentId | None = None
    actor: WantedText = None
    device: WantedText = None
    recorded_from: Annotated[
        QueryInstant | None,
        Field(alias="from", description="First rejected at this time or later."),
    ] = None
    recorded_to: Annotated[
        QueryInstant | None, Field(alias="to", description="First rejected before this time.")
    ] = None


class BulkDismissal(RequestBody):
    """The reason and the filter of a bulk dismissal."""

    model_config = example(reason="the scanner was broken", filter={"device": "scanner-7"})

    reason: str
    filter: RejectedTransactionFilter


class Dismissed(Wire):
    """The result of a bulk dismissal."""

    dismissed: int
    has_more: Annotated[bool, Field(description="Whether more matches are still open.")]
