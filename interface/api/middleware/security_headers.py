"""Security headers of answers to browsers (OWASP REST Security Cheat Sheet)."""

from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interface.api.middleware.conditional import REVALIDATED
from interface.api.routes import docs, web

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

PAGE_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    docs.PAGE: {"Content-Security-Policy": docs.POLICY},
    web.CONSOLE: {
        "Content-Security-Policy": web.CONSOLE_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), serial=(), usb=()",
    },
    web.ASSETS: {"Cross-Origin-Resource-Policy": "same-origin"},
}
"""Other headers of pages, by the beginning of their path."""

IMMUTABLE: Final = b"public, max-age=31536000, immutable"
"""Cache-Control of files with a hash of their content in the name."""

RawHeaders = list[tuple[bytes, bytes]]


class SecurityHeaders:
    """The security headers of each answer.

    Args:
        hsts_seconds: how long browsers may use only TLS for this host (RFC 6797). 0 omits the
            header. It is sent only over TLS.
    """

    def __init__(self, hsts_seconds: int) -> None:
        self._headers = _encoded(HEADERS)
        self._of_pages = {
            path: _encoded({**HEADERS, **headers}) for path, headers in PAGE_HEADERS.items()
        }
        over_tls = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}
        self._over_tls = _encoded(over_tls)

    def merged(self, scope: Scope, given: RawHeaders) -> RawHeaders:
        """Returns the headers of an answer together with these."""
        path = scope["path"]
        page = next((page for page in self._of_pages if path.startswith(page)), None)
        ours = self._headers if page is None else self._of_pages[page]
        if scope.get("scheme") == "https":
            ours = ours | self._over_tls
        if (b"cache-control", REVALIDATED) in given:
            cached = IMMUTABLE if page == web.ASSETS else REVALIDATED
            ours = ours | {b"cache-control": cached}
        return [*(pair for pair in given if pair[0] not in ours), *ours.items()]


class SecurityHeadersMiddleware:
    """Sets the security headers on every answer."""

    def __init__(self, app: ASGIApp, *, headers: SecurityHeaders) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers.merged(scope, message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Encodes headers as ASGI wants them."""
    return {name.lower().encode(): value.encode() for name, value in headers.items()}
