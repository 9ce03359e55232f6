"""Review of rejected transactions: people retry or dismiss them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from application.access.audit import Action, AuditTrail, Origin
from application.access.principal import Principal
from application.ledger.retry import retry_on_conflict
from application.parsing.batch import moved_at
from application.parsing.transactions import read_element
from application.persistence.filters import RejectedFilter
from application.persistence.recorder import LedgerRecorder
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import AlreadyRecorded, UnknownRejection
from application.recording.sync import SyncResult, SyncService
from application.server_clock import Clock, utc_now
from application.tables.rejected import RejectedTransaction, RejectionStatus
from domain.errors import Invalid, LocalIdReused
from domain.labels import label
from domain.transaction import Transaction, TransactionType

MAX_DISMISSED_PER_CALL = 1_000
"""Maximum number of rejected transactions that one call closes."""

MAX_REJECTIONS_PER_ID = 1_000
"""Maximum number of rejected transactions with one `localId`, each with other content."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An adjustment to record before a retry, under a `local_id` of its own."""

    local_id: UUID
    quantity: int
    """The signed difference, in whole units."""
    reason: str | None = None
    note: str | None = None


class ReviewService:
    """Lets people review the rejected transactions at their locations.

    `name` is the `local_id` of a rejected transaction, or the rejection's own id if the `local_id`
    could not be read. Every method may raise StoreUnavailable.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        sync: SyncService,
        store: RejectedTransactionStore,
        audit: AuditTrail,
        clock: Clock = utc_now,
    ) -> None:
        self._recorder = recorder
        self._sync = sync
        self._store = store
        self._audit = audit
        self._clock = clock

    def dismiss(
        self, name: UUID, reason: str, principal: Principal, origin: Origin
    ) -> RejectedTransaction:
        """Dismisses the open rejections under this name; returns the latest one. Idempotent: one
        that is dismissed already stays as it is.

        Raises:
            Invalid: the reason is blank or too long.
            UnknownRejection: the caller can see no rejection under this name.
            AlreadyRecorded: the transaction is recorded already.
        """
        reason = label("reason", reason)
        return retry_on_conflict(lambda _: self._dismiss(name, reason, principal, origin))

    def dismiss_matching(
        self,
        wanted: RejectedFilter,
        location: str | None,
        reason: str,
        principal: Principal,
        origin: Origin,
    ) -> tuple[int, bool]:
        """Dismisses open rejections that match, at one location or at all of the caller's.

        Closes at most `MAX_DISMISSED_PER_CALL`. Returns their number, and whether there are more.

        Raises:
            Forbidden: the location is not one of the caller's.
            Invalid: the reason is blank or too long.
        """
        reason = label("reason", reason)
        opened = replace(
            wanted, status=RejectionStatus.OPEN.value, locations=principal.scope(location)
        )
        found = self._recorder.select_rejected(
            opened, before=None, limit=MAX_DISMISSED_PER_CALL + 1
        )
        chosen = found[:MAX_DISMISSED_PER_CALL]
        number = retry_on_conflict(lambda _: self._dismiss_all(chosen, reason, principal, origin))
        return number, len(found) > len(chosen)

    def retry(
        self,
        name: UUID,
        principal: Principal,
        correction: Correction | None = None,
        local_id: UUID | None = None,
    ) -> SyncResult:
        """Retries a rejected transaction as it was sent. With a correction, it is atomic: both are
        recorded, or neither.

        Args:
            name: the transaction's `local_id`, or the rejection's own id.
            principal: the caller.
            correction: an adjustment to record before the transaction.
            local_id: a new one, for a transaction with the `local_id` of another transaction. The
                default is the UUIDv5 of the old one and the rejection's id.

        Raises:
            UnknownRejection: the caller can see no rejection under this name.
            AlreadyRecorded: the transaction is recorded already.
            Invalid: this version can't read the transaction either; or a `local_id` must be new,
                or must not be given.
            Unsupported: only a newer version can read the transaction.
        """
        wanted = RejectedFilter(name=name, locations=principal.scope(None))
        found = self._recorder.select_rejected(wanted, before=None, limit=MAX_REJECTIONS_PER_ID)
        row = _latest(name, found)
        if row.status == RejectionStatus.RESOLVED:
            raise AlreadyRecorded(name)
        transaction = _with_own_id(_parsed(row), row, local_id)
        if correction is None:
            return self._sync.retry(row, [transaction], principal)
        if correction.local_id in {row.local_id, transaction.local_id}:
            raise Invalid("adjustment.localId", "must differ from that of the transaction")
        try:
            adjustment = _adjustment(correction, transaction.item_id)
        except Invalid as error:
            details = error.details
            raise Invalid(f"adjustment.{details['field']}", str(details["problem"])) from None
        return self._sync.retry(row, [adjustment, transaction], principal)

    def _dismiss(
        self, name: UUID, reason: str, principal: Principal, origin: Origin
    ) -> RejectedTransaction:
        now = self._clock()
        with self._recorder.unit_of_work() as unit_of_work:
            found = _visible(unit_of_work.rejected(name), principal)
            latest = _latest(name, found)
            opened = [row for row in found if row.status == RejectionStatus.OPEN]
            if opened:
                detail = f"{name}, {opened[0].code}: {reason}"
                self._store.dismiss(unit_of_work, opened, reason, principal.actor, now)
                self._audit.append(unit_of_work, Action.REJECTION_DISMISSED, origin, detail)
            elif latest.status == RejectionStatus.RESOLVED:
                raise AlreadyRecorded(name)
            return _latest(name, _visible(unit_of_work.rejected(name), principal))

    def _dismiss_all(
        self,
        chosen: Sequence[RejectedTransaction],
        reason: str,
        principal: Principal,
        origin: Origin,
    ) -> int:
        """Dismisses the chosen rejections that are still open; returns their number."""
        now = self._clock()
        with self._recorder.unit_of_work() as unit_of_work:
            opened = [
                row
                for rejection_id in sorted(one.rejection_id for one in chosen)
                for row in unit_of_work.rejected(rejection_id)
                if row.rejection_id == rejection_id and row.status == RejectionStatus.OPEN
            ]
            if opened:
                detail = f"{len(opened)} at once, {opened[0].rejection_id} the first: {reason}"
                self._store.dismiss(unit_of_work, opened, reason, principal.actor, now)
                self._audit.append(unit_of_work, Action.REJECTION_DISMISSED, origin, detail)
        return len(opened)


def _visible(
    rows: Iterable[RejectedTransaction], principal: Principal
) -> list[RejectedTransaction]:
    return [row for row in rows if principal.can_access(row.location)]


def _latest(name: UUID, found: Sequence[RejectedTransaction]) -> RejectedTransaction:
    """Returns the latest rejection, an open one first. Raises UnknownRejection: there is none."""
    if not found:
        raise UnknownRejection(name)
    return max(found, key=lambda row: (row.status == RejectionStatus.OPEN, row.rejected_at))


def _parsed(row: RejectedTransaction) -> Transaction:
    """Parses the stored element with this version. Raises Invalid, Unsupported."""
    try:
        transaction = read_element(json.loads(row.element)).transaction
    except (ValueError, Invalid) as error:
        problem = f" ({error})" if isinstance(error, Invalid) else ""
        raise Invalid("transaction", f"is malformed{problem}: it can only be dismissed") from None
    return transaction if row.moved_at is None else moved_at(transaction, row.moved_at)


def _with_own_id(
    transaction: Transaction, row: RejectedTransaction, local_id: UUID | None
) -> Transaction:
    """Gives the transaction a new `local_id` if its own is that of another transaction. The default
    is the same for every retry. Raises Invalid: the id is not new, or must not be given."""
    if row.code == LocalIdReused.code:
        new = local_id or uuid5(transaction.local_id, str(row.rejection_id))
        if new == transaction.local_id:
            raise Invalid("localId", "is recorded with other content: give a new one")
        return replace(transaction, local_id=new)
    if local_id is not None:
        raise Invalid("localId", f"can only be changed after the rejection {LocalIdReused.code}")
    return transaction


def _adjustment(correction: Correction, item_id: UUID) -> Transaction:
    return Transaction(
        local_id=correction.local_id,
        type=TransactionType.ADJUST,
        item_id=item_id,
        quantity=correction.quantity,
        reason=correction.reason,
        note=correction.note,
    )
