"""Compression of answers with gzip, if the client accepts it (RFC 9110, 12.5.3)."""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

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
