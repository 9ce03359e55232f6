"""The decider: decides in memory, in order, what becomes of each element of a commit's batches."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Final, Literal, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.access.principal import Principal
from application.access.roles import Permission
from application.ledger.ledger import Known
from application.parsing.batch import Batch, FailedElement
from application.recording.registration import Registrar, RegistrationResult, registrations
from domain.errors import Conflict, LedgerDamaged, LocalIdReused, Rejection, UnknownItem
from domain.events import MovementRecorded, StockItemEvent
from domain.history import History
from domain.moments import happened_at
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]

NEEDED_PERMISSION: Final[Mapping[TransactionType, Permission | None]] = {
    TransactionType.INBOUND: None,
    TransactionType.OUTBOUND: None,
    TransactionType.ADJUST: Permission.CORRECT,
    TransactionType.COUNT: Permission.CORRECT,
}
"""The permission that a type needs beyond that of its endpoint."""


MAX_PAST_EVENTS_PER_ITEM: Final = 5_000
"""Movements behind the moment of a late one that are read. A stock-take from further back is
refused, as it can't be compared."""

MAX_PAST_EVENTS_PER_COMMIT: Final = 4 * MAX_PAST_EVENTS_PER_ITEM
"""Others wait for this commit: some 10 µs for each."""


class Outcome(NamedTuple):
    """A recorded element: recorded by this commit, or a duplicate."""

    place: int
    status: Status
    event: MovementRecorded


class Decision(NamedTuple):
    """What becomes of one batch, each list in its order."""

    items: list[RegistrationResult]
    outcomes: list[Outcome]
    failed: list[FailedElement]
    """Malformed elements included."""
    events: list[StockItemEvent]
    """The events to append."""

    def records(self, place: int) -> bool:
        """Whether the transaction in that place is recorded: by this commit, or before."""
        return any(outcome.place == place for outcome in self.outcomes)


class Decider:
    """Decides on batches by what is recorded and what is on hand. Writes nothing.

    One decider takes all batches of a commit in turn: each sees what those before it have left.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        known: Known,
        conflicting: set[UUID],
        now: datetime,
        history: Callable[[StockItem, datetime, int], History],
    ) -> None:
        """`conflicting`: items that this commit must not write. `history`: loads an item's events
        since a moment, at most so many."""
        self._batches = batches
        self._events = {local_id: found.event for local_id, found in known.recorded.items()}
        self._items = known.items
        self._damaged = known.damaged
        self._damaged_pasts: set[UUID] = set()
        self._conflicting = conflicting
        self._now = now
        self._registrar = Registrar(known.items, known.damaged, conflicting, now)
        self._history = history
        self._histories: dict[UUID, History] = {}
        self._events_left = MAX_PAST_EVENTS_PER_COMMIT

    def decide(self, batch: Batch, principal: Principal, *, atomic: bool = False) -> Decision:
        """Decides on one batch: its items, then its transactions.

        Args:
            batch: what was sent.
            principal: who sent it.
            atomic: whether nothing is recorded unless every transaction is, as a new one.
        """
        items = self._registrar.register(batch.items, principal)
        outcomes, failed, movements = self._decide_transactions(batch, principal)
        if atomic and (failed or batch.malformed or len(movements) < len(outcomes)):
            outcomes = [outcome for outcome in outcomes if outcome.status == "duplicate"]
            movements = []
        if batch.malformed:
            failed = sorted([*batch.malformed, *failed], key=attrgetter("index"))
        return Decision(items, outcomes, failed, [*registrations(items), *movements])

    def _decide_transactions(
        self, batch: Batch, principal: Principal
    ) -> tuple[list[Outcome], list[FailedElement], list[MovementRecorded]]:
        outcomes: list[Outcome] = []
        failed: list[FailedElement] = []
        movements: list[MovementRecorded] = []
        for place, transaction in batch.transactions.items():
            try:
                item = self._items.get(transaction.item_id)
                if self._damaged:
                    self._require_sound(transaction)
                principal.authorize(transaction.item_id, item)
                event = self._recorded_before(transaction, principal)
                if event is not None:
                    outcomes.append(Outcome(place, "duplicate", event))
                    continue
                event = self._accept(transaction, item, principal)
            except Rejection as rejection:
                failed.append(
                    FailedElement(place, transaction.local_id, transaction.item_id, rejection)
                )
            else:
                self._events[transaction.local_id] = event
                movements.append(event)
                outcomes.append(Outcome(place, "recorded", event))
        return outcomes, failed, movements

    def recorded(self, local_id: UUID) -> MovementRecorded | None:
        """The event under this `local_id`: of an earlier commit, or of a batch decided before."""
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
            if not principal.can_access(event.location):
                raise LocalIdReused.undisclosed()
            raise LocalIdReused(**event.content._asdict())
        return event

    def _accept(
        self, transaction: Transaction, item: StockItem | None, principal: Principal
    ) -> MovementRecorded:
        permission = NEEDED_PERMISSION[transaction.type]
        if permission is not None:
            principal.require(permission)
        if item is None:
            raise UnknownItem(transaction.item_id)
        if self._conflicting and item.id in self._conflicting:
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
            if self._events_left < MAX_PAST_EVENTS_PER_ITEM:
                raise Conflict(item.id)
            try:
                history = self._history(item, self._earliest[item.id], MAX_PAST_EVENTS_PER_ITEM)
            except MapperDeserialisationError:
                self._damaged_pasts.add(item.id)
                self._events_left -= MAX_PAST_EVENTS_PER_ITEM
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
