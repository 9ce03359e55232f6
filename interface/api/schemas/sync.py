"""Schemas of batches and of their answers."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import Field

from application.following.changes import ChangePage
from application.parsing.batch import FailedElement
from application.parsing.fields import FieldWarning
from application.parsing.items import ItemElement
from application.parsing.transactions import Instant, Number, TransactionElement
from application.recording.judge import Status
from application.recording.registration import RegistrationResult
from application.recording.sync_result import StockTake, Synced, SyncResult
from domain.errors import Rejection
from interface.api.codes import RejectionCode, WarningCode
from interface.api.problems import wire_details
from interface.api.schemas.base import CoveredAt, Timestamp, Wire, example, is_none, wire_time
from interface.api.schemas.changes import ChangeList, page_json
from interface.api.schemas.paging import MAX_ROWS_PER_PAGE

EXAMPLE_ITEM_ID = "25611397-d162-5417-9427-6c759c4ceb9c"

ROWS_PER_PART: Final = 500
"""Rows of an answer that one call encodes. Other threads wait meanwhile."""

_DELIVERY = "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01"
_SALE = "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02"


class SyncRequest(Wire):
    """A batch of transactions."""

    model_config = example(
        transactions=[
            {
                "localId": _DELIVERY,
                "type": "INBOUND",
                "itemId": EXAMPLE_ITEM_ID,
                "quantity": 24,
                "occurredAt": "2026-01-08T09:14:03+09:00",
                "note": "PO 1182",
                "reference": "po:1182",
                "device": "scanner-7",
            },
            {"localId": _SALE, "type": "OUTBOUND", "itemId": EXAMPLE_ITEM_ID, "quantity": 99},
        ],
        sentAt="2026-01-08T09:20:11+09:00",
    )

    transactions: Annotated[list[TransactionElement], Field(description="Recorded in this order.")]
    items: Annotated[
        list[ItemElement] | None,
        Field(
            description="Items to register, and codes to assign, before the transactions. Each is "
            "answered separately. What a `device` or a `clerk` registers is provisional."
        ),
    ] = None
    sent_at: Annotated[
        Instant | None,
        Field(
            description="The device's clock at this attempt. The server uses it to correct the "
            "device's times, but not the times of elements that name another `device`."
        ),
    ] = None
    after: Annotated[
        str | None,
        Field(description="Bookmark: `nextAfter` of the last answer. Adds the changes since then."),
    ] = None
    limit: Annotated[
        int | None,
        Field(ge=1, le=MAX_ROWS_PER_PAGE, description="Maximum number of changes. Default: 100."),
    ] = None


class FieldWarningRecord(Wire):
    """A warning about an ignored field. The element was decided without this field."""

    code: WarningCode
    field: str
    message: str


Warnings = Annotated[
    list[FieldWarningRecord] | None,
    Field(exclude_if=is_none, description="Ignored fields, if there are any."),
]


class StockTakeResult(Wire):
    """The result of a COUNT: the counted quantity and the expected quantity at its moment."""

    expected: Number
    counted: Number
    delta: Number

    @classmethod
    def of(cls, count: StockTake | None) -> "StockTakeResult | None":
        return count and cls.model_construct(**count._asdict())


class SyncedTransaction(Wire):
    """A recorded element. A `duplicate` was recorded before; it gets the first answer again."""

    index: Annotated[int, Field(description="Index in the batch's list, from 0.")]
    local_id: UUID
    item_id: UUID
    status: Status
    on_hand: Annotated[Number, Field(description="Quantity on hand after the transaction.")]
    version: Annotated[
        int, Field(description="The number of the item's events, including this one.")
    ]
    position: Annotated[int, Field(description="The place in the ledger's total order.")]
    synced_at: Timestamp
    count: Annotated[
        StockTakeResult | None, Field(exclude_if=is_none, description="Only for a COUNT.")
    ] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=is_none)] = None
    warnings: Warnings = None


class FailedTransaction(Wire):
    """A failed element: not recorded, with the reason."""

    index: Annotated[int, Field(description="Index in the batch's list, from 0.")]
    local_id: Annotated[UUID | None, Field(description="Null if it is unreadable.")]
    item_id: UUID | None
    code: RejectionCode
    message: Annotated[str, Field(description="An explanation for people.")]
    retryable: Annotated[bool, Field(description="The same element may succeed later.")]
    details: dict[str, Any]
    warnings: Warnings = None


class RegisteredItem(Wire):
    """The result for an item of the batch.

    `differs`: the item exists with other details. These stay, and its transactions are still
    decided.
    """

    index: Annotated[int, Field(description="Index in the batch's list `items`, from 0.")]
    status: Literal["registered", "known", "differs", "failed"]
    item_id: UUID | None
    location: Annotated[str | None, Field(description="In its stored form.")]
    sku: Annotated[str | None, Field(description="In its stored form.")]
    code: Annotated[RejectionCode | None, Field(exclude_if=is_none)] = None
    message: Annotated[str | None, Field(exclude_if=is_none)] = None
    retryable: Annotated[bool | None, Field(exclude_if=is_none)] = None
    details: Annotated[dict[str, Any] | None, Field(exclude_if=is_none)] = None
    warnings: Warnings = None


class ChangesProblem(Wire):
    """The reason for missing changes, as in the problem of GET /sync/changes."""

    code: RejectionCode
    message: str
    details: dict[str, Any]


class SyncResponse(Wire):
    """The answer to a batch."""

    model_config = example(
        synced=[
            {
                "index": 0,
                "localId": _DELIVERY,
                "itemId": EXAMPLE_ITEM_ID,
                "status": "recorded",
                "onHand": 24,
                "version": 2,
                "position": 2,
                "syncedAt": "2026-01-08T00:20:11.482Z",
            }
        ],
        failed=[
            {
                "index": 1,
                "localId": _SALE,
                "itemId": EXAMPLE_ITEM_ID,
                "code": "INSUFFICIENT_STOCK",
                "message": "99 requested, 24 on hand",
                "retryable": False,
                "details": {"onHand": 24, "requested": 99},
            }
        ],
        position=2,
        serverTime="2026-01-08T00:20:11.482Z",
    )

    synced: list[SyncedTransaction]
    failed: list[FailedTransaction]
    items: Annotated[
        list[RegisteredItem] | None,
        Field(exclude_if=is_none, description="The results for the batch's `items`."),
    ] = None
    position: Annotated[int, Field(description="The ledger's last position, including this batch.")]
    server_time: Annotated[
        Timestamp, Field(description="For a device to measure the error of its clock.")
    ]
    warnings: Warnings = None
    changes: Annotated[
        ChangeList | None,
        Field(exclude_if=is_none, description="The changes since `after`, if it was sent."),
    ] = None
    changes_problem: Annotated[
        ChangesProblem | None,
        Field(exclude_if=is_none, description="Why `changes` are missing. The batch is recorded."),
    ] = None


# Answers are serialised without these models, at a twentieth of the cost, because batches have
# thousands of rows. A test compares both.


def sync_answer(
    result: SyncResult,
    changes: ChangePage | Rejection | None = None,
    warnings: Sequence[FieldWarning] = (),
) -> Response:
    """Returns a `SyncResponse`. `warnings` are about the batch itself, not about its elements."""
    answer: dict[str, Any] = {
        "synced": _all_synced(result),
        "failed": [_failed(failed, result.warnings) for failed in result.failed],
    }
    if result.items:
        answer["items"] = [_registered(item) for item in result.items]
    answer |= {"position": result.position, "serverTime": wire_time(result.server_time)}
    answer |= _warnings(warnings)
    match changes:
        case Rejection():
            answer["changesProblem"] = _reason(changes)
        case ChangePage():
            answer["changes"] = msgspec.Raw(page_json(changes).encode())
    return _answer(answer)


def _all_synced(result: SyncResult) -> msgspec.Raw:
    parts = []
    for start in range(0, len(result.synced), ROWS_PER_PART):
        rows = result.synced[start : start + ROWS_PER_PART]
        part = msgspec.json.encode([_synced(one, result.warnings) for one in rows])
        parts.append(part.removeprefix(b"[").removesuffix(b"]"))
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def synced_answer(result: SyncResult) -> Response:
    """Returns the one recorded transaction, as `SyncedTransaction`: 201, or 200 for a duplicate."""
    synced = result.synced[0]
    status = HTTPStatus.CREATED if synced.status == "recorded" else HTTPStatus.OK
    answer = _answer(_synced(synced, result.warnings), status)
    answer.headers["Location"] = f"/items/{synced.item_id}?version={synced.version}"
    return answer


def _answer(content: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _synced(synced: Synced, warnings: Mapping[int, Sequence[FieldWarning]]) -> dict[str, Any]:
    row = {
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
        row["count"] = synced.count._asdict()
    if synced.covered_at is not None:
        row["coveredAt"] = wire_time(synced.covered_at)
    if warnings:
        row |= _warnings(warnings.get(synced.index, ()))
    return row


def _failed(
    failed: FailedElement, warnings: Mapping[int, Sequence[FieldWarning]]
) -> dict[str, Any]:
    return {
        "index": failed.index,
        "localId": failed.local_id,
        "itemId": failed.item_id,
        "retryable": failed.rejection.retryable,
        **_reason(failed.rejection),
        **_warnings(warnings.get(failed.index, ())),
    }


def _registered(result: RegistrationResult) -> dict[str, Any]:
    item, rejection = result.item, result.rejection
    row: dict[str, Any] = {
        "index": result.place,
        "status": result.status,
        "itemId": item and item.id,
        "location": item and item.location,
        "sku": item and item.sku,
    }
    if rejection is not None:
        row |= {"retryable": rejection.retryable, **_reason(rejection)}
    return row | _warnings(result.warnings)


def _reason(rejection: Rejection) -> dict[str, Any]:
    return {
        "code": rejection.code,
        "message": rejection.message,
        "details": wire_details(rejection.details),
    }


def _warnings(warnings: Sequence[FieldWarning]) -> dict[str, Any]:
    return {"warnings": [one._asdict() for one in warnings]} if warnings else {}
