"""Headers that keep browsers from doing with an answer what nobody meant (OWASP REST Security)."""

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
    """Sets them on every answer.

    Args:
        app: what is behind it.
        hsts_seconds: how long browsers shall reach this host by TLS alone (RFC 6797); 0 for no
            word on it. It is said over TLS only.
    """

    def __init__(self, app: ASGIApp, *, hsts_seconds: int = 0) -> None:
        self._app = app
        self._headers = _raw(HEADERS)
        self._documentation_headers = _raw(DOCUMENTATION_HEADERS)
        over_tls = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}
        self._over_tls = _raw(over_tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_ours(scope, message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _with_ours(self, scope: Scope, given: RawHeaders) -> RawHeaders:
        is_documentation = scope["path"] == docs.PAGE
        ours = self._documentation_headers if is_documentation else self._headers
        if scope.get("scheme") == "https":
            ours = ours | self._over_tls
        if (b"cache-control", REVALIDATED) in given:
            ours = ours | {b"cache-control": REVALIDATED}
        return [*(pair for pair in given if pair[0] not in ours), *ours.items()]


def _raw(headers: dict[str, str]) -> dict[bytes, bytes]:
    """As they are sent."""
    return {name.lower().encode(): value.encode() for name, value in headers.items()}
