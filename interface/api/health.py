"""Whether the process lives, and whether it can do its work."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from application.persistence.filters import ItemFilter
from application.persistence.port import StoreUnavailable
from interface.api.dependencies import Reader
from interface.api.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="The process answers")
async def live() -> Health:
    """Restart the process when this fails."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="The process can do its work",
    responses={503: {"model": Health, "description": "A dependency is down"}},
)
def ready(reader: Reader, response: Response) -> Health:
    """Send requests elsewhere while this fails; the answer says which dependency is down."""
    try:
        reader.head()
        reader.select_items(ItemFilter(), after=None, limit=1)
    except StoreUnavailable:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Health(status="unavailable", dependencies={"database": "down"})
    return Health(status="ok", dependencies={"database": "ok"})
