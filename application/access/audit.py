"""The audit trail: refused requests, dismissed rejections, changes of API keys, and sessions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from secrets import randbits
from typing import Final, NamedTuple
from uuid import UUID

from application.access.errors import Forbidden, ItemElsewhere
from application.persistence.filters import AuditFilter
from application.persistence.recorder import LedgerRecorder
from application.persistence.unit_of_work import UnitOfWork
from application.server_clock import Clock, utc_now
from application.tables.access import AUDIT_LOG, AuditEntry
from application.tables.table import Insert
from domain.actor import Actor
from domain.errors import Rejection
from domain.limits import printable

MAX_DETAIL_LENGTH: Final = 1_000
"""Maximum number of characters of an entry's text."""


class Action(StrEnum):
    """What was tried or done."""

    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    WRITE_REFUSED = "WRITE_REFUSED"
    REJECTION_DISMISSED = "REJECTION_DISMISSED"
    KEY_CREATED = "KEY_CREATED"
    KEY_ROTATED = "KEY_ROTATED"
    KEY_REVOKED = "KEY_REVOKED"
    SESSION_OPENED = "SESSION_OPENED"
    SESSION_CLOSED = "SESSION_CLOSED"
    PROOF_FAILED = "PROOF_FAILED"
    LEDGER_VERIFIED = "LEDGER_VERIFIED"
    EVENT_REPAIRED = "EVENT_REPAIRED"
    LEDGER_RESTORED = "LEDGER_RESTORED"


class Origin(NamedTuple):
    """The origin of a request or a command."""

    actor: Actor | None
    address: str | None = None
    request_id: str | None = None


def refusals(rejections: Iterable[Rejection]) -> list[Rejection]:
    """Returns the rejections that refuse access to an action or a location."""
    return [one for one in rejections if isinstance(one, Forbidden | ItemElsewhere)]


class AuditTrail:
    """Writes and reads the trail. Every method may raise StoreUnavailable."""

    def __init__(self, recorder: LedgerRecorder, clock: Clock = utc_now) -> None:
        self._recorder = recorder
        self._clock = clock

    def record(self, action: Action, origin: Origin, detail: str) -> None:
        """Writes an entry in a commit of its own."""
        with self._recorder.unit_of_work() as unit_of_work:
            self.append(unit_of_work, action, origin, detail)

    def record_refusals(self, origin: Origin, refused: Sequence[Rejection]) -> None:
        """Writes one entry for all elements of a batch that the caller may not record."""
        detail = f"{len(refused)} elements of a batch were refused, the first: {refused[0].message}"
        self.record(Action.WRITE_REFUSED, origin, detail)

    def append(self, unit_of_work: UnitOfWork, action: Action, origin: Origin, detail: str) -> None:
        """Adds an entry to a unit of work: atomic with its other writes."""
        actor = origin.actor
        now = self._clock()
        entry = AuditEntry(
            entry_id=_time_ordered_id(now),
            recorded_at=now,
            action=action.value,
            actor=actor and actor.name,
            key_id=actor and actor.key_id,
            address=origin.address and printable(origin.address)[:MAX_DETAIL_LENGTH],
            request_id=origin.request_id,
            detail=printable(detail)[:MAX_DETAIL_LENGTH],
        )
        unit_of_work.write(AUDIT_LOG, [Insert([entry])])

    def entries(
        self, wanted: AuditFilter, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Returns entries, newest first. `before` is the id of an entry, exclusive."""
        return self._recorder.select_audit(wanted, before=before, limit=limit)


def _time_ordered_id(now: datetime) -> UUID:
    """Returns a UUIDv7 (RFC 9562, section 5.7), so that the order of keys is that of time."""
    milliseconds = int(now.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62))
