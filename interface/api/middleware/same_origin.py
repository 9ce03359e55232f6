"""Same-origin checks of a server without authentication: no web page may write to it.

A browser names the source of a request in `Sec-Fetch-Site` (Fetch Metadata, W3C). For requests that
may change something, it also sends `Origin` (RFC 6454).
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.limits import printable
from interface.api.origins import SAFE_METHODS, host_name, is_loopback_host
from interface.api.problems import RequestProblem

MAX_SHOWN_LENGTH: Final = 100
"""Characters of a host name in an error message."""

_OWN_SITES: Final = frozenset({"same-origin", "none"})


class LoopbackMiddleware:
    """Refuses requests with another Host than a loopback name: protection from DNS rebinding.

    The domain of a web page can resolve to the loopback address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _require_loopback(Headers(scope=scope).get("Host", ""))
        await self._app(scope, receive, send)


def _require_loopback(host: str) -> None:
    """Raises RequestProblem: the host is not a loopback name."""
    if not is_loopback_host(host):
        shown = printable(host_name(host)[:MAX_SHOWN_LENGTH])
        raise RequestProblem(
            HTTPStatus.BAD_REQUEST,
            "UNKNOWN_HOST",
            "a server without authentication answers only to 127.0.0.1, localhost and [::1], not "
            f"to {shown!r}: send one of these as the Host header, or turn authentication on",
            host=shown,
        )


class SameOriginMiddleware:
    """Refuses writes from web pages of other origins, except the allowed ones."""

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            self._require_same_origin(Headers(scope=scope))
        await self._app(scope, receive, send)

    def _require_same_origin(self, headers: Headers) -> None:
        """Raises RequestProblem: the origin is another one, and is not allowed."""
        origin = headers.get("Origin")
        if origin in self._allowed_origins:
            return
        is_own_site = headers.get("Sec-Fetch-Site", "none") in _OWN_SITES
        if not is_own_site or (
            origin is not None and urlsplit(origin).netloc != headers.get("Host")
        ):
            raise RequestProblem(
                HTTPStatus.FORBIDDEN,
                "FORBIDDEN",
                "a server without authentication accepts no writes from pages of other origins",
            )
