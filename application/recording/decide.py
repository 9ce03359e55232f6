"""The decider: decides each element of a commit's batches, in memory and in order."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Final, Literal, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.access.principal import Principal
from application.access.roles import NEEDED_PERMISSION, Permission
from application.ledger.ledger import Known
from application.parsing.batch import Batch, FailedElement
from application.parsing.fields import FieldWarning
from application.recording.registration import Registrar, RegistrationResult, registrations
from domain.device_clock import MAX_OFFLINE, FirstArrival, happened_at
from domain.errors import (
    Conflict,
    Invalid,
    LedgerDamaged,
    LocalIdReused,
    Rejection,
    UnknownItem,
    UnknownTransaction,
)
from domain.events import MovementRecorded, StockItemEvent
from domain.history import History
from domain.quantities import Quantity, to_number
from domain.stock_item import StockItem, at_place_of
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]

MAX_PAST_EVENTS_PER_ITEM: Final = 5_000
"""Read limit per item for a late transaction: events, newest first. A stock-take from further back
cannot be compared, so it is refused."""

MAX_PAST_EVENTS_PER_COMMIT: Final = 4 * MAX_PAST_EVENTS_PER_ITEM
"""Read limit per commit, in events. Other callers wait for it: some 10 µs for each event."""


class Outcome(NamedTuple):
    """The outcome of a recorded element: recorded by this commit, or a duplicate."""

    place: int
    status: Status
    event: MovementRecorded


class Decision(NamedTuple):
    """The decision on one batch. Each list is in the order of the batch."""

    items: list[RegistrationResult]
    outcomes: list[Outcome]
    failed: list[FailedElement]
    """Malformed elements included."""
    events: list[StockItemEvent]
    """The events to append."""
    warnings: dict[int, FieldWarning]
    """Warnings about fields that the sender may not use, by the index of their element."""

    def records(self, place: int) -> bool:
        """Whether the transaction at `place` is recorded, by this commit or an earlier one."""
        return any(outcome.place == place for outcome in self.outcomes)


class _Loaded(NamedTuple):
    """An item's history, as far as it is loaded."""

    since: datetime
    history: History


class Decider:
    """Decides batches by the recorded events and the quantities on hand. Writes nothing.

    One decider takes all batches of a commit in turn. Each batch sees the decisions before it.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        known: Known,
        conflicting: set[UUID],
        now: datetime,
        history: Callable[[StockItem, datetime, int], History],
        default_floor: Quantity | None = 0,
    ) -> None:
        """Takes what was read for the commit.

        Args:
            batches: all batches of the commit.
            known: the recorded events and the items of these batches.
            conflicting: items that this commit must not write.
            now: the server's clock.
            history: loads an item's movements since a moment, up to a number of events.
            default_floor: the floor of new items that do not name one.
        """
        self._batches = batches
        self._events = {local_id: found.event for local_id, found in known.recorded.items()}
        self._items = known.items
        self._damaged = known.damaged
        self._damaged_pasts: set[UUID] = set()
        self._conflicting = conflicting
        self._now = now
        self._registrar = Registrar(known.items, known.damaged, conflicting, now, default_floor)
        self._history = history
        self._histories: dict[UUID, _Loaded] = {}
        self._events_left = MAX_PAST_EVENTS_PER_COMMIT

    def decide(self, batch: Batch, principal: Principal, *, atomic: bool = False) -> Decision:
        """Decides one batch: its items, then its transactions.

        Args:
            batch: the batch.
            principal: its sender.
            atomic: whether to record all transactions, or none if one fails or is a duplicate.
        """
        items = self._registrar.register(batch.items, principal)
        outcomes, failed, movements = self._decide_transactions(batch, principal)
        if atomic and (failed or batch.malformed or len(movements) < len(outcomes)):
            outcomes = [outcome for outcome in outcomes if outcome.status == "duplicate"]
            movements = []
        if batch.malformed:
            failed = sorted([*batch.malformed, *failed], key=attrgetter("index"))
        warnings = {
            place: FieldWarning("NOT_ALLOWED", "override", f"override: {problem}; ignored")
            for place, transaction in batch.transactions.items()
            if transaction.override and (problem := _problem_of_override(transaction, principal))
        }
        return Decision(items, outcomes, failed, [*registrations(items), *movements], warnings)

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
                event = self._find_duplicate(transaction, principal)
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
        """Returns the event under this `local_id`, of an earlier commit or decided for this one."""
        return self._events.get(local_id)

    def _require_sound(self, transaction: Transaction) -> None:
        """Raises LedgerDamaged: the item, or the event under the `local_id`, cannot be read."""
        if not self._damaged.isdisjoint({transaction.local_id, transaction.item_id}):
            raise LedgerDamaged(transaction.item_id)

    def _find_duplicate(
        self, transaction: Transaction, principal: Principal
    ) -> MovementRecorded | None:
        """Raises LocalIdReused: the event under this `local_id` has other content."""
        event = self._events.get(transaction.local_id)
        if event is not None and event.content != transaction.content:
            if not principal.can_access(event.location):
                raise LocalIdReused.undisclosed()
            raise _reused(event)
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
        if transaction.override and _problem_of_override(transaction, principal):
            transaction = replace(transaction, override=False)
        original, arrival = None, None
        if transaction.links.original is not None:
            original = self._original(transaction, transaction.links.original, item, principal)
            transaction, arrival = at_place_of(transaction, original), original.first_arrival
        history = self._history_for(transaction, item, arrival)
        event = item.record(
            transaction,
            by=principal.actor,
            recorded_at=self._now,
            history=history,
            arrival=arrival,
            voided=original,
        )
        if history is not None:
            history.add(event)
        return event

    def _original(
        self, transaction: Transaction, named: UUID, item: StockItem, principal: Principal
    ) -> MovementRecorded:
        """Returns the movement that a transaction voids or corrects.

        Raises:
            UnknownTransaction: it is not recorded.
            LedgerDamaged: it can't be read.
            Invalid: it is of another item, can't be corrected, or was recorded too long ago.
            Forbidden: the caller may void only what the caller recorded.
        """
        if named in self._damaged:
            raise LedgerDamaged(item.id)
        original = self._events.get(named)
        if original is None or not principal.can_access(original.location):
            raise UnknownTransaction(named)
        field = "voids" if transaction.links.voids else "corrects"
        if original.originator_id != item.id:
            raise Invalid(field, "names a transaction of another item")
        if self._now - original.timestamp > MAX_OFFLINE:
            raise Invalid(field, f"was recorded more than {MAX_OFFLINE.days} days ago")
        if transaction.links.corrects and original.type is not TransactionType.COUNT:
            raise Invalid(field, f"names a transaction that is not a {TransactionType.COUNT}")
        if transaction.links.voids and not principal.has_recorded(original):
            principal.require(Permission.VOID_ANY)
        return original

    def _history_for(
        self, transaction: Transaction, item: StockItem, arrival: FirstArrival | None
    ) -> History | None:
        """Returns the item's history, or None if nothing needs it so far.

        It is loaded from the earliest moment of the item in the batches, and again for an earlier
        one.

        Raises:
            LedgerDamaged: a past event cannot be read.
            Conflict: the commit's read limit is used up. The same request may succeed later.
        """
        loaded = self._histories.get(item.id) if self._histories else None
        if loaded is None and not item.needs_history(transaction, self._now, arrival):
            return None
        moment = item.moment_of(transaction, self._now, arrival)
        if loaded is not None and loaded.since <= moment:
            return loaded.history
        since = min(moment, self._earliest.get(item.id, moment))
        loaded = _Loaded(since, self._load_history(item, since))
        self._histories[item.id] = loaded
        return loaded.history

    def _load_history(self, item: StockItem, since: datetime) -> History:
        if item.id in self._damaged_pasts:
            raise LedgerDamaged(item.id)
        if self._events_left < MAX_PAST_EVENTS_PER_ITEM:
            raise Conflict(item.id)
        try:
            history = self._history(item, since, MAX_PAST_EVENTS_PER_ITEM)
        except MapperDeserialisationError:
            self._damaged_pasts.add(item.id)
            self._events_left -= MAX_PAST_EVENTS_PER_ITEM
            raise LedgerDamaged(item.id) from None
        self._events_left -= len(history)
        return history

    @cached_property
    def _earliest(self) -> dict[UUID, datetime]:
        """The earliest moment of each item in the batches."""
        earliest: dict[UUID, datetime] = {}
        for batch in self._batches:
            for transaction in batch.transactions.values():
                moment = happened_at(transaction.occurred_at, self._now)
                earliest[transaction.item_id] = min(
                    moment, earliest.get(transaction.item_id, moment)
                )
        return earliest


def _problem_of_override(transaction: Transaction, principal: Principal) -> str | None:
    """Returns why the transaction's `override` does not count; None if it counts."""
    if not principal.may(Permission.OVERRIDE):
        return "needs the permission to override"
    return None if transaction.reason or transaction.note else "needs a reason"


def _reused(event: MovementRecorded) -> LocalIdReused:
    """Returns the rejection with the content of the recorded transaction."""
    fields = event.content._asdict()
    links = fields.pop("links").named()
    if fields["quantity"] is not None:
        fields["quantity"] = to_number(event.quantity, event.scale)
    return LocalIdReused(**fields, links={name: str(value) for name, value in links.items()})
