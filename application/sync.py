"""Recording a batch: the one way in for movements.

Each element is judged by itself, in the order of the request; what is accepted is recorded in one
commit. A rejection is decided before anything is written, so there is never anything to undo.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.clock import Clock, utc_now
from application.ledger import Ledger
from application.lost_races import until_won
from application.projections.table import Recorded
from application.transaction_parser import parse_transaction
from domain.events import Adjusted, MovementRecorded
from domain.history import History, happened_at
from domain.rejections import Conflict, LocalIdReused, Rejection, UnknownItem
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]

_CORRECTIONS = frozenset({TransactionType.ADJUST, TransactionType.COUNT})


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


@dataclass(frozen=True, slots=True)
class Failed:
    """An element that is not recorded, and why. The ids are None where they can't be read."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    rejection: Rejection


class SyncResult(NamedTuple):
    """What became of a batch, each list in the order of the request."""

    synced: list[Synced]
    failed: list[Failed]
    position: int
    """The ledger's last position when the batch was judged, its own events included."""
    server_time: datetime
    """When it was judged."""


class SyncService:
    """Records batches of transactions exactly once."""

    def __init__(self, ledger: Ledger, clock: Clock = utc_now) -> None:
        self._ledger = ledger
        self._clock = clock

    def sync(self, elements: Sequence[object], principal: Principal) -> SyncResult:
        """Records those elements that can be recorded, and says why the others can't.

        Args:
            elements: the batch as it was decoded from JSON; anything may stand in it.
            principal: who sent it.

        Raises:
            StoreUnavailable: the database can't be reached. The same batch is to be sent again:
                all of it may be recorded, where the answer to the commit was lost, or none.
        """
        transactions, failed = _parse(elements)
        result = until_won(lambda given_up: self._record(transactions, given_up, principal))
        failed = sorted([*failed, *result.failed], key=lambda failure: failure.index)
        return result._replace(failed=failed)

    def _record(
        self, transactions: dict[int, Transaction], given_up: set[UUID], principal: Principal
    ) -> SyncResult:
        """One attempt: lock, look up, load, judge, append. Raises LostRace."""
        ledger = self._ledger
        local_ids = list({transaction.local_id for transaction in transactions.values()})
        item_ids = list({transaction.item_id for transaction in transactions.values()})
        with ledger.recorder.transaction() as unit_of_work:
            unit_of_work.lock(item_ids)
            known = ledger.recorded(unit_of_work, local_ids)
            items = ledger.load(unit_of_work, item_ids)
            now = self._clock()
            history = partial(ledger.history, unit_of_work)
            judge = _Judge(known, items, given_up, principal, now, history)
            judge.judge_all(transactions)
            appended = ledger.append(unit_of_work, judge.accepted) if judge.accepted else []
        position = appended[-1].position if appended else ledger.recorder.head()
        known.update((found.event.local_id, found) for found in appended)
        synced = [
            _synced(index, status, known[transactions[index].local_id])
            for index, status in judge.statuses.items()
        ]
        return SyncResult(synced, judge.failed, position, now)


class _Judge:
    """Decides, in memory and in order, what becomes of each transaction of a batch."""

    def __init__(
        self,
        known: dict[UUID, Recorded[MovementRecorded]],
        items: dict[UUID, StockItem],
        given_up: set[UUID],
        principal: Principal,
        now: datetime,
        history: Callable[[StockItem, datetime], History],
    ) -> None:
        self._events = {local_id: found.event for local_id, found in known.items()}
        self._items = items
        self._given_up = given_up
        self._principal = principal
        self._now = now
        self._history = history
        self._histories: dict[UUID, History] = {}
        self._earliest: dict[UUID, datetime] = {}
        self.accepted: list[MovementRecorded] = []
        self.statuses: dict[int, Status] = {}
        self.failed: list[Failed] = []

    def judge_all(self, transactions: dict[int, Transaction]) -> None:
        self._earliest = _earliest_moments(transactions.values(), self._now)
        for index, transaction in transactions.items():
            try:
                self.statuses[index] = self._judge(transaction)
            except Rejection as rejection:
                failure = Failed(index, transaction.local_id, transaction.item_id, rejection)
                self.failed.append(failure)

    def _judge(self, transaction: Transaction) -> Status:
        item = self._items.get(transaction.item_id)
        self._principal.require_reach(transaction.item_id, item)
        event = self._events.get(transaction.local_id)
        if event is not None:
            self._require_same_content(event, transaction)
            return "duplicate"
        self._events[transaction.local_id] = self._accept(transaction, item)
        return "recorded"

    def _accept(self, transaction: Transaction, item: StockItem | None) -> MovementRecorded:
        if transaction.type in _CORRECTIONS:
            self._principal.require(Permission.CORRECT)
        if item is None:
            raise UnknownItem(transaction.item_id)
        if item.id in self._given_up:
            raise Conflict(item.id)
        device = self._principal.device_for(transaction.device)
        if device != transaction.device:
            transaction = replace(transaction, device=device)
        history = self._history_for(transaction, item)
        event = item.record(
            transaction, by=self._principal.actor, recorded_at=self._now, history=history
        )
        self.accepted.append(event)
        if history is not None:
            history.add(event)
        return event

    def _history_for(self, transaction: Transaction, item: StockItem) -> History | None:
        """Loaded once for an item, from the earliest moment that the batch tells of it."""
        history = self._histories.get(item.id)
        if history is None and item.needs_history(transaction, self._now):
            history = self._histories[item.id] = self._history(item, self._earliest[item.id])
        return history

    def _require_same_content(self, event: MovementRecorded, transaction: Transaction) -> None:
        if event.content == transaction.content:
            return
        if not self._principal.may_enter(event.location):
            raise LocalIdReused.undisclosed()
        raise LocalIdReused(**event.content._asdict())


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
        _stock_take(event),
        event.covered_at,
    )


def _stock_take(event: MovementRecorded) -> StockTake | None:
    if not isinstance(event, Adjusted) or event.counted is None or event.expected is None:
        return None
    return StockTake(event.expected, event.counted, event.delta)


def _earliest_moments(transactions: Iterable[Transaction], now: datetime) -> dict[UUID, datetime]:
    earliest: dict[UUID, datetime] = {}
    for transaction in transactions:
        moment = happened_at(transaction.occurred_at, now)
        earliest[transaction.item_id] = min(moment, earliest.get(transaction.item_id, moment))
    return earliest


def _parse(elements: Sequence[object]) -> tuple[dict[int, Transaction], list[Failed]]:
    """The well-formed transactions by their place in the batch, and the malformed elements."""
    transactions: dict[int, Transaction] = {}
    failed: list[Failed] = []
    for index, element in enumerate(elements):
        try:
            transactions[index] = parse_transaction(element)
        except Rejection as rejection:
            local_id, item_id = (_readable_id(element, field) for field in ("localId", "itemId"))
            failed.append(Failed(index, local_id, item_id, rejection))
    return transactions, failed


def _readable_id(element: object, field: str) -> UUID | None:
    """What a malformed element says of its id, so that its sender finds it again."""
    if not isinstance(element, dict):
        return None
    text = element.get(field) or element.get({"localId": "local_id", "itemId": "item_id"}[field])
    try:
        return UUID(text)
    except (AttributeError, TypeError, ValueError):
        return None
