"""Schemas of sessions."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from application.access.principal import Principal
from application.access.roles import GRANTS, Permission, Role
from interface.api.schemas.base import Timestamp, Wire, example


class SessionDescription(Wire):
    """The caller, and what they may do."""

    model_config = example(
        actor="mina",
        keyId="k3v9q1",
        role="clerk",
        permissions=["count", "read", "record", "register", "relay", "sync"],
        locations=["main"],
        signedInAt="2026-01-08T00:20:11.482Z",
        expiresAt="2026-01-09T00:20:11.482Z",
        serverTime="2026-01-08T00:25:40.007Z",
        version="0.1.0",
        defaultFloor=0,
    )

    actor: str
    key_id: str | None
    role: Role
    permissions: list[str]
    locations: Annotated[
        list[str] | None, Field(description="The caller's own locations. Empty (null): all.")
    ]
    signed_in_at: Annotated[
        Timestamp | None, Field(description="When the session began. Empty without a session.")
    ]
    expires_at: Annotated[
        Timestamp | None, Field(description="When the key, token or session ends at the latest.")
    ]
    server_time: Timestamp
    version: Annotated[str, Field(description="The version of the server.")]
    default_floor: Annotated[
        int | None, Field(description="The floor of new items that do not name one.")
    ]

    @classmethod
    def of(
        cls,
        caller: Principal,
        expires_at: datetime | None,
        now: datetime,
        version: str,
        default_floor: int | None,
    ) -> Self:
        is_everywhere = caller.may(Permission.EVERYWHERE)
        return cls(
            actor=caller.actor.name,
            key_id=caller.actor.key_id,
            role=caller.role,
            permissions=sorted(one.name.lower() for one in GRANTS[caller.role] | caller.extra),
            locations=None if is_everywhere else sorted(caller.locations),
            signed_in_at=caller.signed_in_at,
            expires_at=expires_at,
            server_time=now,
            version=version,
            default_floor=default_floor,
        )


class SignInMethods(Wire):
    """The ways to sign in."""

    model_config = example(apiKey=True, identityProvider=False, signedIn=False)

    api_key: Annotated[
        bool, Field(description="False: this server needs no sign-in, and is for trials.")
    ]
    identity_provider: bool
    signed_in: Annotated[bool, Field(description="Whether the browser has a session.")]
