"""Security headers of answers to browsers (OWASP REST Security Cheat Sheet)."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interface.api.middleware.conditional import REVALIDATED
from interface.api.routes import docs

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

DOCUMENTATION_HEADERS: Final = HEADERS | {"Content-Security-Policy": docs.POLICY}


RawHeaders = list[tuple[bytes, bytes]]


class SecurityHeadersMiddleware:
    """Sets the security headers on every answer.

    Args:
        app: the next layer.
        hsts_seconds: how long browsers may use only TLS for this host (RFC 6797). 0 omits the
            header. It is sent only over TLS.
    """

    def __init__(self, app: ASGIApp, *, hsts_seconds: int = 0) -> None:
        self._app = app
        self._headers = _encoded(HEADERS)
        self._documentation_headers = _encoded(DOCUMENTATION_HEADERS)
        over_tls = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}
        self._over_tls = _encoded(over_tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._merged(scope, message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _merged(self, scope: Scope, given: RawHeaders) -> RawHeaders:
        is_documentation = scope["path"] == docs.PAGE
        ours = self._documentation_headers if is_documentation else self._headers
        if scope.get("scheme") == "https":
            ours = ours | self._over_tls
        if (b"cache-control", REVALIDATED) in given:
            ours = ours | {b"cache-control": REVALIDATED}
        return [*(pair for pair in given if pair[0] not in ours), *ours.items()]


def _encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Encodes headers as ASGI wants them."""
    return {name.lower().encode(): value.encode() for name, value in headers.items()}
