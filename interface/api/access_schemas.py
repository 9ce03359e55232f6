"""What goes over the wire about keys and the audit trail."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from application.access.audit import Action
from application.access.keys import MAX_LIFETIME, MAX_LOCATIONS, Issued
from application.access.roles import Role
from application.access.tables import ApiKey, AuditEntry
from interface.api.schemas import Timestamp, Wire, example


class NewKey(Wire):
    """A key to create."""

    model_config = example(
        name="scanner-7", role="device", locations=["main"], expiresInDays=90
    ) | ConfigDict(strict=True)

    name: str
    role: Annotated[Role, Field(strict=False)]
    locations: Annotated[list[str], Field(default_factory=list, max_length=MAX_LOCATIONS)]
    expires_in_days: Annotated[int | None, Field(ge=1, le=MAX_LIFETIME.days)] = None


class Rotation(Wire):
    """How a key shall be replaced."""

    model_config = example(graceHours=24) | ConfigDict(strict=True)

    grace_hours: Annotated[
        int, Field(ge=0, le=24 * 90, description="The old key goes on being good for so long.")
    ] = 24


class KeyOut(Wire):
    """An API key, without the key itself."""

    key_id: str
    name: str
    role: Role
    locations: list[str]
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    revoked_at: Timestamp | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(**(key._asdict() | {"locations": key.locations, "role": Role(key.role)}))


class IssuedKey(KeyOut):
    """A new API key."""

    key: Annotated[str, Field(description="Shown this once, and kept nowhere.")]

    @classmethod
    def of_issued(cls, issued: Issued) -> Self:
        return cls(key=issued.secret, **KeyOut.of(issued.key).model_dump())


class KeyList(Wire):
    items: list[KeyOut]


class AuditEntryOut(Wire):
    """Something that was tried or done."""

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
    items: list[AuditEntryOut]
    next_cursor: str | None
