"""/sync: the backlog of a device, and what became of it."""

from http import HTTPStatus

from fastapi import APIRouter, Request

from application.access.principal import Principal
from application.changes import ChangeFeed
from domain.rejections import Rejection
from interface.api.body import Batch, SentBatch
from interface.api.change_schemas import ChangesOut, parse_page_wanted
from interface.api.dependencies import Audit, CanRead, CanSync, Feed, From, Status, Sync
from interface.api.openapi import json_body
from interface.api.problems import documented
from interface.api.refusals import record_forbidden
from interface.api.status_schemas import FateOut, StatusRequest, StatusResponse
from interface.api.sync_schemas import ChangesProblem, SyncRequest, SyncResponse

router = APIRouter(tags=["sync"])


@router.post(
    "/sync/transactions",
    summary="Record a batch",
    responses=documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra=json_body(SyncRequest),
)
def sync_transactions(
    request: Request,
    caller: CanSync,
    batch: SentBatch,
    sync: Sync,
    feed: Feed,
    audit: Audit,
    origin: From,
) -> SyncResponse:
    """Records each transaction exactly once, in the order of the list.

    A transaction that can't be recorded is listed under `failed` with its reason and does not keep
    the others from being recorded. The same batch may be sent again at any time: what is recorded
    already is answered as a `duplicate`. With `after` the answer also tells what changed since, as
    GET /sync/changes does.
    """
    result = sync.sync(batch.transactions, caller)
    request.state.outcome = f"{len(result.synced)} synced, {len(result.failed)} failed"
    record_forbidden(audit, origin, result)
    response = SyncResponse.of(result)
    if batch.after is not None:
        _add_changes(response, feed, caller, batch)
    return response


def _add_changes(response: SyncResponse, feed: ChangeFeed, caller: Principal, batch: Batch) -> None:
    """The batch is recorded by now, so what is wrong here is told beside it."""
    try:
        wanted = parse_page_wanted(batch.after, batch.limit)
        page = feed.page(feed.known(wanted.after), caller.visible(None), wanted.limit)
        response.changes = ChangesOut.of(page)
    except Rejection as rejection:
        response.changes_problem = ChangesProblem.of(rejection)


@router.post(
    "/sync/status",
    summary="What became of transactions",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def transaction_statuses(request: StatusRequest, caller: CanRead, status: Status) -> StatusResponse:
    """For a device whose answer got lost: of each, whether it is recorded, was rejected, or has
    never been seen. Sending the batch again does the same, and records what was never seen."""
    fates = status.fates(request.local_ids, caller)
    pairs = zip(request.local_ids, fates, strict=True)
    return StatusResponse(statuses=[FateOut.of(local_id, fate) for local_id, fate in pairs])
