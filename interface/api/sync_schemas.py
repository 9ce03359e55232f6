"""What goes over the wire about batches, and about what became of transactions."""

import json
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from application.judge import Failed, Status
from application.projections.table import Recorded
from application.rejected.review import Correction
from application.rejected.table import RejectedTransaction, Standing
from application.status import Fate
from application.sync import StockTake, Synced, SyncResult, stock_take
from application.transaction_parser import TransactionElement
from domain.rejections import Rejection
from interface.api.change_schemas import ChangesOut
from interface.api.paging import MAX_LIMIT
from interface.api.problems import wire_details
from interface.api.schemas import CoveredAt, Timestamp, Wire, example

EXAMPLE_ITEM_ID = "a3c0b4a6-27f4-5d0b-8bf0-0f1d5b5f1d11"

MAX_STATUSES: Final = 10_000
"""Transactions asked after at once."""


def _is_none(value: object) -> bool:
    return value is None


class SyncRequest(Wire):
    """A batch."""

    model_config = example(
        transactions=[
            {
                "localId": "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01",
                "type": "INBOUND",
                "itemId": EXAMPLE_ITEM_ID,
                "quantity": 24,
                "occurredAt": "2026-01-08T09:14:03+09:00",
                "note": "PO 1182",
                "reference": "po:1182",
                "device": "scanner-7",
            },
            {
                "localId": "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
                "type": "OUTBOUND",
                "itemId": EXAMPLE_ITEM_ID,
                "quantity": 1,
            },
        ]
    )

    transactions: list[TransactionElement]
    after: Annotated[
        str | None,
        Field(description="`nextAfter` of the last answer, to be told what changed since as well."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Changes at the most.")] = 100


class StockTakeOut(Wire):
    """What a COUNT found, against what was on hand at its moment."""

    expected: int
    counted: int
    delta: int

    @classmethod
    def of(cls, count: StockTake | None) -> "StockTakeOut | None":
        return count and cls.model_construct(**count._asdict())


class SyncedOut(Wire):
    """An element that is recorded: now, or (`duplicate`) before, with what was answered then."""

    index: int
    local_id: UUID
    item_id: UUID
    status: Status
    on_hand: int
    version: int
    position: int
    synced_at: Timestamp
    count: Annotated[
        StockTakeOut | None, Field(exclude_if=_is_none, description="Of a COUNT alone.")
    ] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=_is_none)] = None

    @classmethod
    def of(cls, synced: Synced) -> "SyncedOut":
        return cls.model_construct(
            index=synced.index,
            local_id=synced.local_id,
            item_id=synced.item_id,
            status=synced.status,
            on_hand=synced.on_hand,
            version=synced.version,
            position=synced.position,
            synced_at=synced.synced_at,
            count=StockTakeOut.of(synced.count),
            covered_at=synced.covered_at,
        )


class FailedOut(Wire):
    """An element that is not recorded, and why."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    code: str
    message: str
    retryable: bool
    details: dict[str, Any]

    @classmethod
    def of(cls, failed: Failed) -> "FailedOut":
        return cls.model_construct(
            index=failed.index,
            local_id=failed.local_id,
            item_id=failed.item_id,
            code=failed.rejection.code,
            message=failed.rejection.message,
            retryable=failed.rejection.retryable,
            details=wire_details(failed.rejection.details),
        )


class ChangesProblem(Wire):
    """Why changes can't be told, in the words of the problem that GET /sync/changes answers."""

    code: str
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, rejection: Rejection) -> "ChangesProblem":
        return cls(
            code=rejection.code,
            message=rejection.message,
            details=wire_details(rejection.details),
        )


class SyncResponse(Wire):
    """What became of a batch."""

    synced: list[SyncedOut]
    failed: list[FailedOut]
    position: Annotated[int, Field(description="The ledger's last position, this batch included.")]
    server_time: Annotated[
        Timestamp, Field(description="For a device to find out by how much its clock is off.")
    ]

    changes: Annotated[
        ChangesOut | None,
        Field(exclude_if=_is_none, description="What changed since `after`, where it was sent."),
    ] = None
    changes_problem: Annotated[
        ChangesProblem | None,
        Field(exclude_if=_is_none, description="Why `changes` can't be told. The batch stands."),
    ] = None

    @classmethod
    def of(cls, result: SyncResult) -> "SyncResponse":
        return cls.model_construct(
            synced=[SyncedOut.of(synced) for synced in result.synced],
            failed=[FailedOut.of(failed) for failed in result.failed],
            position=result.position,
            server_time=result.server_time,
        )


class StatusRequest(Wire):
    """Which transactions are asked after."""

    model_config = example(localIds=["6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01"])

    local_ids: Annotated[list[UUID], Field(max_length=MAX_STATUSES)]


class FateOut(Wire):
    """What became of a transaction. The fields are those of `synced` and `failed` in the answer to
    a batch; those that have nothing to say are left out."""

    local_id: UUID
    status: Literal["recorded", "rejected", "unknown"]
    item_id: Annotated[UUID | None, Field(exclude_if=_is_none)] = None
    on_hand: Annotated[int | None, Field(exclude_if=_is_none)] = None
    version: Annotated[int | None, Field(exclude_if=_is_none)] = None
    position: Annotated[int | None, Field(exclude_if=_is_none)] = None
    synced_at: Annotated[Timestamp | None, Field(exclude_if=_is_none)] = None
    count: Annotated[StockTakeOut | None, Field(exclude_if=_is_none)] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=_is_none)] = None
    code: Annotated[str | None, Field(exclude_if=_is_none)] = None
    message: Annotated[str | None, Field(exclude_if=_is_none)] = None
    details: Annotated[dict[str, Any] | None, Field(exclude_if=_is_none)] = None
    rejected_at: Annotated[
        Timestamp | None, Field(exclude_if=_is_none, description="The last time.")
    ] = None
    dismissed: Annotated[
        bool | None,
        Field(exclude_if=_is_none, description="Whether somebody decided to leave it at that."),
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
