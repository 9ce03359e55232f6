"""/health: liveness and readiness of the process."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from application.maintenance.upgrade import BackgroundUpgrade
from application.persistence.errors import SchemaChanged, StoreUnavailable
from application.server_clock import ClockStepped
from interface.api.route_classes import strict_router
from interface.api.schemas.health import Health
from interface.composition import Services

router = strict_router(prefix="/health", tags=["health"])

DATABASE_TIMEOUT_SECONDS: Final = 10.0
"""Seconds for the database to answer."""


class Readiness:
    """A readiness check shared by concurrent requests.

    Only one check runs at a time, because the endpoint needs no credential.
    """

    def __init__(self) -> None:
        self._check: asyncio.Task[dict[str, str]] | None = None

    async def problems(self, services: Services) -> Mapping[str, str]:
        """Returns the failing dependencies, each with its problem."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(run_in_threadpool(_problems, services))
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                return await asyncio.shield(self._check)
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


@router.get("/live", summary="Check liveness")
async def get_liveness() -> Health:
    """Succeeds while the process answers. Restart the process when this fails."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Check readiness",
    responses={503: {"model": Health, "description": "A dependency is down"}},
)
async def get_readiness(request: Request, response: Response) -> Health:
    """Succeeds while the process can serve requests. Send requests elsewhere while this fails.

    The answer names the failing dependencies. `proof` alone is no failure: the ledger records, but
    is not sealed now. The check reads from the database. Every few seconds
    it also makes a test write.
    """
    upgrade: BackgroundUpgrade = request.app.state.upgrade
    if upgrade.waits_for is not None:
        problems: Mapping[str, str] = {"upgrade": upgrade.waits_for}
    else:
        readiness: Readiness = request.app.state.readiness
        problems = await readiness.problems(request.app.state.services)
    if problems:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Health(status="unavailable", dependencies={"database": "ok", **problems})
    services: Services = request.app.state.services
    unsealed = services.sealer.problem
    # A ledger that is not sealed can still record.
    proof = {} if unsealed is None else {"proof": "not sealed now, see the log"}
    return Health(status="ok", dependencies={"database": "ok", **proof})
