"""Everything that can be set, from STOCKLEDGER_… in the environment. Read nowhere else."""

import json
import os
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

import limits
from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from application.access.roles import Role
from application.access.tokens import ALGORITHMS
from application.recording.rejected_store import DEFAULT_MAX_OPEN
from application.recording.sync import MAX_WAITING_TRANSACTIONS

MIB = 1024 * 1024


def _rate(text: str) -> str:
    limits.parse(text)
    return text


Rate = Annotated[str, AfterValidator(_rate)]
"""So many in so long, as in `600/minute`."""


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="STOCKLEDGER_")

    database_url: str = "sqlite:///stockledger.db"
    """Where the ledger is kept."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Server processes."""
    max_batch: Annotated[int, Field(ge=1)] = 10_000
    """Transactions in one batch."""
    max_waiting: Annotated[int, Field(ge=1)] = MAX_WAITING_TRANSACTIONS
    """Transactions that may wait, in one process, to be recorded. Who sends more is told to come
    back."""
    lock_timeout: Annotated[int, Field(ge=1)] = 30
    """Seconds that a writer waits for its turn before the caller is told to come back."""
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """Connections to PostgreSQL that one process uses at the most."""
    shutdown_timeout: Annotated[int, Field(ge=1)] = 60
    """Seconds that a stopping server gives to the requests it has accepted."""

    rejection_retention: Annotated[int, Field(ge=1)] = 90
    """Days that a rejected transaction is kept after it was recorded or dismissed; an open one is
    kept until then."""

    max_open_rejections: Annotated[int, Field(ge=1)] = DEFAULT_MAX_OPEN
    """Rejected transactions of one sender that may be open; of more, the device keeps them."""

    auth: bool = True
    """Whether callers must show who they are. False is for experiments, on loopback only."""
    key_cache: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds after which a revoked key is refused by every process, and its streams end, at the
    latest."""
    rate_limit: Rate = "600/minute"
    """Requests of one caller to one process."""
    failed_auth_limit: Rate = "30/minute"
    """Failed authentications from one address, to one process, that leave a trace."""
    max_body: Annotated[int, Field(ge=1024)] = 16 * MIB
    """Bytes in one request body, unpacked."""
    body_timeout: Annotated[int, Field(ge=1)] = 60
    """Seconds in which a request body must have arrived."""
    idle_timeout: Annotated[int, Field(ge=1)] = 10
    """Seconds in which a connection must have sent the headers of a request, the first one or the
    next."""
    max_connections: Annotated[int, Field(ge=1)] = 1_000
    """Connections that one process takes; a new one ends the one that was idle longest."""
    read_timeout: Annotated[int, Field(ge=1)] = 10
    """Seconds that a request may read from the database, the wait for its turn included."""
    max_streams: Annotated[int, Field(ge=1)] = 10
    """Streams and waiting requests that one caller may have open at one process."""
    trusted_proxies: str = "127.0.0.1"
    """Whose word on the client's address is taken: addresses or networks, by commas."""
    hsts: Annotated[int, Field(ge=0)] = 0
    """Seconds for which browsers shall reach this host, whole, by TLS alone; 0 says nothing of it.
    It is said over TLS only."""
    cors_origins: list[str] = []
    """Web origins whose pages may call the API, as a JSON list."""
    log_format: Literal["text", "json"] = "text"

    oidc_issuer: str | None = None
    """The identity provider, as its tokens name it. Without it, no tokens are taken."""
    oidc_audience: str | None = None
    oidc_jwks_url: str | None = None
    """Where the provider publishes its keys."""
    oidc_algorithms: list[str] = ["RS256", "ES256"]
    oidc_actor_claim: str = "sub"
    oidc_role_claim: str = "roles"
    oidc_location_claim: str = "locations"
    oidc_roles: dict[str, Role] = {role.value: role for role in Role}
    """The provider's words for our roles, as a JSON object."""

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
