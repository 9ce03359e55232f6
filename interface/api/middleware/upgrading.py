"""Requests during an upgrade: only health checks work while read models are rebuilt."""

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from application.maintenance.upgrade import BackgroundUpgrade
from interface.api.problems import RequestProblem

RETRY_AFTER_SECONDS: Final = 5

HEALTH: Final = "/health/"


class UpgradingMiddleware:
    """Refuses requests until the upgrade is complete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(HEALTH):
            upgrade: BackgroundUpgrade = scope["app"].state.upgrade
            if upgrade.waits_for is not None:
                raise RequestProblem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "UPGRADING",
                    f"the ledger is being upgraded; it waits for {upgrade.waits_for}",
                    retry_after=RETRY_AFTER_SECONDS,
                )
        await self._app(scope, receive, send)
