"""Recording batches: the one way in for movements.

Each element is judged by itself, in the order of the request; what is accepted is recorded in one
commit, together with what other batches arrived meanwhile. A rejection is decided before anything
is written, so there is never anything to undo.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple, cast
from uuid import UUID

import msgspec

from application.access.principal import Principal
from application.clock import Clock, utc_now
from application.ledger.ledger import Known, Ledger
from application.ledger.retry import until_won
from application.parsing.batch import Batch, Failed, batch_of, parse_batch
from application.parsing.fields import FieldWarning
from application.parsing.items import Registration
from application.persistence.unit_of_work import LedgerTransaction
from application.recording.decide import Decided, Judge, Status, Verdict
from application.recording.errors import AlreadyRecorded
from application.recording.group_commit import GroupCommit
from application.recording.registration import Registrar, RegistrationResult
from application.recording.rejections import Refused, RejectionKeeper
from application.tables.rejected import RejectedTransaction, Standing
from application.tables.rejection_ids import rejection_id
from domain.events import Adjusted, MovementRecorded, StockItemEvent
from domain.stock_item import StockItem
from domain.transaction import Transaction

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
    items: list[RegistrationResult]
    """What became of the items that it registers."""
    warnings: Mapping[int, Sequence[FieldWarning]]
    """What was passed over in its elements, by their places."""
    position: int
    """The ledger's last position when the batch was recorded, its own events included."""
    server_time: datetime
    """When it was judged."""


class _Request(NamedTuple):
    """A batch, and who sent it."""

    batch: Batch
    principal: Principal
    together: bool = False
    retried: RejectedTransaction | None = None
    """What the last of its transactions was rejected as."""

    @property
    def weight(self) -> int:
        return len(self.batch.elements) + len(self.batch.items)


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

    def sync(self, elements: Sequence[object], principal: Principal) -> SyncResult:
        """Records those elements that can be recorded, and says why the others can't.

        Args:
            elements: the batch as it was decoded from JSON; anything may stand in it.
            principal: who sent it.

        Raises:
            StoreUnavailable: as the future of `submit`.
            Overloaded: too much is waiting to be recorded.
        """
        result: Future[SyncResult] = Future()
        self.submit(parse_batch(elements), principal, result)
        return result.result()

    def retry(
        self,
        row: RejectedTransaction,
        transactions: Sequence[Transaction],
        principal: Principal,
    ) -> SyncResult:
        """Records all of the transactions or none, and closes the rejection with them: where one
        can't be recorded, or is already, no other one is.

        Args:
            row: the rejection.
            transactions: what was rejected is the last of them.
            principal: who tries it again.

        Raises:
            AlreadyRecorded: somebody was faster.
            StoreUnavailable: as the future of `submit`.
        """
        # Judged by itself: others must not be judged by what may be withdrawn.
        request = _Request(batch_of(transactions), principal, together=True, retried=row)
        return self._record([request])[0]

    def _record(self, requests: Sequence[_Request]) -> list[SyncResult]:
        return until_won(lambda given_up: self._attempt(requests, given_up))

    def _attempt(self, requests: Sequence[_Request], given_up: set[UUID]) -> list[SyncResult]:
        """Lock, look up, judge, append. Raises LostRace."""
        ledger = self._ledger
        batches = [request.batch for request in requests]
        transactions = [one for batch in batches for one in batch.transactions.values()]
        local_ids = list({*(one.local_id for one in transactions), *_malformed_ids(batches)})
        item_ids = list({*(one.item_id for one in transactions), *_registered_ids(batches)})
        with ledger.recorder.transaction() as unit_of_work:
            unit_of_work.lock(item_ids)
            for request in requests:
                _require_open(unit_of_work, request.retried)
            known = ledger.look_up(unit_of_work, local_ids, item_ids)
            now = self._clock()
            history = partial(ledger.history, unit_of_work)
            judge = Judge(batches, known, given_up, now, history)
            registrar = Registrar(known.items, known.damaged, given_up, now)
            registered, verdicts, accepted = _decide_in_turn(requests, registrar, judge)
            failed = list(map(_failed, requests, verdicts))
            # Before this commit adds its own events, whose clock may be wrong.
            newest = ledger.newest_timestamp(unit_of_work) if any(failed) else None
            appended = ledger.append(unit_of_work, accepted) if accepted else []
            answered = [
                self._keep_rejections(unit_of_work, *judged, judge, known, now, newest or now)
                for judged in zip(requests, verdicts, failed, strict=True)
            ]
        position = appended[-1].position if appended else ledger.recorder.head()
        positions = {local_id: found.position for local_id, found in known.recorded.items()}
        positions.update(
            (found.event.local_id, found.position)
            for found in appended
            if isinstance(found.event, MovementRecorded)
        )
        return [
            SyncResult(
                [_synced(one, positions) for one in verdict.decided],
                rejections,
                items,
                request.batch.warnings,
                position,
                now,
            )
            for request, verdict, rejections, items in zip(
                requests, verdicts, answered, registered, strict=True
            )
        ]

    def _keep_rejections(
        self,
        unit_of_work: LedgerTransaction,
        request: _Request,
        verdict: Verdict,
        failed: Sequence[Failed],
        judge: Judge,
        known: Known,
        now: datetime,
        newest: datetime,
    ) -> list[Failed]:
        """What failed, as it is answered. What was rejected under its `local_ids` counts as known
        for the batches behind it."""
        if request.retried is not None:
            self._rename(unit_of_work, request.retried, request.batch)
        answered = self._kept(unit_of_work, request, failed, known, now, newest)
        known.rejected.update(one.local_id for one in failed if one.local_id is not None)
        if known.rejected or request.retried is not None:
            self._resolve(unit_of_work, request, verdict, judge, known.rejected, now)
        return answered

    def _rename(
        self, unit_of_work: LedgerTransaction, row: RejectedTransaction, batch: Batch
    ) -> None:
        """What could not be understood, and is by now, goes on as the transaction that it is."""
        if row.malformed:
            self._keeper.rename(unit_of_work, row.rejection_id, _retried_id(batch))

    def _resolve(
        self,
        unit_of_work: LedgerTransaction,
        request: _Request,
        verdict: Verdict,
        judge: Judge,
        rejected: Set[UUID],
        now: datetime,
    ) -> None:
        """Closes what is recorded after all, and what was a slip of it."""
        actor = request.principal.actor
        recorded = [
            rejection_id(event.local_id, event.content)
            for event in verdict.accepted
            if event.local_id in rejected
        ]
        if request.retried is not None and verdict.settles(_retried_place(request.batch)):
            recorded += [request.retried.rejection_id, _retried_id(request.batch)]
        self._keeper.resolve(unit_of_work, recorded, actor, now)
        named = [*(one.event.local_id for one in verdict.decided), *_malformed_ids([request.batch])]
        found = {key: judge.recorded(key) for key in named if key in rejected}
        put_right = {key: event for key, event in found.items() if event is not None}
        self._keeper.resolve_malformed(unit_of_work, put_right, actor, now)

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
        if request.retried is not None and not _keeps_its_name(request):
            return list(failed)  # It is open already, under the name that it was sent by.
        refused = {
            one.index: _refused(request.batch, one, known.items)
            for one in failed
            if request.retried is None or one.index == _retried_place(request.batch)
        }
        left_out = self._keeper.keep(
            unit_of_work, list(refused.values()), request.principal, now, newest
        )
        too_many = {id(one) for one in left_out}
        return [
            replace(one, rejection=self._keeper.too_many(refused[one.index]))
            if one.index in refused and id(refused[one.index]) in too_many
            else one
            for one in failed
        ]


def _registered_ids(batches: Iterable[Batch]) -> Iterator[UUID]:
    for batch in batches:
        for one in batch.items:
            if isinstance(one.registration, Registration):
                yield one.registration.item_id


def _registrations(results: Iterable[RegistrationResult]) -> Iterator[StockItemEvent]:
    for one in results:
        if one.status == "registered" and one.item is not None:
            yield cast("StockItemEvent", one.item.pending_events[0])


def _retried_place(batch: Batch) -> int:
    """What is tried again is the last one."""
    return len(batch.transactions) - 1


def _retried_id(batch: Batch) -> UUID:
    transaction = batch.transactions[_retried_place(batch)]
    return rejection_id(transaction.local_id, transaction.content)


def _keeps_its_name(request: _Request) -> bool:
    transaction = request.batch.transactions[_retried_place(request.batch)]
    return request.retried is None or request.retried.local_id in {None, transaction.local_id}


def _decide_in_turn(
    requests: Sequence[_Request], registrar: Registrar, judge: Judge
) -> tuple[list[list[RegistrationResult]], list[Verdict], list[StockItemEvent]]:
    """What becomes of each batch's items and transactions, and the events of all, in order: each
    sees what those before it have left."""
    registered: list[list[RegistrationResult]] = []
    verdicts: list[Verdict] = []
    events: list[StockItemEvent] = []
    for request in requests:
        registered.append(registrar.register(request.batch.items, request.principal))
        verdicts.append(_judged(judge, request))
        events += [*_registrations(registered[-1]), *verdicts[-1].accepted]
    return registered, verdicts, events


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
        moved_at=_moved_at(batch, failure.index),
    )


def _moved_at(batch: Batch, index: int) -> datetime | None:
    """When its goods moved, where that is something else than was sent."""
    transaction = batch.transactions.get(index)
    if transaction is None:
        return batch.moments.get(index)
    return None if transaction.device_time is None else transaction.occurred_at


def _malformed_ids(batches: Iterable[Batch]) -> Iterator[UUID]:
    for batch in batches:
        yield from (one.local_id for one in batch.malformed if one.local_id is not None)


def _require_open(unit_of_work: LedgerTransaction, retried: RejectedTransaction | None) -> None:
    """Raises AlreadyRecorded. Nobody else can close it from here on."""
    if retried is not None:
        found = unit_of_work.rejected(retried.rejection_id)
        if any(row.standing == Standing.RESOLVED for row in found):
            raise AlreadyRecorded(retried.local_id or retried.rejection_id)


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
