"""The API's application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from interface.api import (
    audit,
    health,
    items,
    keys,
    middleware,
    movements,
    openapi,
    problems,
    refusals,
    rejections,
    sync,
)
from interface.composition import compose
from interface.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API for a ledger; without settings, for the one that the environment names."""
    configured = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with compose(configured) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="stockledger",
        version=version("stockledger"),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
    )
    for module in (sync, rejections, items, movements, keys, audit, health):
        app.include_router(module.router)
    problems.install(app)
    refusals.install(app)
    middleware.install(app, configured)
    openapi.install(app)
    return app
