"""Deciding, in memory and in order, what becomes of each transaction of a batch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.projections.table import Recorded
from domain.events import MovementRecorded
from domain.history import History
from domain.moments import happened_at
from domain.rejections import Conflict, LocalIdReused, Rejection, UnknownItem
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]

_CORRECTIONS = frozenset({TransactionType.ADJUST, TransactionType.COUNT})


@dataclass(frozen=True, slots=True)
class Failed:
    """An element that is not recorded, and why. The ids are None where they can't be read."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    rejection: Rejection


class Judge:
    """Decides, by what is recorded and what is on hand. Nothing is written here."""

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

    @property
    def found_duplicates(self) -> bool:
        return "duplicate" in self.statuses.values()

    def withdraw(self) -> None:
        """Accepts nothing after all."""
        self.accepted.clear()
        known = (pair for pair in self.statuses.items() if pair[1] == "duplicate")
        self.statuses = dict(known)

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


def _earliest_moments(transactions: Iterable[Transaction], now: datetime) -> dict[UUID, datetime]:
    earliest: dict[UUID, datetime] = {}
    for transaction in transactions:
        moment = happened_at(transaction.occurred_at, now)
        earliest[transaction.item_id] = min(moment, earliest.get(transaction.item_id, moment))
    return earliest
