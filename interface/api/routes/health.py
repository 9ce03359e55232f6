"""Whether the process lives, and whether it can do its work."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from application.clock import ClockStepped
from application.maintenance.upgrade import BackgroundUpgrade
from application.persistence.errors import SchemaChanged, StoreUnavailable
from interface.api.route_classes import strict_router
from interface.api.schemas.health import Health
from interface.composition import Services

router = strict_router(prefix="/health", tags=["health"])

DATABASE_TIMEOUT_SECONDS: Final = 10.0
"""In which the database must have answered."""


class Readiness:
    """Looks once at a time, for all who ask: nobody needs a key to ask."""

    def __init__(self) -> None:
        self._look: asyncio.Task[dict[str, str]] | None = None

    async def problems(self, services: Services) -> Mapping[str, str]:
        """Which dependencies fail, and how."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(run_in_threadpool(_problems, services))
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                return await asyncio.shield(self._look)
        except TimeoutError:
            return {"database": f"no answer within {DATABASE_TIMEOUT_SECONDS:.0f} s"}


def _problems(services: Services) -> dict[str, str]:
    try:
        services.clock()
        services.probe.require_readable()
        services.probe.require_writable()
    except ClockStepped as error:
        return {"clock": str(error)}
    except SchemaChanged as error:
        return {"database": str(error)}
    except StoreUnavailable:
        return {"database": "down"}
    return {}


@router.get("/live", summary="The process answers")
async def get_liveness() -> Health:
    """Restart the process when this fails."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="The process can do its work",
    responses={503: {"model": Health, "description": "A dependency is down"}},
)
async def get_readiness(request: Request, response: Response) -> Health:
    """Send requests elsewhere while this fails; the answer says what the server waits for. It looks
    whether the database can be read and, every few seconds, by a write of its own, written."""
    upgrade: BackgroundUpgrade = request.app.state.upgrade
    if upgrade.waits_for is not None:
        problems: Mapping[str, str] = {"upgrade": upgrade.waits_for}
    else:
        readiness: Readiness = request.app.state.readiness
        problems = await readiness.problems(request.app.state.services)
    if problems:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Health(status="unavailable", dependencies={"database": "ok", **problems})
    return Health(status="ok", dependencies={"database": "ok"})
