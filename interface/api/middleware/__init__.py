"""The middleware stack: the layers that each request passes before its endpoint."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from interface.api.middleware.authentication import AuthenticationMiddleware
from interface.api.middleware.conditional import ConditionalGetMiddleware
from interface.api.middleware.fast_path import FastPath
from interface.api.middleware.lenient import LenientMiddleware
from interface.api.middleware.rate_limit import RateLimit
from interface.api.middleware.request_body import BodyMiddleware
from interface.api.middleware.request_log import RequestLogMiddleware
from interface.api.middleware.response_compression import compressed
from interface.api.middleware.same_origin import LoopbackMiddleware, SameOriginMiddleware
from interface.api.middleware.security_headers import SecurityHeaders, SecurityHeadersMiddleware
from interface.api.middleware.upgrading import UpgradingMiddleware
from interface.api.route_classes import DirectRoute
from interface.settings import Settings

PREFLIGHT_TTL_SECONDS: Final = 600


class LayeredAPI(FastAPI):
    """An API with a fast path before its layers."""

    fast_path: FastPath | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fast_path is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self.fast_path(scope, receive, send)


def install(app: LayeredAPI, settings: Settings, direct: Sequence[DirectRoute]) -> None:
    """Wraps the app in all layers. The last one added is the outermost.

    `direct`: the routes that the fast path serves. Without authentication, other guards stand
    before them, and there is no fast path.
    """
    requests = RateLimit(settings.rate_limit, "too many requests")
    headers = SecurityHeaders(settings.hsts)
    app.add_middleware(ConditionalGetMiddleware)
    app.add_middleware(
        BodyMiddleware,
        max_bytes=settings.max_body,
        max_batch=settings.max_batch,
        timeout_seconds=settings.body_timeout,
    )
    app.add_middleware(
        AuthenticationMiddleware,
        required=settings.auth,
        requests=requests,
        failure_limit=settings.failed_auth_limit,
    )
    if not settings.auth:
        app.add_middleware(SameOriginMiddleware, allowed_origins=settings.cors_origins)
        app.add_middleware(LoopbackMiddleware)
    app.add_middleware(UpgradingMiddleware)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(compressed)
    app.add_middleware(LenientMiddleware)
    if settings.cors_origins:
        _allow_origins(app, settings.cors_origins)
    app.add_middleware(SecurityHeadersMiddleware, headers=headers)
    if settings.auth:
        app.fast_path = FastPath(
            super(LayeredAPI, app).__call__,
            routes=direct,
            requests=requests,
            security=headers,
            body_timeout=settings.body_timeout,
        )


def _allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Lets pages of these origins use the API (CORS)."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST", "PATCH"],
        allow_headers=[
            "Authorization",
            "Cache-Control",
            "Content-Encoding",
            "Content-Type",
            "If-None-Match",
            "Last-Event-ID",
            "traceparent",
            "tracestate",
            "X-Request-Id",
            "X-Requested-With",
        ],
        expose_headers=[
            "ETag",
            "Location",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Request-Id",
        ],
        max_age=PREFLIGHT_TTL_SECONDS,
    )
