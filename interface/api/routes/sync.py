"""/sync/transactions: batches of transactions from devices."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from application.access.audit import refusals
from application.access.principal import Principal
from application.access.roles import Permission
from application.following.changes import ChangePage, ChangesUnavailable
from application.following.follower import Follower, Subscription
from application.persistence.errors import ReadCancelled
from application.recording.known_duplicates import LARGE_BATCH
from domain.errors import Rejection
from interface.api.dependencies import needs, origin_of
from interface.api.problems import RequestProblem, documented
from interface.api.read_slots import read_in_slot
from interface.api.request_json import SentBatch, read_batch
from interface.api.route_classes import DirectRoute
from interface.api.schemas.base import json_body
from interface.api.schemas.changes import parse_page_wanted
from interface.api.schemas.sync import SyncRequest, SyncResponse, sync_answer
from interface.composition import Services

router = APIRouter(tags=["sync"], route_class=DirectRoute)


@router.post(
    "/sync/transactions",
    summary="Record a batch of transactions",
    operation_id="recordTransactions",
    dependencies=[needs(Permission.SYNC)],
    response_model=SyncResponse,
    responses=documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra=json_body(SyncRequest),
)
async def record_transactions(request: Request) -> Response:
    """Records each transaction exactly once, in the order of the list.

    A transaction that cannot be recorded is listed under `failed`, with its reason. The others are
    still recorded. The same batch may be sent again at any time: a transaction that is already
    recorded is answered as a `duplicate`. With `after`, the answer also has the changes since then,
    as in GET /sync/changes.
    """
    services: Services = request.app.state.services
    caller: Principal = request.state.principal
    sent = await read_batch(request)
    result = await services.sync.record(sent.batch, caller)
    request.state.outcome = f"{len(result.synced)} synced, {len(result.failed)} failed"
    if refused := refusals(result.rejections):
        await run_in_threadpool(services.audit.record_refusals, origin_of(request), refused)
    changes = None if sent.after is None else await _changes(request, caller, sent)
    if len(result.synced) < LARGE_BATCH:
        return sync_answer(result, changes, sent.warnings)
    return await run_in_threadpool(sync_answer, result, changes, sent.warnings)


async def _changes(request: Request, caller: Principal, sent: SentBatch) -> ChangePage | Rejection:
    """Reads the changes for the answer. Refusals must not replace it: the batch is recorded."""
    follower: Follower = request.app.state.services.follower
    try:
        return await read_in_slot(request, _page, follower.subscribe(caller), sent)
    except (RequestProblem, ReadCancelled):
        return ChangesUnavailable()


def _page(subscription: Subscription, sent: SentBatch) -> ChangePage | Rejection:
    try:
        wanted = parse_page_wanted(sent.after, sent.limit)
        return subscription.page(subscription.known(wanted.after), wanted.limit)
    except Rejection as rejection:
        return rejection
