"""/sync/status: what became of transactions."""

from http import HTTPStatus

from interface.api.dependencies import CanRead, Status
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.status import StatusRequest, StatusResponse, TransactionStatus

router = strict_router(tags=["sync"])


@router.post(
    "/sync/status",
    summary="What became of transactions",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def list_transaction_statuses(
    request: StatusRequest, caller: CanRead, status: Status
) -> StatusResponse:
    """For a device whose answer got lost: of each, whether it is recorded, was rejected, or has
    never been seen. Sending the batch again does the same, and records what was never seen."""
    statuses = status.statuses(request.local_ids, caller)
    pairs = zip(request.local_ids, statuses, strict=True)
    return StatusResponse(
        statuses=[TransactionStatus.of(local_id, fate) for local_id, fate in pairs]
    )
