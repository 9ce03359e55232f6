"""Deciding, in memory and in order, what becomes of each transaction of some batches."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final, Literal, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.access.principal import Principal
from application.access.roles import Permission
from application.ledger.ledger import Known
from application.parsing.batch import Batch, Failed
from domain.errors import Conflict, LedgerDamaged, LocalIdReused, Rejection, UnknownItem
from domain.events import MovementRecorded
from domain.history import History
from domain.moments import happened_at
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]

_CORRECTIONS = frozenset({TransactionType.ADJUST, TransactionType.COUNT})


MAX_HISTORY_OF_AN_ITEM: Final = 5_000
"""Movements behind the moment of a late one that are read. A stock-take from further back is
refused, as it can't be compared."""

MAX_HISTORY_OF_A_COMMIT: Final = 4 * MAX_HISTORY_OF_AN_ITEM
"""Others wait for this commit: some 10 µs for each."""


class Decided(NamedTuple):
    """An element that is recorded: now, or before."""

    place: int
    status: Status
    event: MovementRecorded


class Verdict(NamedTuple):
    """What becomes of one batch, each list in its order."""

    decided: list[Decided]
    rejected: list[Failed]
    accepted: list[MovementRecorded]
    """The events to be recorded."""

    @property
    def stands_whole(self) -> bool:
        """Whether each of its transactions is to be recorded now."""
        return len(self.accepted) == len(self.decided) and not self.rejected

    def settles(self, place: int) -> bool:
        """Whether the transaction in that place is recorded: now, or before."""
        return any(one.place == place for one in self.decided)

    def without_accepting(self) -> "Verdict":
        """What is left of it where nothing is to be recorded."""
        known = [one for one in self.decided if one.status == "duplicate"]
        return Verdict(known, self.rejected, [])


class Judge:
    """Decides, by what is recorded and what is on hand. Nothing is written here.

    One judge hears all batches of a commit, one after the other: each sees what those before it
    have left on hand.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        known: Known,
        given_up: set[UUID],
        now: datetime,
        history: Callable[[StockItem, datetime, int], History],
    ) -> None:
        self._batches = batches
        self._events = {local_id: found.event for local_id, found in known.recorded.items()}
        self._items = known.items
        self._damaged = known.damaged
        self._damaged_pasts: set[UUID] = set()
        self._given_up = given_up
        self._now = now
        self._history = history
        self._histories: dict[UUID, History] = {}
        self._events_left = MAX_HISTORY_OF_A_COMMIT

    def judge(self, batch: Batch, principal: Principal) -> Verdict:
        """Decides about the well-formed transactions of a batch that this principal has sent."""
        verdict = Verdict([], [], [])
        for place, transaction in batch.transactions.items():
            try:
                item = self._items.get(transaction.item_id)
                if self._damaged:
                    self._require_sound(transaction)
                principal.require_reach(transaction.item_id, item)
                event = self._recorded_before(transaction, principal)
                if event is not None:
                    verdict.decided.append(Decided(place, "duplicate", event))
                    continue
                event = self._accept(transaction, item, principal)
            except Rejection as rejection:
                failed = Failed(place, transaction.local_id, transaction.item_id, rejection)
                verdict.rejected.append(failed)
            else:
                self._events[transaction.local_id] = event
                verdict.accepted.append(event)
                verdict.decided.append(Decided(place, "recorded", event))
        return verdict

    def recorded(self, local_id: UUID) -> MovementRecorded | None:
        """What is recorded under it: before, or by a batch that was judged already."""
        return self._events.get(local_id)

    def _require_sound(self, transaction: Transaction) -> None:
        """Raises LedgerDamaged."""
        if not self._damaged.isdisjoint({transaction.local_id, transaction.item_id}):
            raise LedgerDamaged(transaction.item_id)

    def _recorded_before(
        self, transaction: Transaction, principal: Principal
    ) -> MovementRecorded | None:
        event = self._events.get(transaction.local_id)
        if event is not None and event.content != transaction.content:
            if not principal.may_enter(event.location):
                raise LocalIdReused.undisclosed()
            raise LocalIdReused(**event.content._asdict())
        return event

    def _accept(
        self, transaction: Transaction, item: StockItem | None, principal: Principal
    ) -> MovementRecorded:
        if transaction.type in _CORRECTIONS:
            principal.require(Permission.CORRECT)
        if item is None:
            raise UnknownItem(transaction.item_id)
        if self._given_up and item.id in self._given_up:
            raise Conflict(item.id)
        device = principal.device_for(transaction.device)
        if device != transaction.device:
            transaction = replace(transaction, device=device)
        history = self._history_for(transaction, item)
        event = item.record(transaction, by=principal.actor, recorded_at=self._now, history=history)
        if history is not None:
            history.add(event)
        return event

    def _history_for(self, transaction: Transaction, item: StockItem) -> History | None:
        """Loaded once for an item, from the earliest moment that the batches tell of it.

        Raises LedgerDamaged, and Conflict where this commit has read so much for other items that
        this one's turn comes with the next.
        """
        history = self._histories.get(item.id) if self._histories else None
        if history is None and item.needs_history(transaction, self._now):
            if item.id in self._damaged_pasts:
                raise LedgerDamaged(item.id)
            if self._events_left < MAX_HISTORY_OF_AN_ITEM:
                raise Conflict(item.id)
            try:
                history = self._history(item, self._earliest[item.id], MAX_HISTORY_OF_AN_ITEM)
            except MapperDeserialisationError:
                self._damaged_pasts.add(item.id)
                self._events_left -= MAX_HISTORY_OF_AN_ITEM
                raise LedgerDamaged(item.id) from None
            self._events_left -= len(history)
            self._histories[item.id] = history
        return history

    @cached_property
    def _earliest(self) -> dict[UUID, datetime]:
        """The earliest moment that the batches tell of each item."""
        earliest: dict[UUID, datetime] = {}
        for batch in self._batches:
            for transaction in batch.transactions.values():
                moment = happened_at(transaction.occurred_at, self._now)
                earliest[transaction.item_id] = min(
                    moment, earliest.get(transaction.item_id, moment)
                )
        return earliest
