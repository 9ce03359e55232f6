"""Headers that keep browsers from doing with an answer what nobody meant (OWASP REST Security)."""

from typing import Final

from starlette.datastructures import MutableHeaders
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


class SecurityHeadersMiddleware:
    """Sets them on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["path"] in DOCUMENTATION:
                    headers["Content-Security-Policy"] = DOCUMENTATION_POLICY
            await send(message)

        await self._app(scope, receive, send_with_headers)
