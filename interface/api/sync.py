"""POST /sync/transactions: the backlog of a device."""

from http import HTTPStatus

from fastapi import APIRouter

from interface.api.body import Batch
from interface.api.dependencies import Caller, Sync
from interface.api.openapi import json_body
from interface.api.problems import documented
from interface.api.schemas import SyncRequest, SyncResponse

router = APIRouter(tags=["sync"])


@router.post(
    "/sync/transactions",
    summary="Record a batch",
    responses=documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra=json_body(SyncRequest),
)
def sync_transactions(batch: Batch, sync: Sync, caller: Caller) -> SyncResponse:
    """Records each transaction exactly once, in the order of the list.

    A transaction that can't be recorded is listed under `failed` with its reason and does not keep
    the others from being recorded. The same batch may be sent again at any time: what is recorded
    already is answered as a `duplicate`.
    """
    return SyncResponse.of(sync.sync(batch, caller))
