"""Schemas of API keys and of the audit trail."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from application.access.audit import Action
from application.access.key_management import MAX_LIFETIME, MAX_LOCATIONS_PER_KEY, Issued
from application.access.roles import ExtraPermission, Role
from application.tables.access import ApiKey, AuditEntry
from interface.api.schemas.base import RequestBody, Timestamp, Wire, example


class NewKey(RequestBody):
    """An API key to create."""

    model_config = example(name="scanner-7", role="device", locations=["main"], expiresInDays=90)

    name: str
    role: Annotated[Role, Field(strict=False)]
    locations: Annotated[list[str], Field(default_factory=list, max_length=MAX_LOCATIONS_PER_KEY)]
    expires_in_days: Annotated[int | None, Field(ge=1, le=MAX_LIFETIME.days)] = None
    may: Annotated[
        list[Annotated[ExtraPermission, Field(strict=False)]],
        Field(
            default_factory=list,
            max_length=len(ExtraPermission),
            description="Permissions beyond those of the role. A `device` may get `count`.",
        ),
    ]


class Rotation(RequestBody):
    """The options for replacing an API key."""

    model_config = example(graceHours=24)

    grace_hours: Annotated[
        int,
        Field(ge=0, le=24 * 90, description="Grace period in hours: the old key stays valid."),
    ] = 24


class KeyDescription(Wire):
    """The description of an API key, without its secret."""

    model_config = example(
        keyId="k3v9q1",
        name="scanner-7",
        role="device",
        locations=["main"],
        createdAt="2026-01-08T00:20:11.482Z",
        createdBy="first-admin",
        expiresAt="2026-04-08T00:20:11.482Z",
        revokedAt=None,
        may=["count"],
    )

    key_id: str
    name: str
    role: Role
    locations: list[str]
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    may: Annotated[
        list[ExtraPermission], Field(description="Permissions beyond those of the role.")
    ]

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            **(
                key._asdict()
                | {
                    "locations": key.locations,
                    "role": Role(key.role),
                    "may": [ExtraPermission(one) for one in key.extra],
                }
            )
        )


class IssuedKey(KeyDescription):
    """A new API key, with its secret."""

    model_config = ConfigDict(json_schema_extra=None)

    key: Annotated[str, Field(description="The secret. It is shown only once and never stored.")]

    @classmethod
    def of_issued(cls, issued: Issued) -> Self:
        return cls(key=issued.secret, **KeyDescription.of(issued.key).model_dump())


class KeyList(Wire):
    """A list of API keys."""

    items: list[KeyDescription]


class AuditRecord(Wire):
    """An entry of the audit trail: an action, or a failed attempt."""

    model_config = example(
        entryId="019b9ad2-6f6a-7c3e-9d1f-0a4b6c8d2e01",
        recordedAt="2026-01-08T00:20:11.482Z",
        action="AUTHENTICATION_FAILED",
        actor=None,
        keyId=None,
        address="192.0.2.7",
        requestId="9f2d7c1a5b3e4f60",
        detail="GET /items: no such key",
    )

    entry_id: UUID
    recorded_at: Timestamp
    action: Action
    actor: str | None
    key_id: str | None
    address: str | None
    request_id: str | None
    detail: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        return cls(**(entry._asdict() | {"action": Action(entry.action)}))


class AuditPage(Wire):
    """A page of the audit trail."""

    items: list[AuditRecord]
    next_cursor: str | None
