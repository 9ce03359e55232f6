"""What people do with rejected transactions: look at them, try them again, dismiss them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from application.access.audit import Action, AuditTrail, Origin
from application.access.principal import Principal
from application.clock import Clock, utc_now
from application.lost_races import until_won
from application.persistence.filters import RejectedFilter
from application.persistence.port import LedgerRecorder
from application.rejected.keeping import RejectionKeeper
from application.rejected.rejections import AlreadyRecorded, UnknownRejection
from application.rejected.table import RejectedTransaction, Standing
from application.sync import SyncResult, SyncService
from domain.limits import require_label
from domain.rejections import Invalid

MAX_DISMISSED_AT_ONCE = 1_000
"""Rejected transactions that one call closes."""

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
        return until_won(lambda _: self._dismiss(name, reason, principal, origin))

    def dismiss_matching(
        self, wanted: RejectedFilter, reason: str, principal: Principal, origin: Origin
    ) -> tuple[int, bool]:
        """Closes what is open and matches, `MAX_DISMISSED_AT_ONCE` at the most; returns how many,
        and whether there are more.

        Raises:
            Invalid: the reason is blank or too long.
        """
        require_label("reason", reason)
        opened = replace(wanted, standing=Standing.OPEN.value)
        found = self._recorder.select_rejected(opened, before=None, limit=MAX_DISMISSED_AT_ONCE + 1)
        chosen = found[:MAX_DISMISSED_AT_ONCE]
        number = until_won(lambda _: self._dismiss_all(chosen, reason, principal, origin))
        return number, len(found) > len(chosen)

    def retry(
        self, name: UUID, principal: Principal, correction: Correction | None = None
    ) -> SyncResult:
        """Sends it again, as it was sent; with a correction, both are recorded or neither.

        Raises:
            UnknownRejection: nothing that the caller may see was rejected under that name.
            AlreadyRecorded: it was recorded after all.
            Invalid: it is malformed, and can't be recorded whatever is on hand; or the correction
                bears its `local_id`.
        """
        wanted = RejectedFilter(name=name, locations=principal.visible(None))
        found = self._recorder.select_rejected(wanted, before=None, limit=MAX_UNDER_ONE_NAME)
        row = _latest(name, found)
        if row.standing == Standing.RESOLVED:
            raise AlreadyRecorded(name)
        if row.malformed:
            raise Invalid("transaction", "is malformed: it can only be dismissed")
        if correction is not None and correction.local_id == row.local_id:
            raise Invalid("localId", "of the adjustment must be one of its own")
        element = json.loads(row.element)
        before = [] if correction is None else [_adjustment(correction, element["itemId"])]
        result = self._sync.sync([*before, element], principal, together=True)
        if any(one.status == "duplicate" and one.local_id == row.local_id for one in result.synced):
            until_won(lambda _: self._resolve(row.rejection_id, principal))
        return result

    def _dismiss(
        self, name: UUID, reason: str, principal: Principal, origin: Origin
    ) -> RejectedTransaction:
        now = self._clock()
        with self._recorder.transaction() as transaction:
            found = _visible(transaction.rejected(name), principal)
            latest = _latest(name, found)
            opened = [row for row in found if row.standing == Standing.OPEN]
            if opened:
                detail = f"{name}, {opened[0].code}: {reason}"
                self._keeper.dismiss(transaction, opened, reason, principal.actor, now)
                self._audit.append(transaction, Action.REJECTION_DISMISSED, origin, detail)
            elif latest.standing == Standing.RESOLVED:
                raise AlreadyRecorded(name)
            return _latest(name, _visible(transaction.rejected(name), principal))

    def _dismiss_all(
        self,
        chosen: Sequence[RejectedTransaction],
        reason: str,
        principal: Principal,
        origin: Origin,
    ) -> int:
        """Those of them that are still open."""
        now = self._clock()
        with self._recorder.transaction() as transaction:
            opened = [
                row
                for rejection_id in sorted(one.rejection_id for one in chosen)
                for row in transaction.rejected(rejection_id)
                if row.rejection_id == rejection_id and row.standing == Standing.OPEN
            ]
            if opened:
                detail = f"{len(opened)} at once, {opened[0].rejection_id} the first: {reason}"
                self._keeper.dismiss(transaction, opened, reason, principal.actor, now)
                self._audit.append(transaction, Action.REJECTION_DISMISSED, origin, detail)
        return len(opened)

    def _resolve(self, rejection_id: UUID, principal: Principal) -> None:
        """For what was recorded while its rejection was being kept."""
        with self._recorder.transaction() as transaction:
            self._keeper.resolve(transaction, [rejection_id], principal.actor, self._clock())


def _visible(
    rows: Iterable[RejectedTransaction], principal: Principal
) -> list[RejectedTransaction]:
    return [row for row in rows if principal.may_enter(row.location)]


def _latest(name: UUID, found: Sequence[RejectedTransaction]) -> RejectedTransaction:
    """What was rejected last, what is open first. Raises UnknownRejection."""
    if not found:
        raise UnknownRejection(name)
    return max(found, key=lambda row: (row.standing == Standing.OPEN, row.rejected_at))


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
