"""/session: sign-in and sign-out of browsers.

A page sends an API key once, as any client does, and gets a cookie that no script can read.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from html import escape
from http import HTTPStatus
from typing import Annotated, Any, Final

import jwt
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response

from application.access.audit import Origin
from application.access.errors import Forbidden, Unauthenticated
from application.access.principal import Principal
from application.access.tokens import IdentityProviderUnavailable
from interface.api.dependencies import CanRead, From, Provided
from interface.api.problems import RequestProblem, documented
from interface.api.route_classes import strict_router
from interface.api.schemas.session import SessionDescription, SignInMethods
from interface.api.session_cookie import (
    clear_cookie,
    cookie_name,
    is_own_page,
    session_secret,
    set_cookie,
)
from interface.composition import Services

METHODS_PATH: Final = "/session/methods"
START_PATH: Final = "/session/oidc/start"
CALLBACK_PATH: Final = "/session/oidc/callback"
PUBLIC: Final = frozenset({METHODS_PATH, START_PATH, CALLBACK_PATH})

HOME: Final = "/console/"
MAX_NEXT_LENGTH: Final = 2_000
MAX_SIGN_INS: Final = 4
"""Maximum steps of sign-ins that wait for the identity provider at a time."""
SIGN_IN_TTL: Final = timedelta(minutes=10)
"""How long a person may take at the identity provider."""

_ALGORITHM: Final = "HS256"
_MOVING_ON: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={address}">
<title>stockledger</title>
</head>
<body><a href="{address}">Continue</a></body>
</html>
"""
"""Not a redirect: the browser would count it to the provider's request, and a strict cookie would
not be sent (RFC 6265bis, 5.2)."""

router = strict_router(prefix="/session", tags=["access"])
pages = APIRouter(include_in_schema=False)
"""For browsers. The provider may add parameters of its own, so these routes are not strict."""


@router.post(
    "",
    summary="Open a session",
    status_code=HTTPStatus.CREATED,
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def open_session(
    request: Request, caller: CanRead, origin: From, services: Provided, response: Response
) -> SessionDescription:
    """Signs a browser in: answers with a cookie for the key or token in `Authorization`.

    For pages of this server only. The session has the rights of the key, and ends with it, after
    24 hours at the latest.
    """
    name = _require_cookies(request)
    if not services.settings.auth:
        raise Forbidden("a server without authentication has no sessions")
    if caller.signed_in_at is not None:
        raise Forbidden("a session opens no other session: send the key")
    until = services.authenticator.checked(request.state.credential).until
    opened = services.sessions.open(caller, until, origin)
    set_cookie(response, name, opened.secret, _seconds(opened.ends_at, services))
    found = services.authenticator.checked(opened.secret)
    return _described(found.principal, found.until, services)


@router.get("", summary="Describe the caller", responses=documented())
def get_session(request: Request, caller: CanRead, services: Provided) -> SessionDescription:
    """Returns the caller's role, permissions and locations, with a session or without."""
    credential = request.state.credential
    until = None if credential is None else services.authenticator.checked(credential).until
    return _described(caller, until, services)


@router.delete(
    "",
    summary="End the session",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def close_session(
    request: Request,
    caller: CanRead,
    origin: From,
    services: Provided,
    response: Response,
    everywhere: Annotated[
        bool, Query(description="End all sessions of this caller, in every browser.")
    ] = False,
) -> None:
    """Signs the browser out."""
    secret = session_secret(request.scope)
    if everywhere:
        services.sessions.close_all(caller.actor, origin)
    elif secret is not None:
        services.sessions.close(secret, origin)
    if secret is not None:
        services.authenticator.forget(secret)
    if (name := cookie_name(request.scope)) is not None:
        clear_cookie(response, name)


@router.get("/methods", summary="List the ways to sign in", responses=documented())
def list_sign_in_methods(request: Request, services: Provided) -> SignInMethods:
    """Tells the sign-in page what to offer. Needs no credential."""
    return SignInMethods(
        signed_in=session_secret(request.scope) is not None,
        api_key=services.settings.auth,
        identity_provider=services.sign_in_provider is not None,
    )


@pages.get(START_PATH)
async def start_sign_in(
    request: Request,
    services: Provided,
    next: Annotated[str, Query(max_length=MAX_NEXT_LENGTH)] = HOME,
) -> Response:
    """Sends the browser to the identity provider."""
    return await _with_provider(request, partial(_started, request, services, next))


def _started(request: Request, services: Services, next: str) -> Response:
    provider = services.sign_in_provider
    name = cookie_name(request.scope)
    if provider is None or name is None:
        raise RequestProblem(
            HTTPStatus.NOT_FOUND, "NOT_FOUND", "there is no identity provider to sign in with here"
        )
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    address = provider.authorization_url(_callback(request), state, nonce, verifier)
    begun = {
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "next": next if _is_own_address(next) else HOME,
        "exp": services.clock() + SIGN_IN_TTL,
    }
    response = Response(status_code=HTTPStatus.FOUND, headers={"Location": address})
    response.set_cookie(
        f"{name}-oidc",
        jwt.encode(begun, services.ledger.bookmark_key, _ALGORITHM),
        max_age=SIGN_IN_TTL // timedelta(seconds=1),
        path="/",
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",  # The provider sends the browser back from another site.
    )
    return response


@pages.get(CALLBACK_PATH)
async def finish_sign_in(
    request: Request, services: Provided, code: str = "", state: str = ""
) -> Response:
    """Opens a session for a person who comes back from the identity provider."""
    try:
        begun = _begun(request, services, state)
        return await _with_provider(request, partial(_signed_in, request, services, code, begun))
    except (Unauthenticated, Forbidden, IdentityProviderUnavailable) as error:
        reason = {Forbidden: "forbidden", IdentityProviderUnavailable: "unavailable"}
        return _moving_on(f"{HOME}?signIn={reason.get(type(error), 'failed')}")


def _signed_in(request: Request, services: Services, code: str, begun: dict[str, Any]) -> Response:
    provider = services.sign_in_provider
    name = cookie_name(request.scope)
    if provider is None or name is None:
        raise Unauthenticated("invalid", "there is no identity provider to sign in with here")
    caller = provider.redeem(code, _callback(request), begun["nonce"], begun["verifier"])
    address = request.client.host if request.client else None
    origin = Origin(caller.actor, address, request.state.request_id)
    opened = services.sessions.open(caller, None, origin)
    response = _moving_on(begun["next"])
    set_cookie(response, name, opened.secret, _seconds(opened.ends_at, services))
    response.delete_cookie(f"{name}-oidc", path="/", secure=request.scope["scheme"] == "https")
    return response


async def _with_provider(request: Request, act: Callable[[], Response]) -> Response:
    """Runs a step that may wait for the provider, in a thread. Only a few at a time, because nobody
    has to be known to begin a sign-in."""
    limiter: CapacityLimiter = request.app.state.sign_ins
    return await to_thread.run_sync(act, limiter=limiter)


def _begun(request: Request, services: Services, state: str) -> dict[str, Any]:
    """Returns the sign-in that this browser began. Raises Unauthenticated: there is none."""
    cookie = request.cookies.get(f"{cookie_name(request.scope)}-oidc", "")
    try:
        begun: dict[str, Any] = jwt.decode(
            cookie, services.ledger.bookmark_key, algorithms=[_ALGORITHM]
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated("invalid", "this browser began no sign-in") from error
    if not secrets.compare_digest(begun["state"].encode(), state.encode()):
        raise Unauthenticated("invalid", "this answer belongs to another sign-in")
    return begun


def _moving_on(address: str) -> Response:
    return Response(_MOVING_ON.format(address=escape(address)), media_type="text/html")


def _require_cookies(request: Request) -> str:
    """Returns the name of the session cookie. Raises RequestProblem: this request gets none."""
    name = cookie_name(request.scope)
    if name is None:
        raise RequestProblem(
            HTTPStatus.FORBIDDEN,
            "TLS_REQUIRED",
            "a browser signs in over https only: plain http shows the session to the network",
        )
    if not is_own_page(request.scope):
        raise RequestProblem(
            HTTPStatus.FORBIDDEN,
            "FORBIDDEN",
            "sessions are for pages of this server: other clients send the key with each request",
        )
    return name


def _described(caller: Principal, until: datetime | None, services: Services) -> SessionDescription:
    settings = services.settings
    return SessionDescription.of(
        caller, until, services.clock(), services.version, settings.default_floor
    )


def _seconds(end: datetime, services: Services) -> int:
    return max(0, int((end - services.clock()).total_seconds()))


def _callback(request: Request) -> str:
    return f"{request.scope['scheme']}://{request.headers.get('Host', '')}{CALLBACK_PATH}"


def _is_own_address(address: str) -> bool:
    return address.startswith(HOME) and "\\" not in address and address.isprintable()
