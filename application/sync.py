"""Recording batches: the one way in for movements.

Each element is judged by itself, in the order of the request; what is accepted is recorded in one
commit, together with what other batches arrived meanwhile. A rejection is decided before anything
is written, so there is never anything to undo.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from application.access.principal import Principal
from application.batch import Batch, Failed, parse_batch
from application.clock import Clock, utc_now
from application.group_commit import GroupCommit
from application.judge import Decided, Judge, Status, Verdict
from application.ledger import Known, Ledger
from application.lost_races import until_won
from application.persistence.port import LedgerTransaction
from application.rejected.keeping import Refused, RejectionKeeper, rejection_id
from domain.events import Adjusted, MovementRecorded
from domain.stock_item import StockItem

MAX_WAITING: Final = 100_000
"""Transactions that may wait to be recorded, unless the settings say otherwise."""


class StockTake(NamedTuple):
    """What a COUNT found."""

    expected: int
    """On hand at its moment, as far as the ledger knew."""
    counted: int
    delta: int


class Synced(msgspec.Struct, frozen=True):
    """An element that is recorded: now, or before."""

    index: int
    local_id: UUID
    item_id: UUID
    status: Status
    on_hand: int
    version: int
    position: int
    synced_at: datetime
    count: StockTake | None
    """For a COUNT."""
    covered_at: datetime | None
    """The moment of the stock-take that had seen this already, where there was one."""


class SyncResult(NamedTuple):
    """What became of a batch, each list in the order of the request."""

    synced: list[Synced]
    failed: list[Failed]
    position: int
    """The ledger's last position when the batch was recorded, its own events included."""
    server_time: datetime
    """When it was judged."""


class _Request(NamedTuple):
    """A batch, and who sent it."""

    batch: Batch
    principal: Principal
    together: bool = False

    @property
    def weight(self) -> int:
        return len(self.batch.elements)


class SyncService:
    """Records batches of transactions exactly once."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock = utc_now,
        keeper: RejectionKeeper | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._keeper = keeper or RejectionKeeper()
        self._group_commit = GroupCommit(self._record, max_waiting)

    def submit(self, batch: Batch, principal: Principal, result: Future[SyncResult]) -> None:
        """Has those of the transactions recorded that can be, and says why the others can't.

        `result` will tell. It raises StoreUnavailable where the database can't be reached. The same
        batch is to be sent again: all of it may be recorded, where the answer to the commit was
        lost, or none.

        Raises:
            Overloaded: too much is waiting to be recorded.
        """
        self._group_commit.submit(_Request(batch, principal), result)

    def sync(
        self, elements: Sequence[object], principal: Principal, *, together: bool = False
    ) -> SyncResult:
        """Records those elements that can be recorded, and says why the others can't.

        Args:
            elements: the batch as it was decoded from JSON; anything may stand in it.
            principal: who sent it.
            together: record all of it or nothing: where an element can't be recorded, or is
                already, no other one is.

        Raises:
            StoreUnavailable: as the future of `submit`.
            Overloaded: too much is waiting to be recorded.
        """
        batch = parse_batch(elements)
        if together:  # Judged by itself: others must not be judged by what may be withdrawn.
            return self._record([_Request(batch, principal, together)])[0]
        result: Future[SyncResult] = Future()
        self.submit(batch, principal, result)
        return result.result()

    def _record(self, requests: Sequence[_Request]) -> list[SyncResult]:
        return until_won(lambda given_up: self._attempt(requests, given_up))

    def _attempt(self, requests: Sequence[_Request], given_up: set[UUID]) -> list[SyncResult]:
        """Lock, look up, judge, append. Raises LostRace."""
        ledger = self._ledger
        batches = [request.batch for request in requests]
        transactions = [one for batch in batches for one in batch.transactions.values()]
        local_ids = list({transaction.local_id for transaction in transactions})
        item_ids = list({transaction.item_id for transaction in transactions})
        with ledger.recorder.transaction() as unit_of_work:
            unit_of_work.lock(item_ids)
            known = ledger.look_up(unit_of_work, local_ids, item_ids)
            now = self._clock()
            history = partial(ledger.history, unit_of_work)
            judge = Judge(batches, known, given_up, now, history)
            verdicts = [_judged(judge, request) for request in requests]
            accepted = [event for verdict in verdicts for event in verdict.accepted]
            failed = list(map(_failed, requests, verdicts))
            # Before this commit adds its own events, whose clock may be wrong.
            newest = ledger.newest_timestamp(unit_of_work) if any(failed) else None
            appended = ledger.append(unit_of_work, accepted) if accepted else []
            answered = [
                self._keep_rejections(unit_of_work, *judged, known, now, newest or now)
                for judged in zip(requests, verdicts, failed, strict=True)
            ]
        position = appended[-1].position if appended else ledger.recorder.head()
        positions = {local_id: found.position for local_id, found in known.recorded.items()}
        positions.update((found.event.local_id, found.position) for found in appended)
        return [
            SyncResult(
                [_synced(one, positions) for one in verdict.decided],
                rejections,
                position,
                now,
            )
            for verdict, rejections in zip(verdicts, answered, strict=True)
        ]

    def _keep_rejections(
        self,
        unit_of_work: LedgerTransaction,
        request: _Request,
        verdict: Verdict,
        failed: Sequence[Failed],
        known: Known,
        now: datetime,
        newest: datetime,
    ) -> list[Failed]:
        """What failed, as it is answered. What was rejected under its `local_ids` counts as known
        for the batches behind it."""
        answered = self._kept(unit_of_work, request, failed, known, now, newest)
        known.rejected.update(one.local_id for one in failed if one.local_id is not None)
        if known.rejected:
            recorded = [
                rejection_id(event.local_id, event.content)
                for event in verdict.accepted
                if event.local_id in known.rejected
            ]
            self._keeper.resolve(unit_of_work, recorded, request.principal.actor, now)
        return answered

    def _kept(
        self,
        unit_of_work: LedgerTransaction,
        request: _Request,
        failed: Sequence[Failed],
        known: Known,
        now: datetime,
        newest: datetime,
    ) -> list[Failed]:
        """The same; those that are not kept, as too many are open, fail with TooManyRejections."""
        refused = {one.index: _refused(request.batch, one, known.items) for one in failed}
        left_out = self._keeper.keep(
            unit_of_work, list(refused.values()), request.principal, now, newest
        )
        too_many = {id(one) for one in left_out}
        return [
            replace(one, rejection=self._keeper.too_many(refused[one.index]))
            if id(refused[one.index]) in too_many
            else one
            for one in failed
        ]


def _judged(judge: Judge, request: _Request) -> Verdict:
    verdict = judge.judge(request.batch, request.principal)
    stands_whole = verdict.stands_whole and not request.batch.malformed
    return verdict.without_accepting() if request.together and not stands_whole else verdict


def _failed(request: _Request, verdict: Verdict) -> list[Failed]:
    return sorted([*request.batch.malformed, *verdict.rejected], key=attrgetter("index"))


def _refused(batch: Batch, failure: Failed, items: Mapping[UUID, StockItem]) -> Refused:
    """What is worth keeping of it."""
    return Refused(
        element=batch.elements[failure.index],
        local_id=failure.local_id,
        item_id=failure.item_id,
        transaction=batch.transactions.get(failure.index),
        item=items.get(failure.item_id) if failure.item_id is not None else None,
        rejection=failure.rejection,
    )


def _synced(decided: Decided, positions: Mapping[UUID, int]) -> Synced:
    event = decided.event
    return Synced(
        decided.place,
        event.local_id,
        event.originator_id,
        decided.status,
        event.on_hand,
        event.originator_version,
        positions[event.local_id],
        event.timestamp,
        stock_take(event),
        event.covered_at,
    )


def stock_take(event: MovementRecorded) -> StockTake | None:
    """What the event's COUNT found, if it was one."""
    if not isinstance(event, Adjusted) or event.counted is None or event.expected is None:
        return None
    return StockTake(event.expected, event.counted, event.delta)
