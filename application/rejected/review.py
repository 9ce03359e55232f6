"""What people do with rejected transactions: look at them, try them again, dismiss them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from application.access.audit import Action, AuditTrail, Origin
from application.access.principal import Principal
from application.clock import Clock, utc_now
from application.persistence.filters import RejectedFilter
from application.persistence.port import LedgerRecorder
from application.rejected.keeping import RejectionKeeper
from application.rejected.rejections import AlreadyRecorded, UnknownRejection
from application.rejected.table import RejectedTransaction, Standing
from application.sync import SyncResult, SyncService
from domain.limits import require_label
from domain.rejections import Invalid

MAX_UNDER_ONE_NAME = 1_000
"""Rejected transactions that may have one `localId`, each with other content."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An adjustment that is recorded, under an id of its own, before something is tried again."""

    local_id: UUID
    quantity: int
    """The signed difference."""
    reason: str | None = None
    note: str | None = None


class ReviewService:
    """Lets people work through what was rejected at their locations.

    Rejected transactions go by their `local_id`, or by the rejection's own id, where the `local_id`
    could not be read.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        sync: SyncService,
        keeper: RejectionKeeper,
        audit: AuditTrail,
        clock: Clock = utc_now,
    ) -> None:
        self._recorder = recorder
        self._sync = sync
        self._keeper = keeper
        self._audit = audit
        self._clock = clock

    def rejected(
        self, wanted: RejectedFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[RejectedTransaction]:
        """Rejected transactions, the newest first, from before that one."""
        return self._recorder.select_rejected(wanted, before=before, limit=limit)

    def dismiss(
        self, name: UUID, reason: str, principal: Principal, origin: Origin
    ) -> RejectedTransaction:
        """Closes what is open under that name, and returns what was rejected last. What is
        dismissed already stays as it is.

        Raises:
            Invalid: the reason is blank or too long.
            UnknownRejection: nothing that the caller may see was rejected under that name.
            AlreadyRecorded: it was recorded after all.
        """
        require_label("reason", reason)
        found = self._found(name, principal)
        opened = [row for row in found if row.standing == Standing.OPEN]
        if opened:
            detail = f"{name}, {opened[0].code}: {reason}"
            with self._recorder.transaction() as transaction:
                self._keeper.dismiss(transaction, opened, reason, principal.actor, self._clock())
                self._audit.append(transaction, Action.REJECTION_DISMISSED, origin, detail)
        elif found[0].standing == Standing.RESOLVED:
            raise AlreadyRecorded(name)
        return self._found(name, principal)[0]

    def retry(
        self, name: UUID, principal: Principal, correction: Correction | None = None
    ) -> SyncResult:
        """Sends it again, as it was sent; before that, the correction, if one is given.

        Raises:
            UnknownRejection: nothing that the caller may see was rejected under that name.
            Invalid: it is malformed, and can't be recorded whatever is on hand.
        """
        row = self._found(name, principal)[0]
        if row.malformed:
            raise Invalid("transaction", "is malformed: it can only be dismissed")
        element = json.loads(row.element)
        before = [] if correction is None else [_adjustment(correction, element["itemId"])]
        result = self._sync.sync([*before, element], principal)
        if any(one.status == "duplicate" and one.local_id == row.local_id for one in result.synced):
            self._resolve(row.rejection_id, principal)
        return result

    def _resolve(self, rejection_id: UUID, principal: Principal) -> None:
        """For what was recorded while its rejection was being kept."""
        with self._recorder.transaction() as transaction:
            self._keeper.resolve(transaction, [rejection_id], principal.actor, self._clock())

    def _found(self, name: UUID, principal: Principal) -> Sequence[RejectedTransaction]:
        """What the caller may see of it, what was rejected last first."""
        wanted = RejectedFilter(name=name, locations=principal.visible(None))
        found = self._recorder.select_rejected(wanted, before=None, limit=MAX_UNDER_ONE_NAME)
        if not found:
            raise UnknownRejection(name)
        return sorted(found, key=lambda row: row.rejected_at, reverse=True)


def _adjustment(correction: Correction, item_id: str) -> dict[str, Any]:
    element = {
        "localId": str(correction.local_id),
        "type": "ADJUST",
        "itemId": item_id,
        "quantity": correction.quantity,
        "reason": correction.reason,
        "note": correction.note,
    }
    return {field: value for field, value in element.items() if value is not None}
