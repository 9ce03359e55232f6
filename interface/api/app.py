"""The FastAPI application."""

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from importlib.metadata import version
from types import FrameType

from anyio import CapacityLimiter
from fastapi import FastAPI

from application.following.follower import Follower
from application.maintenance.upgrade import BackgroundUpgrade
from interface import interpreter
from interface.api import middleware, openapi, problems, refusals
from interface.api.read_slots import ReadSlots
from interface.api.route_classes import DirectRoute
from interface.api.routes import (
    audit,
    changes,
    docs,
    health,
    history,
    imports,
    items,
    keys,
    locations,
    movements,
    rejections,
    session,
    status,
    sync,
    tree,
    web,
)
from interface.api.streaming import StreamSlots
from interface.composition import compose
from interface.settings import Settings

_ROUTES = (
    status,
    changes,
    rejections,
    imports,
    items,
    movements,
    history,
    locations,
    session,
    tree,
    keys,
    audit,
    health,
    docs,
    web,
)
"""All but those of `sync`, which come first."""


def create_app(settings: Settings | None = None) -> middleware.LayeredAPI:
    """Creates the API for a ledger. `settings` default to those of the environment."""
    configured = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with (
            compose(configured) as services,
            _stopped_by_signals(services.follower),
            closing(BackgroundUpgrade(services.ledger)) as upgrade,
            closing(services.sealer),
        ):
            app.state.services = services
            app.state.upgrade = upgrade
            upgrade.start()
            services.sync.follow_up()
            if configured.seal:
                services.sealer.start()
            # Startup objects live until the end, so the garbage collector need not scan them.
            # Its scans doubled the latency of the slowest request in a hundred.
            interpreter.tune()
            yield

    app = middleware.LayeredAPI(
        title="stockledger",
        version=version("stockledger"),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.readiness = health.Readiness()
    app.state.read_slots = ReadSlots(
        configured.read_timeout, lambda: app.state.services.sync.is_recording
    )
    app.state.stream_slots = StreamSlots(configured.max_streams)
    app.state.sign_ins = CapacityLimiter(session.MAX_SIGN_INS)
    # First, because routes match in order. Not by include_router: included routes are searched
    # twice.
    direct = [*sync.router.routes, *movements.direct_router.routes]
    app.router.routes[:0] = direct
    for module in _ROUTES:
        app.include_router(module.router)
    app.include_router(session.pages)
    problems.install(app)
    refusals.install(app)
    middleware.install(app, configured, [one for one in direct if isinstance(one, DirectRoute)])
    openapi.install(app)
    return app


@contextmanager
def _stopped_by_signals(follower: Follower) -> Iterator[None]:
    """Stops the follower on SIGINT and SIGTERM, before the server's own handlers run.

    The server waits for all requests to end. Streams and long polls end only with the follower.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        follower.stop()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
