"""What goes over the wire about rejected transactions."""

import json
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from application.rejected.review import Correction
from application.rejected.table import RejectedTransaction, Standing
from application.transaction_parser import WIRE_CONFIG
from interface.api.paging import WantedText
from interface.api.problems import wire_details
from interface.api.schemas import QueryInstant, Timestamp, Wire, example


class RejectionOut(Wire):
    """A transaction that was not recorded."""

    rejection_id: UUID
    local_id: Annotated[UUID | None, Field(description="None where it could not be read.")]
    item_id: UUID | None
    location: str | None
    transaction: Annotated[
        dict[str, Any] | str, Field(description="As it was sent; a text where it is malformed.")
    ]
    code: str
    message: str
    details: dict[str, Any]
    actor: str
    key_id: str | None
    device: str | None
    first_rejected_at: Timestamp
    rejected_at: Annotated[Timestamp, Field(description="The last time.")]
    status: Annotated[Standing, Field(description="`resolved` is what was recorded after all.")]
    closed_at: Timestamp | None
    closed_by: str | None
    reason: Annotated[str | None, Field(description="Why it was dismissed.")]

    @classmethod
    def of(cls, row: RejectedTransaction) -> "RejectionOut":
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
            first_rejected_at=row.first_rejected_at,
            rejected_at=row.rejected_at,
            status=Standing(row.standing),
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            reason=row.closing_reason,
        )


class RejectionPage(Wire):
    items: list[RejectionOut]
    next_cursor: str | None


class Dismissal(Wire):
    """Why nothing more needs to be done."""

    model_config = example(reason="sold from the display, counted on Friday") | ConfigDict(
        strict=True
    )

    reason: str


class CorrectionIn(Wire):
    """An ADJUST of the same item, recorded first, under a `localId` of its own."""

    model_config = ConfigDict(strict=True)

    local_id: Annotated[UUID, Field(strict=False)]
    quantity: Annotated[int, Field(description="The signed difference.")]
    reason: str | None = None
    note: str | None = None


class Retry(Wire):
    """What shall come before the transaction is tried again."""

    model_config = example(
        adjustment={
            "localId": "2b7c4d1e-93a5-4f08-b7f2-6d2e8a3c9b10",
            "quantity": 3,
            "reason": "found in the back room",
        }
    )

    adjustment: CorrectionIn | None = None

    @property
    def correction(self) -> Correction | None:
        return None if self.adjustment is None else Correction(**self.adjustment.model_dump())


class RejectionChoice(Wire):
    """Which open rejections are meant; what is left out does not matter. A field that is misspelt
    is refused: without it, all would be meant."""

    model_config = WIRE_CONFIG | ConfigDict(extra="forbid")

    location: WantedText = None
    code: WantedText = None
    item_id: UUID | None = None
    actor: WantedText = None
    device: WantedText = None
    recorded_from: Annotated[
        QueryInstant | None, Field(alias="from", description="Rejected first then or later.")
    ] = None
    recorded_to: Annotated[
        QueryInstant | None, Field(alias="to", description="Rejected first before then.")
    ] = None


class BulkDismissal(Wire):
    """Why all of these need nothing more."""

    model_config = example(reason="the scanner was broken", filter={"device": "scanner-7"})

    reason: str
    filter: RejectionChoice


class Dismissed(Wire):
    """What was closed."""

    dismissed: int
    has_more: Annotated[bool, Field(description="Whether more match, and are still open.")]
