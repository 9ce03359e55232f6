"""What goes over the wire about batches."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import Field

from application.batch import Failed
from application.changes import ChangePage
from application.judge import Status
from application.sync import StockTake, Synced, SyncResult
from application.transaction_parser import TransactionElement
from domain.rejections import Rejection
from interface.api.change_schemas import ChangesOut, page_json
from interface.api.paging import MAX_LIMIT
from interface.api.problems import wire_details
from interface.api.schemas import CoveredAt, Timestamp, Wire, example, is_none, wire_time

EXAMPLE_ITEM_ID = "a3c0b4a6-27f4-5d0b-8bf0-0f1d5b5f1d11"


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
        StockTakeOut | None, Field(exclude_if=is_none, description="Of a COUNT alone.")
    ] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=is_none)] = None


class FailedOut(Wire):
    """An element that is not recorded, and why."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    code: str
    message: str
    retryable: bool
    details: dict[str, Any]


class ChangesProblem(Wire):
    """Why changes can't be told, in the words of the problem that GET /sync/changes answers."""

    code: str
    message: str
    details: dict[str, Any]


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
        Field(exclude_if=is_none, description="What changed since `after`, where it was sent."),
    ] = None
    changes_problem: Annotated[
        ChangesProblem | None,
        Field(exclude_if=is_none, description="Why `changes` can't be told. The batch stands."),
    ] = None


# The answers themselves are written without these models, at a twentieth of the cost: batches have
# thousands of rows. A test holds that both say the same.


def sync_answer(result: SyncResult, changes: ChangePage | Rejection | None = None) -> Response:
    """What became of a batch, as `SyncResponse`."""
    answer: dict[str, Any] = {
        "synced": [_synced(synced) for synced in result.synced],
        "failed": [_failed(failed) for failed in result.failed],
        "position": result.position,
        "serverTime": wire_time(result.server_time),
    }
    match changes:
        case Rejection():
            answer["changesProblem"] = _reason(changes)
        case ChangePage():
            answer["changes"] = msgspec.Raw(page_json(changes).encode())
    return _answer(answer)


def synced_answer(synced: Synced) -> Response:
    """One recorded transaction, as `SyncedOut`: 201, or 200 for a duplicate."""
    status = HTTPStatus.CREATED if synced.status == "recorded" else HTTPStatus.OK
    return _answer(_synced(synced), status)


def _answer(content: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _synced(synced: Synced) -> dict[str, Any]:
    told = {
        "index": synced.index,
        "localId": synced.local_id,
        "itemId": synced.item_id,
        "status": synced.status,
        "onHand": synced.on_hand,
        "version": synced.version,
        "position": synced.position,
        "syncedAt": wire_time(synced.synced_at),
    }
    if synced.count is not None:
        told["count"] = synced.count._asdict()
    if synced.covered_at is not None:
        told["coveredAt"] = wire_time(synced.covered_at)
    return told


def _failed(failed: Failed) -> dict[str, Any]:
    return {
        "index": failed.index,
        "localId": failed.local_id,
        "itemId": failed.item_id,
        "retryable": failed.rejection.retryable,
        **_reason(failed.rejection),
    }


def _reason(rejection: Rejection) -> dict[str, Any]:
    return {
        "code": rejection.code,
        "message": rejection.message,
        "details": wire_details(rejection.details),
    }
