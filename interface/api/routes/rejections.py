"""/sync/rejections: rejected transactions, for review by a person."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from application.access.audit import refusals
from application.persistence.filters import RejectedFilter
from application.tables.rejected import RejectionStatus
from interface.api.dependencies import Audit, CanRead, CanReview, From, Reads, Review
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.paging import (
    Milliseconds,
    Timeline,
    WantedLabel,
    WantedText,
    cursor_for,
    from_milliseconds,
    parse_cursor,
    to_milliseconds,
)
from interface.api.schemas.rejections import (
    BulkDismissal,
    Dismissal,
    Dismissed,
    RejectedTransaction,
    RejectedTransactionPage,
    Retry,
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


@router.get("", summary="List rejected transactions", responses=documented(_INVALID))
def list_rejections(
    caller: CanRead, reads: Reads, query: Annotated[RejectionQuery, Query()]
) -> RejectedTransactionPage:
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
    cursor = parse_cursor(query.cursor, tuple[Milliseconds, UUID])
    before = cursor and (from_milliseconds(cursor[0]), cursor[1])
    rows = reads.rejected(wanted, caller, location=query.location, before=before, limit=query.limit)
    return RejectedTransactionPage(
        items=[RejectedTransaction.of(row) for row in rows],
        next_cursor=cursor_for(
            rows,
            query.limit,
            lambda row: (to_milliseconds(row.first_rejected_at), row.rejection_id),
        ),
    )


@router.post(
    "/dismiss", summary="Dismiss rejected transactions in bulk", responses=_CLOSING_PROBLEMS
)
def dismiss_rejections(
    dismissal: BulkDismissal, caller: CanReview, review: Review, origin: From
) -> Dismissed:
    """Closes all open rejected transactions that match the filter, with one reason.

    Only those at the caller's locations, and at most 1,000 per call. Repeat it while `hasMore` is
    true.
    """
    chosen = dismissal.filter
    wanted = RejectedFilter(
        code=chosen.code,
        item_id=chosen.item_id,
        actor=chosen.actor,
        device=chosen.device,
        rejected_from=chosen.recorded_from,
        rejected_to=chosen.recorded_to,
    )
    number, has_more = review.dismiss_matching(
        wanted, chosen.location, dismissal.reason, caller, origin
    )
    return Dismissed(dismissed=number, has_more=has_more)


@router.post(
    "/{local_id}/dismiss", summary="Dismiss a rejected transaction", responses=_CLOSING_PROBLEMS
)
def dismiss_rejection(
    local_id: UUID, dismissal: Dismissal, caller: CanReview, review: Review, origin: From
) -> RejectedTransaction:
    """Closes a rejected transaction, with a reason. Idempotent.

    If it has no readable `localId`, use its `rejectionId` in the path.
    """
    return RejectedTransaction.of(review.dismiss(local_id, dismissal.reason, caller, origin))


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
    """Sends the original transaction again.

    An adjustment, if there is one, is recorded first. The two are atomic: both are recorded, or
    neither. Once recorded, the transaction is `resolved`.
    """
    options = retry or Retry()
    result = review.retry(local_id, caller, options.correction, options.local_id)
    request.state.outcome = f"{len(result.synced)} synced, {len(result.failed)} failed"
    if refused := refusals(result.rejections):
        audit.record_refusals(origin, refused)
    return sync_answer(result)
