"""Sync: the one way in for movements.

Each element is decided by itself, in the order of the request. What is accepted is recorded in one
commit, together with other batches that arrived meanwhile. Everything is decided before anything is
written, so there is never anything to undo.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from application.access.principal import Principal
from application.clock import Clock, utc_now
from application.ledger.ledger import Known, Ledger
from application.ledger.retry import retry_on_conflict
from application.parsing.batch import Batch, FailedElement, batch_of, parse_batch
from application.parsing.fields import FieldWarning
from application.parsing.items import Registration
from application.persistence.unit_of_work import UnitOfWork
from application.projections.projection import Recorded
from application.recording.decide import Decider, Outcome, Status
from application.recording.errors import AlreadyRecorded
from application.recording.group_commit import GroupCommit
from application.recording.registration import RegistrationResult
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejections import Rejections
from application.recording.request import Request
from application.tables.rejected import RejectedTransaction, RejectionStatus
from domain.errors import Rejection
from domain.events import Adjusted, MovementRecorded, StockItemEvent
from domain.transaction import Transaction

MAX_WAITING_TRANSACTIONS: Final = 100_000
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
    failed: list[FailedElement]
    items: list[RegistrationResult]
    """What became of the items that it registers."""
    warnings: Mapping[int, Sequence[FieldWarning]]
    """What was passed over in its elements, by their places."""
    position: int
    """The ledger's last position when the batch was recorded, its own events included."""
    server_time: datetime
    """When it was decided."""

    @property
    def rejections(self) -> list[Rejection]:
        """Why elements, or items, were not recorded as they were sent."""
        of_items = (item.rejection for item in self.items if item.rejection is not None)
        return [*(one.rejection for one in self.failed), *of_items]


class SyncService:
    """Records batches of transactions exactly once."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock = utc_now,
        store: RejectedTransactionStore | None = None,
        max_waiting: int = MAX_WAITING_TRANSACTIONS,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._store = store or RejectedTransactionStore()
        self._group_commit = GroupCommit(self._record, max_waiting)

    def submit(self, batch: Batch, principal: Principal) -> Future[SyncResult]:
        """Queues the batch for the next commit.

        Returns:
            The outcome of each element. The future raises StoreUnavailable where the database can't
            be reached: send the same batch again. Where the connection was lost during the commit,
            all of it may be recorded already.

        Raises:
            Overloaded: too many transactions are waiting to be recorded.
        """
        return self._group_commit.submit(Request(batch, principal))

    def sync(self, elements: Sequence[object], principal: Principal) -> SyncResult:
        """Records a batch, and waits for the outcome of each element.

        Args:
            elements: the batch as it was decoded from JSON; anything may stand in it.
            principal: who sent it.

        Raises:
            StoreUnavailable: as the future of `submit`.
            Overloaded: too many transactions are waiting to be recorded.
        """
        return self.submit(parse_batch(elements), principal).result()

    def retry(
        self,
        row: RejectedTransaction,
        transactions: Sequence[Transaction],
        principal: Principal,
    ) -> SyncResult:
        """Records all of the transactions and closes the rejection, or does nothing.

        Args:
            row: the rejection.
            transactions: what was rejected is the last of them.
            principal: who retries it.

        Raises:
            AlreadyRecorded: somebody was faster.
            StoreUnavailable: as the future of `submit`.
        """
        # In a commit of its own: no other batch may be decided by what is withdrawn.
        request = Request(batch_of(transactions), principal, atomic=True, retried=row)
        return self._record([request])[0]

    def _record(self, requests: Sequence[Request]) -> list[SyncResult]:
        return retry_on_conflict(lambda conflicting: self._attempt(requests, conflicting))

    def _attempt(self, requests: Sequence[Request], conflicting: set[UUID]) -> list[SyncResult]:
        """Locks, looks up, decides, appends. Raises WriteConflict."""
        ledger = self._ledger
        batches = [request.batch for request in requests]
        local_ids, item_ids = _local_ids(batches), _item_ids(batches)
        with ledger.recorder.unit_of_work() as unit_of_work:
            unit_of_work.lock(item_ids)
            for request in requests:
                _require_open(unit_of_work, request.retried)
            known = ledger.look_up(unit_of_work, local_ids, item_ids)
            now = self._clock()
            decider = Decider(
                batches, known, conflicting, now, partial(ledger.history, unit_of_work)
            )
            decisions = [
                decider.decide(request.batch, request.principal, atomic=request.atomic)
                for request in requests
            ]
            # Before this commit adds its own events, whose clock may be wrong.
            has_failed = any(decision.failed for decision in decisions)
            newest = ledger.newest_timestamp(unit_of_work) if has_failed else None
            events = [event for decision in decisions for event in decision.events]
            appended = ledger.append(unit_of_work, events) if events else []
            rejections = Rejections(self._store, unit_of_work, known, decider, now, newest or now)
            failed = list(map(rejections.settle, requests, decisions))
        position = appended[-1].position if appended else ledger.recorder.head()
        positions = _positions(known, appended)
        return [
            SyncResult(
                synced=[_synced(outcome, positions) for outcome in decision.outcomes],
                failed=of_request,
                items=decision.items,
                warnings=request.batch.warnings,
                position=position,
                server_time=now,
            )
            for request, decision, of_request in zip(requests, decisions, failed, strict=True)
        ]


def _local_ids(batches: Iterable[Batch]) -> list[UUID]:
    """Those of all elements, once each."""
    found: set[UUID] = set()
    for batch in batches:
        found.update(one.local_id for one in batch.transactions.values())
        found.update(batch.malformed_ids)
    return list(found)


def _item_ids(batches: Iterable[Batch]) -> list[UUID]:
    """Those of all well-formed elements, once each."""
    found: set[UUID] = set()
    for batch in batches:
        found.update(one.item_id for one in batch.transactions.values())
        found.update(
            one.registration.item_id
            for one in batch.items
            if isinstance(one.registration, Registration)
        )
    return list(found)


def _positions(known: Known, appended: Iterable[Recorded[StockItemEvent]]) -> dict[UUID, int]:
    """Where each `local_id` is recorded."""
    positions = {local_id: found.position for local_id, found in known.recorded.items()}
    positions.update(
        (found.event.local_id, found.position)
        for found in appended
        if isinstance(found.event, MovementRecorded)
    )
    return positions


def _require_open(unit_of_work: UnitOfWork, retried: RejectedTransaction | None) -> None:
    """Raises AlreadyRecorded. Nobody else can close it from here on."""
    if retried is not None:
        found = unit_of_work.rejected(retried.rejection_id)
        if any(row.status == RejectionStatus.RESOLVED for row in found):
            raise AlreadyRecorded(retried.local_id or retried.rejection_id)


def _synced(outcome: Outcome, positions: Mapping[UUID, int]) -> Synced:
    event = outcome.event
    return Synced(
        index=outcome.place,
        local_id=event.local_id,
        item_id=event.originator_id,
        status=outcome.status,
        on_hand=event.on_hand,
        version=event.originator_version,
        position=positions[event.local_id],
        synced_at=event.timestamp,
        count=stock_take(event),
        covered_at=event.covered_at,
    )


def stock_take(event: MovementRecorded) -> StockTake | None:
    """What the event's COUNT found, if it was one."""
    if not isinstance(event, Adjusted) or event.counted is None or event.expected is None:
        return None
    return StockTake(event.expected, event.counted, event.delta)
