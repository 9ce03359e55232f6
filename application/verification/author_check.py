"""Checks that the API keys of events were good at that time, and were allowed to record them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from application.access.roles import GRANTS, NEEDED_PERMISSION, Permission, Role
from application.tables.access import ApiKey
from application.verification.findings import Findings, Kind
from domain.events import LedgerEvent, MovementRecorded

TOLERANCE: Final = timedelta(minutes=5)
"""How long a revoked key may still have been used: the largest `key_cache`."""


class AuthorCheck:
    """Compares the authors of events with the API keys. They can be deceived together: a finding is
    a warning, and none is no proof."""

    def __init__(self, keys: Mapping[str, ApiKey], findings: Findings) -> None:
        self._keys = keys
        self._findings = findings

    def check(self, position: int, event: LedgerEvent) -> None:
        """Checks the author of an event."""
        if event.key_id is None:
            return
        try:
            problem = self._problem(event, self._keys.get(event.key_id))
        except (LookupError, OverflowError, TypeError, ValueError):
            problem = "has damaged values"
        if problem is not None:
            self._findings.add(
                Kind.UNKNOWN_AUTHOR,
                f"the event is by key {event.key_id}, which {problem}",
                position=position,
                subject=event.key_id,
            )

    def _problem(self, event: LedgerEvent, key: ApiKey | None) -> str | None:
        if key is None:
            return "is not known"
        moment = event.timestamp
        if isinstance(event, MovementRecorded) and event.received_at is not None:
            moment = event.received_at  # What was judged again was sent at that time.
        if moment < key.created_at - TOLERANCE:
            return "was made later"
        ends = [one for one in (key.revoked_at, key.expires_at) if one is not None]
        if ends and moment > min(ends) + TOLERANCE:
            return "had ended by then"
        return _forbidden(event, key)


def _forbidden(event: LedgerEvent, key: ApiKey) -> str | None:
    """Returns why the key could not record the event; None if it could."""
    role = Role(key.role)
    granted = GRANTS[role] | {Permission[name.upper()] for name in key.extra}
    if Permission.EVERYWHERE not in granted and event.location not in key.locations:
        return f"had no access to {event.location}"
    if isinstance(event, MovementRecorded):
        needed = NEEDED_PERMISSION[event.type]
        if needed is not None and needed not in granted:
            return f"could not record {event.type}"
    return None
