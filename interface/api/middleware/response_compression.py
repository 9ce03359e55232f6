"""Compression of answers with gzip, if the client accepts it (RFC 9110, 12.5.3)."""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

GZIP_FROM_BYTES: Final = 1_000
"""Bytes. Smaller answers are sent uncompressed."""

GZIP_LEVEL: Final = 4
"""Compression level of gzip. JSON lists shrink to an eighth. The highest level takes four times as
long and saves a twentieth more."""

_GZIP_REFUSED: Final = re.compile(r"\bgzip\s*;\s*q=0(?:\.0{0,3})?\s*(?:,|\Z)", re.IGNORECASE)


class ResponseCompressionMiddleware(GZipMiddleware):
    """Starlette's gzip middleware, with support for `gzip;q=0`.

    Starlette looks only for the name gzip, but a weight of 0 refuses it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            accepted = Headers(scope=scope).get("Accept-Encoding", "")
            if _GZIP_REFUSED.search(accepted):
                await self.app(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def compressed(app: ASGIApp) -> ASGIApp:
    """Wraps an app, so that its answers are compressed for clients that accept it."""
    return ResponseCompressionMiddleware(
        app, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL
    )
