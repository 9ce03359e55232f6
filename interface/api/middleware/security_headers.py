"""Headers that keep browsers from doing with an answer what nobody meant (OWASP REST Security)."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENTATION: Final = frozenset({"/docs", "/redoc", "/docs/oauth2-redirect"})

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",  # Without TLS, browsers pass it over.
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# The pages that describe the API load their scripts from where FastAPI has them.
DOCUMENTATION_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; "
    "img-src 'self' data: https://fastapi.tiangolo.com; font-src https://fonts.gstatic.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; worker-src blob:; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com"
)


DOCUMENTATION_HEADERS: Final = HEADERS | {"Content-Security-Policy": DOCUMENTATION_POLICY}


class SecurityHeadersMiddleware:
    """Sets them on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = _raw(HEADERS)
        self._documentation_headers = _raw(DOCUMENTATION_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_documentation = scope["path"] in DOCUMENTATION
                ours = self._documentation_headers if is_documentation else self._headers
                others = [pair for pair in message["headers"] if pair[0] not in ours]
                message["headers"] = [*others, *ours.items()]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _raw(headers: dict[str, str]) -> dict[bytes, bytes]:
    """As they are sent."""
    return {name.lower().encode(): value.encode() for name, value in headers.items()}
