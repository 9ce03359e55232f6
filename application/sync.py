"""Recording a batch: the one way in for movements.

Each element is judged by itself, in the order of the request; what is accepted is recorded in one
commit. A rejection is decided before anything is written, so there is never anything to undo.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.clock import Clock, utc_now
from application.judge import Failed, Judge, Status
from application.ledger import Ledger
from application.lost_races import until_won
from application.projections.table import Recorded
from application.rejected.keeping import Refused, RejectionKeeper, rejection_id
from application.transaction_parser import parse_transaction
from domain.events import Adjusted, MovementRecorded
from domain.rejections import Rejection
from domain.stock_item import StockItem
from domain.transaction import Transaction


class StockTake(NamedTuple):
    """What a COUNT found."""

    expected: int
    """On hand at its moment, as far as the ledger knew."""
    counted: int
    delta: int


@dataclass(frozen=True, slots=True)
class Synced:
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
    """The ledger's last position when the batch was judged, its own events included."""
    server_time: datetime
    """When it was judged."""


class _Batch(NamedTuple):
    """A batch as it was understood."""

    elements: Sequence[object]
    transactions: dict[int, Transaction]
    """The well-formed ones, by their place."""
    malformed: list[Failed]

    def refused(
        self, failed: Iterable[Failed], items: Mapping[UUID, StockItem]
    ) -> Iterator[Refused]:
        """What is worth keeping of these."""
        for failure in failed:
            yield Refused(
                element=self.elements[failure.index],
                local_id=failure.local_id,
                item_id=failure.item_id,
                transaction=self.transactions.get(failure.index),
                item=items.get(failure.item_id) if failure.item_id is not None else None,
                rejection=failure.rejection,
            )


class SyncService:
    """Records batches of transactions exactly once."""

    def __init__(
        self, ledger: Ledger, clock: Clock = utc_now, keeper: RejectionKeeper | None = None
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._keeper = keeper or RejectionKeeper()

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
            StoreUnavailable: the database can't be reached. The same batch is to be sent again:
                all of it may be recorded, where the answer to the commit was lost, or none.
        """
        batch = _parse(elements)
        return until_won(lambda given_up: self._record(batch, given_up, principal, together))

    def _record(
        self, batch: _Batch, given_up: set[UUID], principal: Principal, together: bool
    ) -> SyncResult:
        """One attempt: lock, look up, load, judge, append. Raises LostRace."""
        ledger = self._ledger
        transactions = batch.transactions.values()
        local_ids = list({transaction.local_id for transaction in transactions})
        item_ids = list({transaction.item_id for transaction in transactions})
        with ledger.recorder.transaction() as unit_of_work:
            unit_of_work.lock(item_ids)
            known = ledger.recorded(unit_of_work, local_ids)
            items = ledger.load(unit_of_work, item_ids)
            now = self._clock()
            history = partial(ledger.history, unit_of_work)
            judge = Judge(known, items, given_up, principal, now, history)
            judge.judge_all(batch.transactions)
            failed = sorted([*batch.malformed, *judge.failed], key=attrgetter("index"))
            if together and (failed or judge.found_duplicates):
                judge.withdraw()
            appended = ledger.append(unit_of_work, judge.accepted) if judge.accepted else []
            self._keeper.keep(unit_of_work, batch.refused(failed, items), principal, now)
            recorded = [rejection_id(event.local_id, event.content) for event in judge.accepted]
            self._keeper.resolve(unit_of_work, recorded, principal.actor, now)
        position = appended[-1].position if appended else ledger.recorder.head()
        known.update((found.event.local_id, found) for found in appended)
        synced = [
            _synced(index, status, known[batch.transactions[index].local_id])
            for index, status in judge.statuses.items()
        ]
        return SyncResult(synced, failed, position, now)


def _synced(index: int, status: Status, recorded: Recorded[MovementRecorded]) -> Synced:
    event = recorded.event
    return Synced(
        index,
        event.local_id,
        event.originator_id,
        status,
        event.on_hand,
        event.originator_version,
        recorded.position,
        event.timestamp,
        stock_take(event),
        event.covered_at,
    )


def stock_take(event: MovementRecorded) -> StockTake | None:
    """What the event's COUNT found, if it was one."""
    if not isinstance(event, Adjusted) or event.counted is None or event.expected is None:
        return None
    return StockTake(event.expected, event.counted, event.delta)


def _parse(elements: Sequence[object]) -> _Batch:
    transactions: dict[int, Transaction] = {}
    malformed: list[Failed] = []
    for index, element in enumerate(elements):
        try:
            transactions[index] = parse_transaction(element)
        except Rejection as rejection:
            local_id, item_id = (_readable_id(element, field) for field in ("localId", "itemId"))
            malformed.append(Failed(index, local_id, item_id, rejection))
    return _Batch(elements, transactions, malformed)


def _readable_id(element: object, field: str) -> UUID | None:
    """What a malformed element says of its id, so that its sender finds it again."""
    if not isinstance(element, dict):
        return None
    text = element.get(field) or element.get({"localId": "local_id", "itemId": "item_id"}[field])
    try:
        return UUID(text)
    except (AttributeError, TypeError, ValueError):
        return None
