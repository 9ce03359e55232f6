"""Without authentication, a page on the web must not have a browser write to this machine.

A browser says where a request comes from: by `Sec-Fetch-Site` (Fetch Metadata, W3C) and, for what
may change something, by `Origin` (RFC 6454).
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.limits import printable
from interface.api.problems import RequestProblem

_PORT: Final = re.compile(r":\d+\Z")

MAX_SHOWN_LENGTH: Final = 100
"""Characters of a host's name that are shown."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})


class LoopbackMiddleware:
    """Turns requests away that name another host: a page on the web can have its own name lead to
    the loopback address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _require_loopback(Headers(scope=scope).get("Host", ""))
        await self._app(scope, receive, send)


def _require_loopback(host: str) -> None:
    """Raises RequestProblem."""
    name = _PORT.sub("", host)
    if name.lower() not in LOOPBACK_NAMES:
        shown = printable(name[:MAX_SHOWN_LENGTH])
        raise RequestProblem(
            HTTPStatus.BAD_REQUEST,
            "UNKNOWN_HOST",
            "a server without authentication answers to 127.0.0.1, localhost and [::1] alone, not "
            f"to {shown!r}: send one of these as the Host header, or start it with authentication",
            host=shown,
        )


class SameOriginMiddleware:
    """Turns writes away that pages of other origins have sent, but for those that are allowed."""

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING:
            self._require_own(Headers(scope=scope))
        await self._app(scope, receive, send)

    def _require_own(self, headers: Headers) -> None:
        """Raises RequestProblem."""
        origin = headers.get("Origin")
        if origin in self._allowed_origins:
            return
        is_own = headers.get("Sec-Fetch-Site", "none") in _OWN
        if not is_own or (origin is not None and urlsplit(origin).netloc != headers.get("Host")):
            raise RequestProblem(
                HTTPStatus.FORBIDDEN,
                "FORBIDDEN",
                "a server without authentication takes nothing from pages of other origins",
            )
