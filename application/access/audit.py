"""The audit trail: who was turned away, what was dismissed, and what was done to keys."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from secrets import randbits
from typing import Final, NamedTuple
from uuid import UUID

from application.access.errors import Forbidden, ItemElsewhere
from application.clock import Clock, utc_now
from application.persistence.filters import AuditFilter
from application.persistence.recorder import LedgerRecorder
from application.persistence.unit_of_work import UnitOfWork
from application.tables.access import AUDIT_LOG, AuditEntry
from application.tables.table import Insert
from domain.actor import Actor
from domain.errors import Rejection
from domain.limits import printable

MAX_DETAIL_LENGTH: Final = 1_000
"""Characters of an entry's text."""


class Action(StrEnum):
    """What was tried or done."""

    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    WRITE_REFUSED = "WRITE_REFUSED"
    REJECTION_DISMISSED = "REJECTION_DISMISSED"
    KEY_CREATED = "KEY_CREATED"
    KEY_ROTATED = "KEY_ROTATED"
    KEY_REVOKED = "KEY_REVOKED"


class Origin(NamedTuple):
    """Where a request, or a command, came from."""

    actor: Actor | None
    address: str | None = None
    request_id: str | None = None


def refusals(rejections: Iterable[Rejection]) -> list[Rejection]:
    """Those that say what the caller may not do, or where."""
    return [one for one in rejections if isinstance(one, Forbidden | ItemElsewhere)]


class AuditTrail:
    """Writes the trail, and reads it."""

    def __init__(self, recorder: LedgerRecorder, clock: Clock = utc_now) -> None:
        self._recorder = recorder
        self._clock = clock

    def record(self, action: Action, origin: Origin, detail: str) -> None:
        """An entry of its own."""
        with self._recorder.unit_of_work() as unit_of_work:
            self.append(unit_of_work, action, origin, detail)

    def record_refusals(self, origin: Origin, refused: Sequence[Rejection]) -> None:
        """One entry for all elements of a batch that the caller may not have recorded."""
        detail = f"{len(refused)} elements of a batch, the first because {refused[0].message}"
        self.record(Action.WRITE_REFUSED, origin, detail)

    def append(self, unit_of_work: UnitOfWork, action: Action, origin: Origin, detail: str) -> None:
        """An entry that stands or falls with what else the unit of work does."""
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
        """The trail, newest first, from before that entry."""
        return self._recorder.select_audit(wanted, before=before, limit=limit)


def _time_ordered_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7), so that the trail can be read in order by its key."""
    milliseconds = int(now.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62))
