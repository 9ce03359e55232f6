"""Sync: the only way to record movements.

Each element is decided on its own, in the order of the request. All accepted elements are recorded
in one commit, shared with other batches that arrived meanwhile. Every decision comes before the
first write, so nothing ever has to be undone.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final
from uuid import UUID

from application.access.principal import Principal
from application.ledger.ledger import Ledger
from application.ledger.retry import retry_on_conflict
from application.parsing.batch import Batch, batch_of, parse_batch
from application.parsing.items import ParsedItem, Registration
from application.persistence.errors import StoreUnavailable
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decider, Decision
from application.recording.group_commit import GroupCommit, Overloaded
from application.recording.judge import Judge
from application.recording.known_duplicates import LARGE_BATCH, Deduplicated, deduplicate
from application.recording.reconsider import MAX_ROWS_PER_COMMIT, Reconsideration
from application.recording.registration import Registrar
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import AlreadyRecorded
from application.recording.rejections import Rejections
from application.recording.request import FOLLOW_UP, Request
from application.recording.sync_result import SyncResult, positions_of, results_of
from application.server_clock import Clock, utc_now
from application.tables.rejected import RejectedTransaction, RejectionStatus
from domain.quantities import Quantity
from domain.transaction import Transaction

MAX_WAITING_TRANSACTIONS: Final = 100_000
"""Queue limit, in transactions and items, unless the settings say otherwise."""


class SyncService:
    """Records batches of transactions exactly once."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock = utc_now,
        store: RejectedTransactionStore | None = None,
        max_waiting: int = MAX_WAITING_TRANSACTIONS,
        default_floor: Quantity | None = 0,
    ) -> None:
        """`default_floor`: the floor of new items that do not name one."""
        self._ledger = ledger
        self._clock = clock
        self._store = store or RejectedTransactionStore()
        self._default_floor = default_floor
        self._group_commit = GroupCommit(self._record, max_waiting)
        self._is_following_up = False
        self._must_follow_up_again = False

    def submit(
        self,
        batch: Batch,
        principal: Principal,
        *,
        is_answered: bool = False,
        is_kept: bool = True,
    ) -> Future[SyncResult]:
        """Queues the batch for the next commit.

        Args:
            batch: the batch.
            principal: its sender.
            is_answered: whether a person waits for the answer. A refusal is final then: the ledger
                does not judge it again by itself.
            is_kept: whether failed elements and differing items are kept for a review. Otherwise
                the answer alone tells of them, and a refusal is final.

        Returns:
            A future of the outcome of each element. It raises StoreUnavailable if the database
            can't be reached: send the same batch again. If the connection was lost during the
            commit, all of the batch may be recorded already. It raises ClockStepped if the clock
            was set ahead too far.

        Raises:
            Overloaded: too many transactions are waiting to be recorded.
        """
        request = Request(batch, principal, is_answered=is_answered or not is_kept, is_kept=is_kept)
        return self._group_commit.submit(request)

    async def record(
        self, batch: Batch, principal: Principal, *, is_answered: bool = False
    ) -> SyncResult:
        """As `submit`, for coroutines: returns the outcome of each element."""
        deduplicated = Deduplicated(batch, [])
        if len(batch.transactions) >= LARGE_BATCH:
            deduplicated = await asyncio.to_thread(deduplicate, self._ledger, batch, principal)
        request = Request(deduplicated.batch, principal, is_answered=is_answered)
        result = await self._group_commit.submit_async(request)
        if not deduplicated.duplicates:
            return result
        return await asyncio.to_thread(deduplicated.merged, result)

    @property
    def is_recording(self) -> bool:
        """Whether batches wait for a commit."""
        return self._group_commit.is_committing

    def preview(self, batch: Batch, principal: Principal) -> SyncResult:
        """Decides a batch as `submit` does for one that is not kept, and records nothing.

        Positions and versions of the answer are those that its events would have now.

        Raises:
            StoreUnavailable: the database can't be reached.
        """
        request = Request(batch, principal, is_answered=True, is_kept=False)
        try:
            retry_on_conflict(lambda conflicting: self._attempt([request], conflicting, _undo))
        except _Undone as undone:
            return undone.result
        raise AssertionError("unreachable")

    def follow_up(self) -> None:
        """Queues a commit that judges the rejected transactions that are due. Call it at the start,
        and when a commit left some of them."""
        if self._is_following_up:
            self._must_follow_up_again = True
            return
        self._is_following_up, self._must_follow_up_again = True, False
        try:
            self._group_commit.submit(FOLLOW_UP).add_done_callback(self._end_follow_up)
        except Overloaded:  # Each later commit notices what is due.
            self._is_following_up = False

    def _end_follow_up(self, done: Future[SyncResult]) -> None:
        self._is_following_up = False
        if self._must_follow_up_again and done.exception() is None:
            self.follow_up()

    def sync(self, elements: Sequence[object], principal: Principal) -> SyncResult:
        """Records a batch, and waits for the outcome of each element.

        Args:
            elements: the batch as decoded from JSON; its values may be anything.
            principal: its sender.

        Raises:
            StoreUnavailable, ClockStepped: as the future of `submit`.
            Overloaded: too many transactions are waiting to be recorded.
        """
        return self.submit(parse_batch(elements), principal).result()

    def retry(
        self,
        transactions: Sequence[Transaction],
        rows: Mapping[int, RejectedTransaction],
        principal: Principal,
        *,
        atomic: bool = True,
        items: Sequence[tuple[Registration, RejectedTransaction]] = (),
    ) -> SyncResult:
        """Records transactions that were rejected, and closes their rejections.

        Args:
            transactions: the ones to record.
            rows: the rejections that they retry, by index.
            principal: the caller.
            atomic: whether to record all of them or none; otherwise each is decided on its own.
            items: differing items that replace what stands, with their rejections. Each is decided
                on its own.

        Raises:
            AlreadyRecorded: it is atomic, and one of them was recorded meanwhile.
            StoreUnavailable, ClockStepped: as the future of `submit`.
        """
        # A commit of its own: no other batch may depend on movements that are not recorded in the
        # end, because another one failed.
        parsed = [ParsedItem(registration, (), replaces=True) for registration, _ in items]
        request = Request(
            batch_of(transactions)._replace(items=parsed),
            principal,
            atomic=atomic,
            retried=rows,
            retried_items=dict(enumerate(row for _, row in items)),
        )
        return self._record([request])[0]

    def _record(self, requests: Sequence[Request]) -> list[SyncResult]:
        try:
            return retry_on_conflict(lambda conflicting: self._attempt(requests, conflicting))
        except StoreUnavailable:  # It may come back as another one, restored from a backup.
            self._ledger.items.clear()
            raise

    def _attempt(
        self,
        requests: Sequence[Request],
        conflicting: set[UUID],
        before_commit: Callable[[list[SyncResult]], None] = lambda _: None,
    ) -> list[SyncResult]:
        """Locks, looks up, decides, appends. Raises WriteConflict: another writer was faster.

        `before_commit`: called with the results. The commit is rolled back if it raises.
        """
        ledger = self._ledger
        batches = [request.batch for request in requests]
        local_ids, item_ids = _local_ids(batches), _item_ids(batches)
        code_ids = _code_ids(batches)
        is_follow_up = any(request.is_follow_up for request in requests)
        with ledger.recorder.unit_of_work() as unit_of_work:
            if is_follow_up:
                item_ids = list({*item_ids, *unit_of_work.items_due(MAX_ROWS_PER_COMMIT)})
            unit_of_work.lock(item_ids)
            for request in requests:
                if request.atomic:
                    _require_open(unit_of_work, request.retried.values())
            known = ledger.look_up(unit_of_work, local_ids, item_ids, code_ids)
            now = self._clock()
            judge = Judge(known, conflicting, now, partial(ledger.history, unit_of_work), batches)
            registrar = Registrar(judge, unit_of_work, conflicting, self._default_floor)
            decider = Decider(judge, registrar)
            again = Reconsideration(ledger, unit_of_work, self._store, judge)
            if is_follow_up:
                again.judge_due(_due(unit_of_work, item_ids))
            decisions = [_decide(request, decider, again) for request in requests]
            again.revise(decisions)
            results = self._save(unit_of_work, requests, decisions, judge)
            again.save(requests, decisions)
            before_commit(results)
        ledger.items.put(known.items.values())
        if again.has_more:
            self.follow_up()
        if judge.events:
            return results
        head = ledger.recorder.head()
        return [result._replace(position=head) for result in results]

    def _save(
        self,
        unit_of_work: UnitOfWork,
        requests: Sequence[Request],
        decisions: Sequence[Decision],
        judge: Judge,
    ) -> list[SyncResult]:
        """Appends the events, and stores what is rejected. Returns the results. Their position is
        that of the last event, or 0 if there is none."""
        # Read before this commit adds its own events, whose timestamps may be wrong.
        has_failed = any(decision.failed for decision in decisions)
        newest = self._ledger.newest_timestamp(unit_of_work) if has_failed else None
        appended = self._ledger.append(unit_of_work, judge.events) if judge.events else []
        rejections = Rejections(self._store, unit_of_work, judge, newest or judge.now)
        failed = list(map(rejections.settle, requests, decisions))
        positions = positions_of(judge.known, appended)
        last = appended[-1].position if appended else 0
        return results_of(requests, decisions, failed, positions, last, judge.now)


class _Undone(Exception):
    """Rolls a commit back."""

    def __init__(self, result: SyncResult) -> None:
        super().__init__()
        self.result = result


def _undo(results: list[SyncResult]) -> None:
    (result,) = results
    raise _Undone(result)


def _decide(request: Request, decider: Decider, again: Reconsideration) -> Decision:
    """Decides a batch, and what it lets be accepted, before the next batch."""
    decision = decider.decide(
        request.batch, request.principal, atomic=request.atomic, arrivals=request.arrivals
    )
    again.judge_after(request, decision)
    return decision


def _local_ids(batches: Iterable[Batch]) -> list[UUID]:
    """Returns the distinct `local_id`s of all elements."""
    found: set[UUID] = set()
    for batch in batches:
        for one in batch.transactions.values():
            found.add(one.local_id)
            if one.links.original is not None:
                found.add(one.links.original)
        found.update(batch.malformed_ids)
    return list(found)


def _item_ids(batches: Iterable[Batch]) -> list[UUID]:
    """Returns the distinct item ids of all well-formed elements and items."""
    found: set[UUID] = set()
    for batch in batches:
        found.update(one.item_id for one in batch.transactions.values())
        found.update(
            one.registration.item_id
            for one in batch.items
            if isinstance(one.registration, Registration)
        )
    return list(found)


def _code_ids(batches: Iterable[Batch]) -> list[UUID]:
    """Returns the distinct ids of the codes of all well-formed items."""
    found = {
        code_id
        for batch in batches
        for one in batch.items
        if isinstance(one.registration, Registration)
        for code_id in one.registration.code_ids
    }
    return list(found)


def _require_open(unit_of_work: UnitOfWork, retried: Iterable[RejectedTransaction]) -> None:
    """Raises AlreadyRecorded: a retried transaction is recorded. Locks the rows, so no other caller
    can close them before the commit."""
    for wanted in retried:
        found = unit_of_work.rejected(wanted.rejection_id)
        if any(row.status == RejectionStatus.RESOLVED for row in found):
            raise AlreadyRecorded(wanted.local_id or wanted.rejection_id)


def _due(unit_of_work: UnitOfWork, item_ids: Collection[UUID]) -> list[RejectedTransaction]:
    """Returns rows that are due. Those of items that are not locked follow later."""
    found = unit_of_work.due(MAX_ROWS_PER_COMMIT)
    return [row for row in found if row.item_id in item_ids]
