"""Cost of authentication."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from benchmarks.databases import Database
from benchmarks.workload import new_workload
from interface.api.middleware.authentication import AuthenticationMiddleware
from interface.api.middleware.rate_limit import RateLimit
from interface.composition import compose
from interface.settings import Settings


class Costs(NamedTuple):
    """Microseconds per request."""

    cached: float
    """The whole middleware with its rate limit, for a key in the cache."""
    looked_up: float
    """The authenticator, for a key that it reads from the database."""


def costs(database: Database, rounds: int) -> Costs:
    with new_workload(database, items=1) as workload:
        key = workload.key()
        with compose(Settings(database_url=workload.database_url)) as services:
            looked_up = _microseconds(lambda: services.authenticator.authenticate(key), rounds)
            app = FastAPI()
            app.state.services = services
            return Costs(asyncio.run(_middleware(app, key, rounds * 10)), looked_up)


def token_cost(rounds: int) -> float:
    """Microseconds to check the signature of a token. The cache saves this, as for a key."""
    private = ec.generate_private_key(ec.SECP256R1())
    claims = {"exp": time.time() + 600, "iss": "i", "aud": "a", "sub": "s"}
    token = jwt.encode(claims, private, "ES256")
    public = private.public_key()
    return _microseconds(
        lambda: jwt.decode(token, public, ["ES256"], audience="a", issuer="i"), rounds
    )


async def _middleware(app: FastAPI, key: str, rounds: int) -> float:
    async def empty_app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    middleware = AuthenticationMiddleware(
        empty_app,
        required=True,
        requests=RateLimit("1000000/second", "too many requests"),
        failure_limit="1/second",
    )
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/items",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 50_000),
        "app": app,
        "state": {"request_id": "r"},
    }
    unused: Any = None
    started = time.perf_counter()
    for _ in range(rounds):
        await middleware(scope, unused, unused)
    return (time.perf_counter() - started) / rounds * 1e6


def _microseconds(call: Callable[[], object], rounds: int) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        call()
    return (time.perf_counter() - started) / rounds * 1e6
