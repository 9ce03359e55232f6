"""Review of rejected transactions: people retry or dismiss them, one by one or in bulk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from application.access.audit import Action, AuditTrail, Origin
from application.access.principal import Principal
from application.access.roles import Permission
from application.ledger.retry import retry_on_conflict
from application.parsing.items import Registration
from application.persistence.filters import RejectedFilter
from application.persistence.recorder import LedgerRecorder
from application.recording.decide import MAX_GROUP_SIZE
from application.recording.differing_items import registration_of
from application.recording.registration import RegistrationResult
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import AlreadyRecorded, UnknownRejection
from application.recording.retries import (
    AS_SENT,
    RetryOptions,
    retried_transaction,
    transactions_to_retry,
)
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.server_clock import Clock, utc_now
from application.tables.rejected import RejectedTransaction, RejectionStatus
from domain.errors import Invalid, Rejection
from domain.labels import label
from domain.transaction import Transaction

MAX_REVIEWED_PER_CALL: Final = 1_000
"""Maximum number of rejected transactions that one call retries or closes."""

MAX_REJECTIONS_PER_ID: Final = 1_000
"""Maximum number of rejected transactions with one `localId`, each with other content."""


class Reviewed(NamedTuple):
    """The outcome of one rejected transaction in a bulk review."""

    rejection_id: UUID | None
    """None if it is not known."""
    local_id: UUID | None
    status: Literal["recorded", "duplicate", "dismissed", "failed"]
    rejection: Rejection | None = None
    """Why it failed."""


class BulkReview(NamedTuple):
    """The outcome of a bulk review."""

    rows: list[Reviewed]
    last: RejectedTransaction | None = None
    """The last row of this call, if more rows match the filter."""


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
        """Dismisses the open rejections under this name, and those of their groups; returns the
        latest one under the name. Idempotent: one that is dismissed already stays as it is.

        Raises:
            Invalid: the reason is blank or too long.
            UnknownRejection: the caller can see no rejection under this name.
            AlreadyRecorded: the transaction is recorded already.
        """
        reason = label("reason", reason)
        return retry_on_conflict(lambda _: self._dismiss(name, reason, principal, origin))

    def dismiss_all(
        self,
        chosen: RejectedFilter | Sequence[UUID],
        location: str | None,
        reason: str,
        principal: Principal,
        origin: Origin,
        before: tuple[datetime, UUID] | None = None,
    ) -> BulkReview:
        """Dismisses open rejections, at one location or at all of the caller's.

        Args:
            chosen: a filter, or names. At most `MAX_REVIEWED_PER_CALL` are dismissed.
            location: limits a filter to one location.
            reason: of all of them.
            principal: the caller.
            origin: of the request.
            before: first rejection and id of the last row of the call before.

        Raises:
            Forbidden: the location is not one of the caller's.
            Invalid: the reason is blank or too long.
        """
        reason = label("reason", reason)
        rows, failed, last = self._chosen(chosen, location, principal, before)
        whole = self._with_groups(rows, principal)
        dismissed = retry_on_conflict(lambda _: self._dismiss_all(whole, reason, principal, origin))
        return BulkReview([*dismissed, *failed], last)

    def retry(
        self, name: UUID, principal: Principal, options: RetryOptions = AS_SENT
    ) -> SyncResult:
        """Retries a rejected transaction, and all of its group. It keeps its first arrival.

        It is atomic: everything is recorded, an adjustment included, or nothing.

        Raises:
            UnknownRejection: the caller can see no rejection under this name.
            AlreadyRecorded: the transaction is recorded already.
            Forbidden: the caller may not override the floor.
            Invalid: this version can't read the transaction either; a `local_id` must be new, or
                must not be given; or a part of the group is elsewhere, or it is too large.
            Unsupported: only a newer version can read the transaction.
        """
        self._require_allowed(options, principal)
        row = _latest(name, self._find([name], principal))
        if row.status == RejectionStatus.RESOLVED:
            raise AlreadyRecorded(name)
        if row.is_item:
            if options != AS_SENT:
                raise Invalid("retry", "of an item takes no options: it replaces what stands")
            return self._replace_items([(registration_of(row), row)], principal)
        group = _to_retry(self._group_of(row), principal)
        transactions, rows = transactions_to_retry(row, group, options)
        return self._sync.retry(transactions, rows, principal)

    def _replace_items(
        self, items: Sequence[tuple[Registration, RejectedTransaction]], principal: Principal
    ) -> SyncResult:
        """Lets differing items replace what stands. Raises Forbidden."""
        principal.require(Permission.MANAGE_ITEMS)
        return self._sync.retry([], {}, principal, atomic=False, items=items)

    def retry_all(
        self,
        chosen: RejectedFilter | Sequence[UUID],
        location: str | None,
        principal: Principal,
        override: str | None = None,
        before: tuple[datetime, UUID] | None = None,
    ) -> BulkReview:
        """Retries open rejections as they were sent, each on its own, or with its group. All
        transactions are in one commit, and all items in another.

        Args:
            chosen: a filter, or names. At most `MAX_REVIEWED_PER_CALL` are retried.
            location: limits a filter to one location.
            principal: the caller.
            override: the reason why quantities on hand may end below their floors.
            before: first rejection and id of the last row of the call before.

        Raises:
            Forbidden: the location is not one of the caller's, or the caller may not override.
        """
        options = RetryOptions(override=override)
        self._require_allowed(options, principal)
        rows, failed, last = self._chosen(chosen, location, principal, before)
        items, failed_items = _differing_items(rows)
        failed += failed_items
        transactions: list[Transaction] = []
        retried: list[RejectedTransaction] = []
        for unit in self._units([row for row in rows if not row.is_item]):
            try:
                found = _to_retry(unit, principal)
                new = [retried_transaction(row, options) for row in found]
            except Rejection as rejection:
                failed += [_failed(row, rejection) for row in unit if row in rows]
            else:
                transactions += new
                retried += found
        result = self._sync.retry(transactions, dict(enumerate(retried)), principal, atomic=False)
        replaced = self._replace_items(items, principal).items if items else []
        of_items = _reviewed_items([row for _, row in items], replaced)
        return BulkReview([*_reviewed(retried, result), *of_items, *failed], last)

    def _chosen(
        self,
        chosen: RejectedFilter | Sequence[UUID],
        location: str | None,
        principal: Principal,
        before: tuple[datetime, UUID] | None,
    ) -> tuple[list[RejectedTransaction], list[Reviewed], RejectedTransaction | None]:
        """Returns the open rejections that are chosen, oldest first, the names without one, and the
        last row if more match."""
        if isinstance(chosen, RejectedFilter):
            wanted = replace(
                chosen, status=RejectionStatus.OPEN.value, locations=principal.scope(location)
            )
            found = self._recorder.select_rejected(
                wanted, before=before, limit=MAX_REVIEWED_PER_CALL + 1
            )
            rows = list(found[:MAX_REVIEWED_PER_CALL])
            return rows[::-1], [], rows[-1] if len(found) > len(rows) else None
        names = list(dict.fromkeys(chosen))
        found = self._find(names, principal)
        named = [(name, [row for row in found if name in _names(row)]) for name in names]
        opened = [row for row in found if row.status == RejectionStatus.OPEN]
        has_open = {name for row in opened for name in _names(row)}
        others = [_not_open(name, rows) for name, rows in named if name not in has_open]
        return opened[::-1], others, None

    def _units(self, rows: Sequence[RejectedTransaction]) -> Iterator[list[RejectedTransaction]]:
        """Yields single rows, and whole groups, each once."""
        taken: set[tuple[UUID, str, str | None]] = set()
        for row in rows:
            if row.group_id is None:
                yield [row]
            elif (key := (row.group_id, row.actor, row.key_id)) not in taken:
                taken.add(key)
                yield self._group_of(row)

    def _with_groups(
        self, rows: Sequence[RejectedTransaction], principal: Principal
    ) -> list[RejectedTransaction]:
        """Returns the rows, and the open ones of their groups that the caller can see."""
        return [
            row
            for unit in self._units(rows)
            for row in unit
            if row.status == RejectionStatus.OPEN and principal.can_access(row.location)
        ]

    def _group_of(self, row: RejectedTransaction) -> list[RejectedTransaction]:
        """Returns all rows of the row's group, of the same sender, in order; none if it has no
        group."""
        if row.group_id is None:
            return []
        wanted = RejectedFilter(group_id=row.group_id, actor=row.actor)
        found = self._recorder.select_rejected(wanted, before=None, limit=MAX_REVIEWED_PER_CALL)
        of_sender = [one for one in found if one.key_id == row.key_id]
        return sorted(of_sender, key=lambda one: (one.first_rejected_at, one.rank or 0))

    def _find(self, names: Sequence[UUID], principal: Principal) -> list[RejectedTransaction]:
        wanted = RejectedFilter(names=tuple(names), locations=principal.scope(None))
        limit = MAX_REJECTIONS_PER_ID + len(names)
        return list(self._recorder.select_rejected(wanted, before=None, limit=limit))

    def _require_allowed(self, options: RetryOptions, principal: Principal) -> None:
        """Raises Forbidden: the caller may not override; Invalid: the reason is no label."""
        if options.override is not None:
            principal.require(Permission.OVERRIDE)
            label("reason", options.override)

    def _dismiss(
        self, name: UUID, reason: str, principal: Principal, origin: Origin
    ) -> RejectedTransaction:
        now = self._clock()
        whole = self._with_groups(self._find([name], principal), principal)
        with self._recorder.unit_of_work() as unit_of_work:
            found = _visible(unit_of_work.rejected(name), principal)
            latest = _latest(name, found)
            named = {one.rejection_id for one in (*found, *whole)}
            open_now = unit_of_work.rejections(sorted(named))
            opened = [row for row in open_now if row.status == RejectionStatus.OPEN]
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
    ) -> list[Reviewed]:
        """Dismisses the chosen rejections that are still open."""
        now = self._clock()
        with self._recorder.unit_of_work() as unit_of_work:
            found = unit_of_work.rejections(sorted(one.rejection_id for one in chosen))
            opened = [row for row in found if row.status == RejectionStatus.OPEN]
            if opened:
                detail = f"{len(opened)} at once, {opened[0].rejection_id} the first: {reason}"
                self._store.dismiss(unit_of_work, opened, reason, principal.actor, now)
                self._audit.append(unit_of_work, Action.REJECTION_DISMISSED, origin, detail)
        return [Reviewed(row.rejection_id, row.local_id, "dismissed") for row in opened]


def _to_retry(
    rows: Sequence[RejectedTransaction], principal: Principal
) -> list[RejectedTransaction]:
    """Returns the rows of a unit that are not recorded yet. Raises Invalid: the caller can't retry
    all of them."""
    left = [row for row in rows if row.status != RejectionStatus.RESOLVED]
    if len(left) > MAX_GROUP_SIZE:
        raise Invalid("group", f"has more than {MAX_GROUP_SIZE} transactions")
    if any(not principal.can_access(row.location) for row in left):
        raise Invalid("group", "has transactions that are not at your locations")
    return left


def _visible(
    rows: Iterable[RejectedTransaction], principal: Principal
) -> list[RejectedTransaction]:
    return [row for row in rows if principal.can_access(row.location)]


def _latest(name: UUID, found: Sequence[RejectedTransaction]) -> RejectedTransaction:
    """Returns the latest rejection, an open one first. Raises UnknownRejection: there is none."""
    if not found:
        raise UnknownRejection(name)
    return max(found, key=lambda row: (row.status == RejectionStatus.OPEN, row.rejected_at))


def _names(row: RejectedTransaction) -> set[UUID | None]:
    return {row.local_id, row.rejection_id}


def _not_open(name: UUID, rows: Sequence[RejectedTransaction]) -> Reviewed:
    """Returns the outcome of a name without an open rejection."""
    if not rows:
        return Reviewed(None, name, "failed", UnknownRejection(name))
    latest = _latest(name, rows)
    if latest.status == RejectionStatus.RESOLVED:
        return _failed(latest, AlreadyRecorded(name))
    return Reviewed(latest.rejection_id, latest.local_id, "dismissed")


def _failed(row: RejectedTransaction, rejection: Rejection) -> Reviewed:
    return Reviewed(row.rejection_id, row.local_id, "failed", rejection)


def _reviewed(rows: Sequence[RejectedTransaction], result: SyncResult) -> Iterator[Reviewed]:
    """Yields the outcome of each retried row."""
    synced = {one.index: one.status for one in result.synced}
    failed = {one.index: one.rejection for one in result.failed}
    for index, row in enumerate(rows):
        if index in synced:
            yield Reviewed(row.rejection_id, row.local_id, synced[index])
        else:
            yield _failed(row, failed[index])


def _differing_items(
    rows: Sequence[RejectedTransaction],
) -> tuple[list[tuple[Registration, RejectedTransaction]], list[Reviewed]]:
    """Returns the differing items among the rows, and those that this version can't read."""
    items: list[tuple[Registration, RejectedTransaction]] = []
    failed: list[Reviewed] = []
    for row in (one for one in rows if one.is_item):
        try:
            items.append((registration_of(row), row))
        except Rejection as rejection:
            failed.append(_failed(row, rejection))
    return items, failed


def _reviewed_items(
    rows: Sequence[RejectedTransaction], results: Sequence[RegistrationResult]
) -> Iterator[Reviewed]:
    """Yields the outcome of each retried item."""
    for row, item in zip(rows, results, strict=True):
        if item.rejection is None:
            yield Reviewed(row.rejection_id, None, "recorded")
        else:
            yield _failed(row, item.rejection)
