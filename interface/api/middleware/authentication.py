"""Nobody gets past here unknown, and nobody too often.

What is public is listed; all else, even a path that leads nowhere, needs a caller. What the caller
may do, each route declares (see interface/api/dependencies.py).
"""

from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from application.access.audit import Action, Origin
from application.access.errors import Forbidden, Unauthenticated
from application.access.principal import ANONYMOUS, Principal
from interface.api.masking import masked
from interface.api.middleware.rate_limit import RateLimit
from interface.api.problems import RequestProblem
from interface.api.routes import docs
from interface.composition import Services

PUBLIC: Final = frozenset({"/health/live", "/health/ready", "/openapi.json"}) | docs.PATHS
"""These say nothing of anybody's stock."""

MAX_CREDENTIAL_LENGTH: Final = 16_384
"""Characters."""


class AuthenticationMiddleware:
    """Puts the caller into the request's state, as `principal`, or turns the request away."""

    def __init__(
        self, app: ASGIApp, *, required: bool, rate_limit: str, failure_limit: str
    ) -> None:
        self._app = app
        self._required = required
        self._requests = RateLimit(rate_limit, "you are sending too many requests")
        self._failures = RateLimit(failure_limit, "too many authentications have failed from here")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            scope["state"]["principal"] = await self._admit(scope)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Principal:
        scope["state"]["identify"] = partial(self._identify, scope)
        if not self._required:
            return ANONYMOUS
        principal = await self._authenticate(scope)
        try:
            self._requests.spend(principal.limit_key)
        finally:
            scope["state"]["limits"] = self._requests.headers(principal.limit_key)
        return principal

    async def _identify(self, scope: Scope, *, afresh: bool = False) -> Principal:
        """Who is calling, as is remembered, or looked up. A stream asks again from time to time.

        Raises:
            Unauthenticated, Forbidden, IdentityProviderUnavailable, StoreUnavailable
        """
        if not self._required:
            return ANONYMOUS
        services: Services = scope["app"].state.services
        credential = _credential(scope)
        remembered = services.authenticator.remembered(credential)
        if remembered is not None and not afresh:
            return remembered
        return await run_in_threadpool(services.authenticator.authenticate, credential)

    async def _authenticate(self, scope: Scope) -> Principal:
        """Failures are told in the trail as far as the limit of their network goes; behind it there
        may be others who mean well. A credential that was good once is told what it lacks even
        beyond the limit: nobody can guess one, and its device must learn of it."""
        services: Services = scope["app"].state.services
        try:
            return await self._identify(scope)
        except (Unauthenticated, Forbidden) as error:
            try:
                self._failures.spend(_network(scope))
            except RequestProblem as too_many:
                raise (error if _was_good(error) else too_many) from error
            await run_in_threadpool(
                services.audit.record,
                Action.AUTHENTICATION_FAILED,
                Origin(None, _address(scope), scope["state"]["request_id"]),
                f"{scope['method']} {masked(scope['path'])[:200]}: {error}",
            )
            raise


def _was_good(error: Exception) -> bool:
    return isinstance(error, Unauthenticated) and error.reason in {"expired", "revoked"}


def _credential(scope: Scope) -> str:
    """Raises Unauthenticated."""
    header = Headers(scope=scope).get("Authorization")
    if header is None:
        raise Unauthenticated("missing", "show an API key: Authorization: Bearer …")
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential or len(credential) > MAX_CREDENTIAL_LENGTH:
        raise Unauthenticated("malformed", "the header must be Authorization: Bearer …")
    return credential.strip()


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _network(scope: Scope) -> str:
    """Who is answerable for an address: of IPv6, one customer has a whole /64."""
    address = _address(scope) or "unknown"
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address
