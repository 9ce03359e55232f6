"""The session cookie, and when it counts.

A browser sends cookies also with requests that pages of other sites cause. So the cookie counts
only in requests of our own pages (Fetch Metadata, W3C; OWASP CSRF Prevention Cheat Sheet).
"""

from typing import Final

from fastapi import Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from application.access.sessions import PREFIX
from interface.api.origins import SAFE_METHODS, is_loopback_host

_SECURE_NAME: Final = "__Host-stockledger"
"""The prefix forbids other hosts and paths, and plain HTTP (RFC 6265bis, 4.1.3.2)."""

_LOOPBACK_NAME: Final = "stockledger"
"""On http://127.0.0.1, where browsers disagree about secure cookies."""


def cookie_name(scope: Scope) -> str | None:
    """Returns the cookie's name. None: over plain HTTP there are no sessions, except on loopback,
    because anybody in the network could take them."""
    if scope["scheme"] == "https":
        return _SECURE_NAME
    return _LOOPBACK_NAME if is_loopback_host(Headers(scope=scope).get("Host", "")) else None


def session_secret(scope: Scope) -> str | None:
    """Returns the session's secret, if a page of this server sends the request with the cookie."""
    headers = Headers(scope=scope)
    name = cookie_name(scope)
    if name is None or "Cookie" not in headers or not is_own_page(scope):
        return None
    secret = cookie_parser(headers["Cookie"]).get(name, "")
    return secret if secret.startswith(PREFIX) else None


def is_own_page(scope: Scope) -> bool:
    """Whether a page of this very origin sends the request, as far as the browser says.

    A browser that does not send `Sec-Fetch-Site` names the origin of an unsafe request at least.
    """
    headers = Headers(scope=scope)
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    own = f"{scope['scheme']}://{headers.get('Host', '')}"
    return scope["method"] not in SAFE_METHODS and headers.get("Origin") == own


def set_cookie(response: Response, name: str, secret: str, max_age: int) -> None:
    """Gives the browser a session for `max_age` seconds."""
    _write(response, name, secret, max_age)


def clear_cookie(response: Response, name: str) -> None:
    """Takes the session from the browser."""
    _write(response, name, "", 0)


def _write(response: Response, name: str, value: str, max_age: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=name == _SECURE_NAME,
        httponly=True,
        samesite="strict",
    )
