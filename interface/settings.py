"""Settings, from the environment variables STOCKLEDGER_…. Only this file reads them."""

import json
import os
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

import limits
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from application.access.roles import Role
from application.access.tokens import ALGORITHMS
from application.recording.rejected_store import DEFAULT_MAX_OPEN
from application.recording.sync import MAX_WAITING_TRANSACTIONS

MIB = 1024 * 1024


def _rate(text: str) -> str:
    limits.parse(text)
    return text


def _none_by_name(value: object) -> object:
    return None if value == "none" else value


Rate = Annotated[str, AfterValidator(_rate)]
"""A rate: a number per period, such as `600/minute`."""


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="STOCKLEDGER_")

    database_url: str = "sqlite:///stockledger.db"
    """URL of the database."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Server processes."""
    max_batch: Annotated[int, Field(ge=1)] = 10_000
    """Maximum transactions and items in one batch."""
    max_waiting: Annotated[int, Field(ge=1)] = MAX_WAITING_TRANSACTIONS
    """Maximum transactions that wait for a commit in one process. More are answered 503."""
    lock_timeout: Annotated[int, Field(ge=1)] = 30
    """Seconds that a writer waits for a lock. Then the caller is answered 503."""
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """Maximum connections of one process to PostgreSQL."""
    shutdown_timeout: Annotated[int, Field(ge=1)] = 60
    """Seconds that a stopping server gives to accepted requests."""

    rejection_retention: Annotated[int, Field(ge=1)] = 90
    """Days that a closed rejected transaction is kept. An open one is kept until it is closed."""

    max_open_rejections: Annotated[int, Field(ge=1)] = DEFAULT_MAX_OPEN
    """Maximum open rejected transactions of one sender. The device keeps further ones."""

    default_floor: Annotated[int | None, Field(le=0), BeforeValidator(_none_by_name)] = 0
    """The floor of new items that do not name one: the least quantity that goods out may leave on
    hand. `none` for no limit."""

    origin: str | None = None
    """The ledger's name as a log, such as `stock.example.com/main`. Fixed once it has signed a
    checkpoint."""
    seal: bool = True
    """Whether this server seals the ledger. False where `stockledger seal` runs."""
    checkpoint_key: str | None = None
    """File of the key that signs checkpoints. Default: on SQLite, next to the ledger."""
    checkpoint_interval: Annotated[int, Field(ge=1, le=86_400)] = 10
    """Minimum seconds between two checkpoints."""
    checkpoint_hook: str | None = None
    """Program that gets each new checkpoint on its standard input."""

    auth: bool = True
    """Whether authentication is required. False is for experiments, on loopback only."""
    key_cache: Annotated[int, Field(ge=1, le=300)] = 10
    """Maximum seconds until every process refuses a revoked key and closes its streams."""
    rate_limit: Rate = "600/minute"
    """Maximum requests of one caller to one process."""
    failed_auth_limit: Rate = "30/minute"
    """Maximum failed authentications of one address, at one process, in the audit trail."""
    max_body: Annotated[int, Field(ge=1024)] = 16 * MIB
    """Maximum bytes of a request body, after decompression."""
    body_timeout: Annotated[int, Field(ge=1)] = 60
    """Seconds in which a request body must arrive."""
    idle_timeout: Annotated[int, Field(ge=1)] = 10
    """Seconds in which a connection must send the headers of its first or next request."""
    max_connections: Annotated[int, Field(ge=1)] = 1_000
    """Maximum connections to one process. A new one closes the one that was idle longest."""
    read_timeout: Annotated[int, Field(ge=1)] = 10
    """Seconds that a request may read from the database, waiting included."""
    max_streams: Annotated[int, Field(ge=1)] = 10
    """Maximum open streams and waiting requests of one caller at one process."""
    trusted_proxies: str = "127.0.0.1"
    """Proxies whose X-Forwarded-For is trusted: addresses or networks, separated by commas."""
    hsts: Annotated[int, Field(ge=0)] = 0
    """`max-age` of Strict-Transport-Security in seconds, sent over TLS only. 0: it is not sent."""
    cors_origins: list[str] = []
    """Web origins whose pages may call the API, as a JSON list."""
    log_format: Literal["text", "json"] = "text"

    oidc_issuer: str | None = None
    """Issuer (`iss`) of the identity provider's tokens. Without it, tokens are refused."""
    oidc_audience: str | None = None
    oidc_jwks_url: str | None = None
    """URL of the provider's key set (JWKS)."""
    oidc_client_id: str | None = None
    """This server's client id at the provider: people sign in to the console with their account."""
    oidc_client_secret: str | None = None
    oidc_algorithms: list[str] = ["RS256", "ES256"]
    oidc_actor_claim: str = "sub"
    oidc_role_claim: str = "roles"
    oidc_location_claim: str = "locations"
    oidc_roles: dict[str, Role] = {role.value: role for role in Role}
    """Map from the provider's role names to ours, as a JSON object."""

    @field_validator("oidc_algorithms")
    @classmethod
    def _require_signatures(cls, algorithms: list[str]) -> list[str]:
        unsafe = set(algorithms) - ALGORITHMS
        if unsafe or not algorithms:
            raise ValueError(f"must be some of {', '.join(sorted(ALGORITHMS))}")
        return algorithms

    @field_validator("oidc_jwks_url")
    @classmethod
    def _require_https(cls, url: str | None) -> str | None:
        local = ("http://127.0.0.1:", "http://localhost:")
        if url is not None and not url.startswith(("https://", *local)):
            raise ValueError("must begin with https://")
        return url

    @model_validator(mode="after")
    def _require_whole_provider(self) -> Self:
        given = [self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url]
        if any(given) and not all(given):
            raise ValueError("OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL are needed together")
        if self.oidc_client_id is not None and not all(given):
            raise ValueError("OIDC_CLIENT_ID needs OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL")
        return self

    @model_validator(mode="after")
    def _require_loopback_without_auth(self) -> Self:
        if not self.auth and not is_loopback(self.host):
            raise ValueError(
                f"without authentication only a loopback address may be served, not {self.host}"
            )
        return self

    def export(self) -> None:
        """Hands the settings on to the processes that this one will start."""
        for name, value in self.model_dump(mode="json").items():
            if value is not None:
                os.environ[f"STOCKLEDGER_{name.upper()}"] = _in_environment(value)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _in_environment(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)
