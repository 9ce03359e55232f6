"""What goes over the wire about what became of transactions."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from application.projections.table import Recorded
from application.rejected.table import RejectedTransaction, Standing
from application.status import Fate
from application.sync import stock_take
from interface.api.problems import wire_details
from interface.api.schemas import CoveredAt, Timestamp, Wire, example, is_none
from interface.api.sync_schemas import StockTakeOut

MAX_STATUSES: Final = 10_000
"""Transactions asked after at once."""


class StatusRequest(Wire):
    """Which transactions are asked after."""

    model_config = example(localIds=["6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01"])

    local_ids: Annotated[list[UUID], Field(max_length=MAX_STATUSES)]


class FateOut(Wire):
    """What became of a transaction. The fields are those of `synced` and `failed` in the answer to
    a batch; those that have nothing to say are left out."""

    local_id: UUID
    status: Literal["recorded", "rejected", "unknown"]
    item_id: Annotated[UUID | None, Field(exclude_if=is_none)] = None
    on_hand: Annotated[int | None, Field(exclude_if=is_none)] = None
    version: Annotated[int | None, Field(exclude_if=is_none)] = None
    position: Annotated[int | None, Field(exclude_if=is_none)] = None
    synced_at: Annotated[Timestamp | None, Field(exclude_if=is_none)] = None
    count: Annotated[StockTakeOut | None, Field(exclude_if=is_none)] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=is_none)] = None
    code: Annotated[str | None, Field(exclude_if=is_none)] = None
    message: Annotated[str | None, Field(exclude_if=is_none)] = None
    details: Annotated[dict[str, Any] | None, Field(exclude_if=is_none)] = None
    rejected_at: Annotated[
        Timestamp | None, Field(exclude_if=is_none, description="The last time.")
    ] = None
    dismissed: Annotated[
        bool | None,
        Field(exclude_if=is_none, description="Whether somebody decided to leave it at that."),
    ] = None

    @classmethod
    def of(cls, local_id: UUID, fate: Fate) -> "FateOut":
        match fate:
            case None:
                return cls(local_id=local_id, status="unknown")
            case RejectedTransaction():
                return cls(
                    local_id=local_id,
                    status="rejected",
                    item_id=fate.item_id,
                    code=fate.code,
                    message=fate.message,
                    details=wire_details(fate.details),
                    rejected_at=fate.rejected_at,
                    dismissed=fate.standing == Standing.DISMISSED,
                )
            case Recorded(position, event):
                return cls(
                    local_id=local_id,
                    status="recorded",
                    item_id=event.originator_id,
                    on_hand=event.on_hand,
                    version=event.originator_version,
                    position=position,
                    synced_at=event.timestamp,
                    count=StockTakeOut.of(stock_take(event)),
                    covered_at=event.covered_at,
                )


class StatusResponse(Wire):
    """What became of each, in the order of the request."""

    statuses: list[FateOut]
