"""What every request passes on its way to an endpoint, the outermost first."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from interface.api.middleware.authentication import AuthenticationMiddleware
from interface.api.middleware.bodies import BodyMiddleware
from interface.api.middleware.conditional import ConditionalGetMiddleware
from interface.api.middleware.request_log import RequestLogMiddleware
from interface.api.middleware.same_origin import SameOriginMiddleware
from interface.api.middleware.security_headers import SecurityHeadersMiddleware
from interface.api.middleware.upgrading import UpgradingMiddleware
from interface.settings import Settings

LOOPBACK_NAMES = ["127.0.0.1", "localhost", "::1", "[::1]", "testserver"]


def install(app: FastAPI, settings: Settings) -> None:
    """Puts the layers around the app; the last one added is the outermost."""
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
        # A page on the web can have its own name lead to the loopback address.
        app.add_middleware(SameOriginMiddleware, allowed_origins=settings.cors_origins)
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)
    app.add_middleware(UpgradingMiddleware)
    app.add_middleware(RequestLogMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Content-Encoding",
                "If-None-Match",
                "Last-Event-ID",
            ],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(SecurityHeadersMiddleware)
