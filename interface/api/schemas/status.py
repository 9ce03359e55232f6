"""Schemas of the status of transactions."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from application.parsing.transactions import Number
from application.projections.projection import Recorded
from application.recording.sync_result import stock_take
from application.status import Status
from application.tables.rejected import RejectedTransaction, RejectionStatus
from domain.quantities import to_number
from interface.api.codes import RejectionCode
from interface.api.problems import wire_details
from interface.api.schemas.base import (
    CoveredAt,
    RequestBody,
    SentId,
    Timestamp,
    Wire,
    example,
    is_none,
)
from interface.api.schemas.sync import StockTakeResult

MAX_IDS_PER_REQUEST: Final = 10_000
"""`localIds` in one request."""


class StatusRequest(RequestBody):
    """The transactions whose status is requested."""

    model_config = example(localIds=["6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01"])

    local_ids: Annotated[list[SentId], Field(max_length=MAX_IDS_PER_REQUEST)]


class TransactionStatus(Wire):
    """The status of a transaction.

    The fields are the same as in `synced` and `failed` in the answer to a batch. Empty fields are
    left out.
    """

    model_config = example(
        localId="a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
        status="rejected",
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        code="INSUFFICIENT_STOCK",
        message="99 requested, 24 on hand",
        details={"onHand": 24, "requested": 99},
        rejectedAt="2026-01-08T00:20:11.482Z",
        dismissed=False,
    )

    local_id: UUID
    status: Literal["recorded", "rejected", "unknown"]
    item_id: Annotated[UUID | None, Field(exclude_if=is_none)] = None
    on_hand: Annotated[Number | None, Field(exclude_if=is_none)] = None
    version: Annotated[int | None, Field(exclude_if=is_none)] = None
    position: Annotated[int | None, Field(exclude_if=is_none)] = None
    synced_at: Annotated[Timestamp | None, Field(exclude_if=is_none)] = None
    count: Annotated[StockTakeResult | None, Field(exclude_if=is_none)] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=is_none)] = None
    code: Annotated[RejectionCode | None, Field(exclude_if=is_none)] = None
    message: Annotated[str | None, Field(exclude_if=is_none)] = None
    details: Annotated[dict[str, Any] | None, Field(exclude_if=is_none)] = None
    rejected_at: Annotated[
        Timestamp | None,
        Field(exclude_if=is_none, description="The time of the last rejection."),
    ] = None
    dismissed: Annotated[
        bool | None,
        Field(exclude_if=is_none, description="Whether a person dismissed it."),
    ] = None

    @classmethod
    def of(cls, local_id: UUID, found: Status) -> "TransactionStatus":
        match found:
            case None:
                return cls(local_id=local_id, status="unknown")
            case RejectedTransaction():
                return cls(
                    local_id=local_id,
                    status="rejected",
                    item_id=found.item_id,
                    code=found.code,
                    message=found.message,
                    details=wire_details(found.details),
                    rejected_at=found.rejected_at,
                    dismissed=found.status == RejectionStatus.DISMISSED,
                )
            case Recorded(position, event):
                return cls(
                    local_id=local_id,
                    status="recorded",
                    item_id=event.originator_id,
                    on_hand=to_number(event.on_hand, event.scale),
                    version=event.originator_version,
                    position=position,
                    synced_at=event.timestamp,
                    count=StockTakeResult.of(stock_take(event)),
                    covered_at=event.covered_at,
                )


class StatusResponse(Wire):
    """The status of each transaction, in the order of the request."""

    statuses: list[TransactionStatus]
