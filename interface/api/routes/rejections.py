"""/sync/rejections: rejected transactions, for review by a person."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from application.access.audit import refusals
from application.access.principal import Principal
from application.files.exports import ListName
from application.persistence.filters import RejectedFilter
from application.reads import ReadService
from application.tables.rejected import RejectedTransaction as Row
from application.tables.rejected import RejectionStatus
from interface.api.dependencies import (
    Audit,
    CanRead,
    CanReview,
    Exports,
    From,
    Reads,
    Review,
    UnslottedReads,
)
from interface.api.exporting import EXPORTED, AcceptedFormat, exported
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.paging import Timeline, WantedLabel, WantedText
from interface.api.schemas.rejections import (
    BulkDismissal,
    BulkRetry,
    Dismissal,
    RejectedTransaction,
    RejectedTransactionPage,
    Retry,
    ReviewedTransactions,
    before_rejection,
    rejection_cursor,
)
from interface.api.schemas.sync import SyncResponse, sync_answer

router = strict_router(prefix="/sync/rejections", tags=["sync"])

_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY
_CLOSING_PROBLEMS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID)


class RejectionQuery(Timeline):
    """The filter of rejected transactions."""

    location: WantedLabel = None
    status: Annotated[
        RejectionStatus | None, Query(description="`open`: waiting for a person.")
    ] = None
    code: WantedText = None
    item_id: Annotated[UUID | None, Query(alias="itemId")] = None
    actor: WantedText = None
    device: WantedText = None


@router.get(
    "",
    summary="List rejected transactions",
    response_model=RejectedTransactionPage,
    responses={**EXPORTED, **documented(_INVALID)},
)
def list_rejections(
    request: Request,
    caller: CanRead,
    reads: Reads,
    exports: Exports,
    query: Annotated[RejectionQuery, Query()],
    format: AcceptedFormat,
) -> RejectedTransactionPage | Response:
    """Lists rejected transactions at the caller's locations, the newest first.

    Each stays open until it is recorded under its `localId` or dismissed. It is kept for some time
    after that.
    """
    wanted = RejectedFilter(
        status=query.status,
        code=query.code,
        item_id=query.item_id,
        actor=query.actor,
        device=query.device,
        rejected_from=query.recorded_from,
        rejected_to=query.recorded_to,
    )
    if format is not None:
        export = exports.rejections(wanted, caller, query.location)
        return exported(request, ListName.REJECTIONS, export, format, query.cursor)
    before = before_rejection(query.cursor)
    rows = reads.rejected(wanted, caller, location=query.location, before=before, limit=query.limit)
    return RejectedTransactionPage(
        items=_described(rows, reads, caller),
        next_cursor=rejection_cursor(rows[-1]) if len(rows) == query.limit else None,
    )


@router.post(
    "/dismiss", summary="Dismiss rejected transactions in bulk", responses=_CLOSING_PROBLEMS
)
def dismiss_rejections(
    dismissal: BulkDismissal, caller: CanReview, review: Review, origin: From
) -> ReviewedTransactions:
    """Closes all open rejected transactions that match the filter, or these, with one reason.

    Only those at the caller's locations, and at most 1,000 per call. Repeat it with the
    `nextCursor`.
    """
    found = review.dismiss_all(
        dismissal.wanted, dismissal.location, dismissal.reason, caller, origin, dismissal.before
    )
    return ReviewedTransactions.of(found)


@router.post("/retry", summary="Retry rejected transactions in bulk", responses=_CLOSING_PROBLEMS)
def retry_rejections(
    request: Request, retry: BulkRetry, caller: CanReview, review: Review
) -> ReviewedTransactions:
    """Sends all open rejected transactions that match the filter, or these, again.

    Each is decided on its own, or with its group. Only those at the caller's locations, and at most
    1,000 per call. Repeat it with the `nextCursor`.
    """
    override = None if retry.override is None else retry.override.reason
    found = review.retry_all(retry.wanted, retry.location, caller, override, retry.before)
    failed = sum(one.status == "failed" for one in found.rows)
    request.state.outcome = f"{len(found.rows) - failed} synced, {failed} failed"
    return ReviewedTransactions.of(found)


@router.post(
    "/{local_id}/dismiss", summary="Dismiss a rejected transaction", responses=_CLOSING_PROBLEMS
)
def dismiss_rejection(
    local_id: UUID,
    dismissal: Dismissal,
    caller: CanReview,
    review: Review,
    origin: From,
    reads: UnslottedReads,
) -> RejectedTransaction:
    """Closes a rejected transaction, with a reason. Idempotent.

    If it has no readable `localId`, use its `rejectionId` in the path.
    """
    closed = review.dismiss(local_id, dismissal.reason, caller, origin)
    (described,) = _described([closed], reads, caller)
    return described


@router.post(
    "/{local_id}/retry",
    summary="Retry a rejected transaction",
    response_model=SyncResponse,
    responses=_CLOSING_PROBLEMS,
)
def retry_rejection(
    request: Request,
    local_id: UUID,
    caller: CanReview,
    review: Review,
    audit: Audit,
    origin: From,
    retry: Retry | None = None,
) -> Response:
    """Sends the original transaction again, with all of its group. It keeps the place of its first
    arrival.

    An adjustment, if there is one, is recorded first. All of it is atomic: everything is recorded,
    or nothing. Once recorded, the transaction is `resolved`.
    """
    result = review.retry(local_id, caller, (retry or Retry()).options)
    request.state.outcome = f"{len(result.synced)} synced, {len(result.failed)} failed"
    if refused := refusals(result.rejections):
        audit.record_refusals(origin, refused)
    return sync_answer(result)


def _described(
    rows: Sequence[Row], reads: ReadService, caller: Principal
) -> list[RejectedTransaction]:
    """Converts rows, with the names of their items."""
    levels = reads.levels_of([row.item_id for row in rows if row.item_id], caller)
    return [
        RejectedTransaction.of(row, levels.get(row.item_id) if row.item_id else None)
        for row in rows
    ]
