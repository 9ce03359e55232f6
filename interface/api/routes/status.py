"""/sync/status: the status of transactions."""

from http import HTTPStatus

from interface.api.dependencies import CanRead, Status
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.status import StatusRequest, StatusResponse, TransactionStatus

router = strict_router(tags=["sync"])


@router.post(
    "/sync/status",
    summary="List transaction statuses",
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def list_transaction_statuses(
    request: StatusRequest, caller: CanRead, status: Status
) -> StatusResponse:
    """Lists the status of transactions: recorded, rejected or unknown.

    For a device that lost the answer to a batch. Sending the batch again gives the same
    information, and records the unknown transactions.
    """
    statuses = status.statuses(request.local_ids, caller)
    pairs = zip(request.local_ids, statuses, strict=True)
    return StatusResponse(
        statuses=[TransactionStatus.of(local_id, found) for local_id, found in pairs]
    )
