"""Authentication and rate limits of all requests.

Public paths are listed. Every other path requires authentication, even one that does not exist.
Authorization is separate: each route declares its permission (see interface/api/dependencies.py).
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
from application.access.sessions import PREFIX as SESSION_PREFIX
from interface.api.masking import masked
from interface.api.middleware.rate_limit import RateLimit
from interface.api.problems import RequestProblem
from interface.api.routes import docs, session, web
from interface.api.session_cookie import session_secret
from interface.composition import Services

PUBLIC: Final = (
    frozenset({"/health/live", "/health/ready", "/openapi.json"}) | docs.PATHS | session.PUBLIC
)
"""Paths that need no credential: they reveal no stock. The pages of `routes/web.py` neither."""

MAX_CREDENTIAL_LENGTH: Final = 16_384
"""Characters."""


def is_public(path: str) -> bool:
    """Whether a path needs no credential."""
    return path in PUBLIC or web.is_page(path)


class AuthenticationMiddleware:
    """Stores the caller as `principal` in the request's state, or refuses the request.

    Args:
        app: the next layer.
        required: whether callers must authenticate. Otherwise each of them is ANONYMOUS.
        requests: the limit of the requests of one caller.
        failure_limit: failed authentications of one network, such as "60/minute".
    """

    def __init__(
        self, app: ASGIApp, *, required: bool, requests: RateLimit, failure_limit: str
    ) -> None:
        self._app = app
        self._required = required
        self._requests = requests
        self._failures = RateLimit(
            failure_limit, "too many failed authentications from this network"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_public(scope["path"]):
            scope["state"]["principal"] = await self._admit(scope)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Principal:
        scope["state"]["identify"] = partial(self._identify, scope)
        scope["state"]["credential"] = None
        if not self._required:
            return ANONYMOUS
        principal = await self._authenticate(scope)
        try:
            self._requests.spend(principal.limit_key)
        finally:
            scope["state"]["limits"] = self._requests.headers(principal.limit_key)
        return principal

    async def _identify(self, scope: Scope, *, skip_cache: bool = False) -> Principal:
        """Returns the caller, from the cache or else by a lookup.

        A stream calls this from time to time with `skip_cache`, to check its caller again. Raises
        Unauthenticated, Forbidden, IdentityProviderUnavailable, StoreUnavailable.
        """
        if not self._required:
            return ANONYMOUS
        services: Services = scope["app"].state.services
        credential = scope["state"]["credential"] = _credential(scope)
        cached = services.authenticator.remembered(credential)
        if cached is not None and not skip_cache:
            return cached
        return await run_in_threadpool(services.authenticator.authenticate, credential)

    async def _authenticate(self, scope: Scope) -> Principal:
        """Identifies the caller and records failures, up to the limit of the network.

        Beyond the limit, failures leave no trace in the audit trail. Other callers of the network
        may be legitimate, so valid credentials are not limited. An expired or revoked key is always
        answered with its reason: it cannot be guessed, and its device must learn the reason.
        """
        services: Services = scope["app"].state.services
        try:
            return await self._identify(scope)
        except (Unauthenticated, Forbidden) as error:
            try:
                self._failures.spend(_network(scope))
            except RequestProblem as too_many:
                raise (error if _was_valid_before(error) else too_many) from error
            await run_in_threadpool(
                services.audit.record,
                Action.AUTHENTICATION_FAILED,
                Origin(None, _address(scope), scope["state"]["request_id"]),
                f"{scope['method']} {masked(scope['path'])[:200]}: {error}",
            )
            raise


def _was_valid_before(error: Exception) -> bool:
    return isinstance(error, Unauthenticated) and error.reason in {"expired", "revoked"}


def _credential(scope: Scope) -> str:
    """Reads the bearer token (RFC 6750), or else the session cookie.

    Raises Unauthenticated: it is missing or malformed.
    """
    header = Headers(scope=scope).get("Authorization")
    if header is None:
        secret = session_secret(scope)
        if secret is None:
            raise Unauthenticated(
                "missing", "a credential is required: send the header Authorization: Bearer …"
            )
        return secret
    return bearer_credential(header)


def bearer_credential(header: str) -> str:
    """Reads the bearer token of an Authorization header. Raises Unauthenticated: malformed."""
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential or len(credential) > MAX_CREDENTIAL_LENGTH:
        raise Unauthenticated("malformed", "the header must be Authorization: Bearer …")
    if credential.lstrip().startswith(SESSION_PREFIX):
        raise Unauthenticated("malformed", "a session counts only as a cookie of its browser")
    return credential.strip()


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _network(scope: Scope) -> str:
    """Returns the network that failures count against: in IPv6, one customer has a whole /64."""
    address = _address(scope) or "unknown"
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address
