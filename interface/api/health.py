"""Whether the process lives, and whether it can do its work."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from application.clock import ClockStepped
from application.persistence.filters import ItemFilter
from application.persistence.port import SchemaChanged, StoreUnavailable
from application.upgrade import BackgroundUpgrade
from interface.api.schemas import Health
from interface.composition import Services

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
def ready(request: Request, response: Response) -> Health:
    """Send requests elsewhere while this fails; the answer says what the server waits for."""
    services: Services = request.app.state.services
    reader = services.reader
    upgrade: BackgroundUpgrade = request.app.state.upgrade
    if upgrade.waits_for is not None:
        return _unavailable(response, {"database": "ok", "upgrade": upgrade.waits_for})
    try:
        services.clock()
        reader.head()
        reader.select_items(ItemFilter(), after=None, limit=1)
        services.probe.require_writable()
    except ClockStepped as error:
        return _unavailable(response, {"database": "ok", "clock": str(error)})
    except SchemaChanged as error:
        return _unavailable(response, {"database": str(error)})
    except StoreUnavailable:
        return _unavailable(response, {"database": "down"})
    return Health(status="ok", dependencies={"database": "ok"})


def _unavailable(response: Response, dependencies: dict[str, str]) -> Health:
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="unavailable", dependencies=dependencies)
