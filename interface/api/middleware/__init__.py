"""The middleware stack: the layers that each request passes before its endpoint."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from interface.api.middleware.authentication import AuthenticationMiddleware
from interface.api.middleware.conditional import ConditionalGetMiddleware
from interface.api.middleware.lenient import LenientMiddleware
from interface.api.middleware.request_body import BodyMiddleware
from interface.api.middleware.request_log import RequestLogMiddleware
from interface.api.middleware.response_compression import ResponseCompressionMiddleware
from interface.api.middleware.same_origin import LoopbackMiddleware, SameOriginMiddleware
from interface.api.middleware.security_headers import SecurityHeadersMiddleware
from interface.api.middleware.upgrading import UpgradingMiddleware
from interface.settings import Settings

GZIP_FROM_BYTES: Final = 1_000
"""Bytes. Smaller answers are sent uncompressed."""

GZIP_LEVEL: Final = 4
"""Compression level of gzip. JSON lists shrink to an eighth. The highest level takes four times as
long and saves a twentieth more."""

PREFLIGHT_TTL_SECONDS: Final = 600


def install(app: FastAPI, settings: Settings) -> None:
    """Wraps the app in all layers. The last one added is the outermost."""
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
        rate_limit=settings.rate_limit,
        failure_limit=settings.failed_auth_limit,
    )
    if not settings.auth:
        app.add_middleware(SameOriginMiddleware, allowed_origins=settings.cors_origins)
        app.add_middleware(LoopbackMiddleware)
    app.add_middleware(UpgradingMiddleware)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(
        ResponseCompressionMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL
    )
    app.add_middleware(LenientMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
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
    app.add_middleware(SecurityHeadersMiddleware, hsts_seconds=settings.hsts)
