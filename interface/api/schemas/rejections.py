"""Schemas of rejected transactions."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from application.persistence.filters import RejectedFilter
from application.projections.stock_levels import StockLevel
from application.recording.retries import Correction, RetryOptions
from application.review import MAX_REVIEWED_PER_CALL, BulkReview, Reviewed
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
    is_none,
)
from interface.api.schemas.paging import (
    Milliseconds,
    WantedLabel,
    WantedText,
    encode_cursor,
    from_milliseconds,
    parse_cursor,
    to_milliseconds,
)


class RejectedTransaction(Wire):
    """A rejected transaction: sent, but not recorded."""

    model_config = example(
        rejectionId="0c9f5a52-3d3c-1b0a-6f0e-2f4f0a9f7c11",
        localId="a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        sku="TEA-250",
        name="Green tea 250 g",
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
    sku: Annotated[str | None, Field(description="Of the item, if it is registered now.")] = None
    name: str | None = None
    transaction: Annotated[
        dict[str, Any] | str | None,
        Field(
            description="The transaction as it was sent. A text if it could not be parsed. Null if "
            "an item was sent."
        ),
    ]
    item: Annotated[
        dict[str, Any] | None,
        Field(
            exclude_if=is_none,
            description="The item as it was sent, if it differs from the one that is registered.",
        ),
    ] = None
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
    def of(
        cls, row: rejected.RejectedTransaction, level: StockLevel | None = None
    ) -> "RejectedTransaction":
        return cls.model_construct(
            sku=level and level.sku,
            name=level and level.name,
            rejection_id=row.rejection_id,
            local_id=row.local_id,
            item_id=row.item_id,
            location=row.location,
            **_sent(row),
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


def _sent(row: rejected.RejectedTransaction) -> dict[str, Any]:
    if row.is_item:
        return {"transaction": None, "item": json.loads(row.element)}
    return {"transaction": row.element if row.malformed else json.loads(row.element)}


def rejection_cursor(row: rejected.RejectedTransaction) -> str:
    """Returns the cursor of what follows after this row."""
    return encode_cursor((to_milliseconds(row.first_rejected_at), row.rejection_id))


def before_rejection(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Returns the row of a cursor. Raises Invalid."""
    parsed = parse_cursor(cursor, tuple[Milliseconds, UUID])
    return parsed and (from_milliseconds(parsed[0]), parsed[1])


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


class Override(RequestBody):
    """The permission to end below the floor of the item, with its reason."""

    model_config = example(reason="the delivery note is still to come")

    reason: Annotated[str, Field(description="It becomes the beginning of the note.")]


class Retry(RequestBody):
    """The options for retrying a rejected transaction: an override of the floor, an adjustment, or
    a new `localId`."""

    model_config = example(
        adjustment={
            "localId": "2b7c4d1e-93a5-4f08-b7f2-6d2e8a3c9b10",
            "quantity": 3,
            "reason": "found in the back room",
        }
    )

    override: Annotated[
        Override | None,
        Field(description="Records it even if the quantity on hand ends below the floor."),
    ] = None
    adjustment: Adjustment | None = None
    local_id: Annotated[
        SentId | None,
        Field(
            description="The new `localId` of a transaction that was rejected with "
            "LOCAL_ID_REUSED. If left out, the UUIDv5 of the old one and the `rejectionId`."
        ),
    ] = None

    @property
    def options(self) -> RetryOptions:
        adjustment = self.adjustment
        return RetryOptions(
            correction=None if adjustment is None else Correction(**adjustment.model_dump()),
            local_id=self.local_id,
            override=None if self.override is None else self.override.reason,
        )


class RejectedTransactionFilter(RequestBody):
    """The filter of a bulk review. A field that is left out matches everything."""

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


class Chosen(RequestBody):
    """The rejected transactions of a bulk review: a filter, or ids."""

    filter: RejectedTransactionFilter | None = None
    ids: Annotated[
        list[SentId] | None,
        Field(
            max_length=MAX_REVIEWED_PER_CALL,
            description="`localId`s or `rejectionId`s.",
        ),
    ] = None

    cursor: Annotated[
        str | None, Field(description="The `nextCursor` of the answer before, with a filter.")
    ] = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.filter is None) == (self.ids is None):
            raise ValueError("give either a filter or ids")
        return self

    @property
    def before(self) -> tuple[datetime, UUID] | None:
        """The row after which the filter goes on."""
        return before_rejection(self.cursor)

    @property
    def location(self) -> str | None:
        """The location of the filter."""
        return None if self.filter is None else self.filter.location

    @property
    def wanted(self) -> RejectedFilter | list[UUID]:
        """The filter, or the ids."""
        chosen = self.filter
        if chosen is None:
            return self.ids or []
        return RejectedFilter(
            code=chosen.code,
            item_id=chosen.item_id,
            actor=chosen.actor,
            device=chosen.device,
            rejected_from=chosen.recorded_from,
            rejected_to=chosen.recorded_to,
        )


class BulkDismissal(Chosen):
    """The reason of a bulk dismissal, and what it dismisses."""

    model_config = example(reason="the scanner was broken", filter={"device": "scanner-7"})

    reason: str


class BulkRetry(Chosen):
    """What a bulk retry retries."""

    model_config = example(filter={"code": "INSUFFICIENT_STOCK"})

    override: Annotated[
        Override | None,
        Field(description="Records them even if quantities on hand end below their floors."),
    ] = None


class ReviewedTransaction(Wire):
    """The outcome of one rejected transaction in a bulk review."""

    rejection_id: Annotated[UUID | None, Field(description="Null if it is unknown.")]
    local_id: Annotated[UUID | None, Field(description="Null if it is unreadable.")]
    status: Annotated[
        Literal["recorded", "duplicate", "dismissed", "failed"],
        Field(description="`duplicate`: it was recorded already. `failed`: nothing has changed."),
    ]
    code: Annotated[RejectionCode | None, Field(description="Why it failed.")] = None
    message: str | None = None
    details: dict[str, Any] | None = None

    @classmethod
    def of(cls, reviewed: Reviewed) -> "ReviewedTransaction":
        rejection = reviewed.rejection
        return cls.model_construct(
            rejection_id=reviewed.rejection_id,
            local_id=reviewed.local_id,
            status=reviewed.status,
            code=None if rejection is None else rejection.code,
            message=None if rejection is None else rejection.message,
            details=None if rejection is None else wire_details(rejection.details),
        )


class ReviewedTransactions(Wire):
    """The outcome of a bulk review."""

    model_config = example(
        items=[
            {
                "rejectionId": "0c9f5a52-3d3c-1b0a-6f0e-2f4f0a9f7c11",
                "localId": "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
                "status": "dismissed",
                "code": None,
                "message": None,
                "details": None,
            }
        ],
        nextCursor=None,
    )

    items: list[ReviewedTransaction]
    next_cursor: Annotated[
        str | None, Field(description="The `cursor` of the next call; null if nothing is left.")
    ]

    @classmethod
    def of(cls, review: BulkReview) -> "ReviewedTransactions":
        last = review.last
        return cls.model_construct(
            items=[ReviewedTransaction.of(one) for one in review.rows],
            next_cursor=None if last is None else rejection_cursor(last),
        )
