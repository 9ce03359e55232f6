"""API keys, sessions and audit log: tables beside the events, not rebuilt from them."""

import json
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.tables.table import Table
from domain.labels import kept_form


class ApiKey(NamedTuple):
    """An API key, without its secret."""

    key_id: str
    digest: str
    """SHA-256 of the key, in hexadecimal. No salt: a key has 190 random bits already."""
    name: str
    role: str
    location_list: str
    """The key's own locations, as a JSON list."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    extra_list: str | None = None
    """The key's extra permissions, as a JSON list. None: it has none."""
    replaces: str | None = None
    """The id of the key from which it was rotated."""

    @property
    def extra(self) -> list[str]:
        """The key's extra permissions."""
        names: list[str] = json.loads(self.extra_list or "[]")
        return names

    @property
    def locations(self) -> list[str]:
        """The key's own locations, in the one Unicode form of labels."""
        names: list[str] = json.loads(self.location_list)
        return [kept_form(name) for name in names]

    def is_active(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Session(NamedTuple):
    """A browser's sign-in. It is the shadow of an API key, or holds what a token granted."""

    digest: str
    """SHA-256 of the session's secret, in hexadecimal."""
    key_id: str | None
    """The key that was signed in with. Role and locations are looked up there."""
    actor: str
    role: str | None
    """None if there is a key."""
    location_list: str | None
    """As a JSON list; None if there is a key."""
    created_at: datetime
    seen_at: datetime
    """The last use, within minutes."""
    ends_at: datetime

    @property
    def locations(self) -> list[str]:
        """The locations that the token granted."""
        names: list[str] = json.loads(self.location_list or "[]")
        return names


class AuditEntry(NamedTuple):
    """An entry of the audit log: an action that was tried or done, and its actor."""

    entry_id: UUID
    """Sorts by time."""
    recorded_at: datetime
    action: str
    actor: str | None
    key_id: str | None
    address: str | None
    request_id: str | None
    detail: str
    """Text for people."""


API_KEYS: Final = Table("api_keys", ApiKey, key="key_id")
AUDIT_LOG: Final = Table("audit_log", AuditEntry, key="entry_id")
SESSIONS: Final = Table("sessions", Session, key="digest", indexes=(("ends_at",),))
ACCESS_TABLES: Final = (API_KEYS, AUDIT_LOG, SESSIONS)
