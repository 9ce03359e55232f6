"""/sync: the backlog of a device, and what became of it."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from application.access.principal import Principal
from application.changes import ChangeFeed, ChangePage
from domain.rejections import Rejection
from interface.api.body import BatchBody, SentBatch
from interface.api.change_schemas import parse_page_wanted
from interface.api.dependencies import Audit, CanRead, CanSync, Feed, From, Status, Sync
from interface.api.openapi import json_body
from interface.api.problems import documented
from interface.api.refusals import forbidden_in, record_forbidden
from interface.api.status_schemas import FateOut, StatusRequest, StatusResponse
from interface.api.sync_schemas import SyncRequest, SyncResponse, sync_answer

router = APIRouter(tags=["sync"])


@router.post(
    "/sync/transactions",
    summary="Record a batch",
    response_model=SyncResponse,
    responses=documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra=json_body(SyncRequest),
)
async def sync_transactions(
    request: Request,
    caller: CanSync,
    sent: BatchBody,
    sync: Sync,
    feed: Feed,
    audit: Audit,
    origin: From,
) -> Response:
    """Records each transaction exactly once, in the order of the list.

    A transaction that can't be recorded is listed under `failed` with its reason and does not keep
    the others from being recorded. The same batch may be sent again at any time: what is recorded
    already is answered as a `duplicate`. With `after` the answer also tells what changed since, as
    GET /sync/changes does.
    """
    result = await asyncio.wrap_future(sync.submit(sent.batch, caller))
    request.state.outcome = f"{len(result.synced)} synced, {len(result.failed)} failed"
    if forbidden_in(result):
        await run_in_threadpool(record_forbidden, audit, origin, result)
    if sent.after is None:
        return sync_answer(result)
    return sync_answer(result, await run_in_threadpool(_changes, feed, caller, sent))


def _changes(feed: ChangeFeed, caller: Principal, sent: SentBatch) -> ChangePage | Rejection:
    """The batch is recorded by now, so what is wrong here is told beside it."""
    try:
        wanted = parse_page_wanted(sent.after, sent.limit)
        return feed.page(feed.known(wanted.after), caller.visible(None), wanted.limit)
    except Rejection as rejection:
        return rejection


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
