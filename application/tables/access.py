"""What is kept of keys, and of what was tried: tables beside the ledger, not made from events."""

import json
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.tables.table import Table
from domain.labels import kept_form


class ApiKey(NamedTuple):
    """An API key, without what would let anybody use it."""

    key_id: str
    digest: str
    """The key's SHA-256, in hexadecimal: a key has 190 random bits, no salt could add to that."""
    name: str
    role: str
    location_list: str
    """The key's own locations, as a JSON list."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def locations(self) -> list[str]:
        names: list[str] = json.loads(self.location_list)
        return [kept_form(name) for name in names]

    def is_active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class AuditEntry(NamedTuple):
    """Something that was tried or done, and by whom."""

    entry_id: UUID
    """Rises with time."""
    recorded_at: datetime
    action: str
    actor: str | None
    key_id: str | None
    address: str | None
    request_id: str | None
    detail: str
    """For people."""


API_KEYS: Final = Table("api_keys", ApiKey, key="key_id")
AUDIT_LOG: Final = Table("audit_log", AuditEntry, key="entry_id")
ACCESS_TABLES: Final = (API_KEYS, AUDIT_LOG)
