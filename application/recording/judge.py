"""The judge: decides one transaction at a time, by everything that a commit knows so far."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import NEEDED_PERMISSION, Permission
from application.ledger.ledger import Known
from application.parsing.batch import Batch
from application.recording.histories import Histories, LoadHistory
from domain.device_clock import MAX_OFFLINE, FirstArrival
from domain.errors import (
    Conflict,
    Invalid,
    LedgerDamaged,
    LocalIdReused,
    UnknownItem,
    UnknownTransaction,
)
from domain.events import LedgerEvent, MovementRecorded
from domain.quantities import to_number
from domain.stock_item import StockItem, at_place_of
from domain.transaction import Transaction, TransactionType

Status = Literal["recorded", "duplicate"]


class Checkpoint(NamedTuple):
    """What a judge knew at some moment of the commit."""

    items: dict[UUID, StockItem]
    local_ids: list[UUID]
    """Those that may be recorded after it."""
    number_of_events: int


class Judge:
    """Decides transactions by the recorded events and the quantities on hand. Writes nothing.

    One judge takes all transactions of a commit in turn. Each decision sees those before it.
    """

    def __init__(
        self,
        known: Known,
        conflicting: set[UUID],
        now: datetime,
        history: LoadHistory,
        batches: Iterable[Batch] = (),
    ) -> None:
        """Takes what was read for the commit.

        Args:
            known: the recorded events and the items. New items are added to it.
            conflicting: items that this commit must not write.
            now: the server's clock.
            history: loads an item's movements.
            batches: all batches of the commit.
        """
        self.events: list[LedgerEvent] = []
        """The events to append, in order."""
        self.now = now
        self.known = known
        self._items = known.items
        self._damaged = known.damaged
        self._recorded = {local_id: found.event for local_id, found in known.recorded.items()}
        self._conflicting = conflicting
        self._histories = Histories(history, batches, now)

    def judge(
        self,
        transaction: Transaction,
        principal: Principal,
        *,
        arrival: FirstArrival | None = None,
        refused_at: datetime | None = None,
    ) -> tuple[Status, MovementRecorded]:
        """Decides one transaction, and adds its event to `events` if it is accepted.

        Args:
            transaction: the request.
            principal: its sender.
            arrival: its first arrival, if that was earlier.
            refused_at: when it was refused, if the ledger judges it again by itself.

        Raises:
            Rejection: it is not accepted.
        """
        item = self._items.get(transaction.item_id)
        event = self.find_duplicate(transaction, item, principal)
        if event is not None:
            return "duplicate", event
        event = self._accept(transaction, item, principal, arrival, refused_at)
        self._recorded[transaction.local_id] = event
        self.events.append(event)
        return "recorded", event

    def find_duplicate(
        self, transaction: Transaction, item: StockItem | None, principal: Principal
    ) -> MovementRecorded | None:
        """Returns the event of the same transaction; None if it is not recorded.

        Raises:
            UnknownItem: the caller may not access the item.
            LedgerDamaged: the item, or the event, can't be read.
            LocalIdReused: the event under its `local_id` has other content.
        """
        if self._damaged:
            self._require_sound(transaction)
        principal.authorize(transaction.item_id, item)
        event = self._recorded.get(transaction.local_id)
        if event is not None and event.content != transaction.content:
            if not principal.can_access(event.location):
                raise LocalIdReused.undisclosed()
            raise _reused(event)
        return event

    def recorded(self, local_id: UUID) -> MovementRecorded | None:
        """Returns the event under this `local_id`, of an earlier commit or decided for this one."""
        return self._recorded.get(local_id)

    def learn(self, recorded: Mapping[UUID, MovementRecorded], damaged: Iterable[UUID]) -> None:
        """Takes more of what is recorded, by `local_id`."""
        self._recorded = {**recorded, **self._recorded}
        self._damaged.update(damaged)

    def checkpoint(self, transactions: Iterable[Transaction]) -> Checkpoint:
        """Returns what `roll_back` needs, to undo decisions on these transactions."""
        items, local_ids = {}, []
        for transaction in transactions:
            if self._recorded.get(transaction.local_id) is None:
                local_ids.append(transaction.local_id)
            item = self._items.get(transaction.item_id)
            if item is not None and item.id not in items:
                items[item.id] = copy(item)
                items[item.id]._pending_events = [*item.pending_events]  # noqa: SLF001 -- a copy
        return Checkpoint(items, local_ids, len(self.events))

    def roll_back(self, checkpoint: Checkpoint) -> None:
        """Undoes all decisions since the checkpoint."""
        self._items.update(checkpoint.items)
        self._histories.forget(checkpoint.items)
        for local_id in checkpoint.local_ids:
            self._recorded.pop(local_id, None)
        del self.events[checkpoint.number_of_events :]

    def _require_sound(self, transaction: Transaction) -> None:
        """Raises LedgerDamaged: the item, or the event under the `local_id`, cannot be read."""
        if not self._damaged.isdisjoint({transaction.local_id, transaction.item_id}):
            raise LedgerDamaged(transaction.item_id)

    def _accept(
        self,
        transaction: Transaction,
        item: StockItem | None,
        principal: Principal,
        arrival: FirstArrival | None,
        refused_at: datetime | None,
    ) -> MovementRecorded:
        permission = NEEDED_PERMISSION[transaction.type]
        if permission is not None:
            principal.require(permission)
        if item is None:
            raise UnknownItem(transaction.item_id)
        if self._conflicting and item.id in self._conflicting:
            raise Conflict(item.id)
        device = principal.device_for(transaction.device)
        if transaction.device not in {None, device}:
            transaction = transaction._replace(device=None)  # The caller may not name another one.
        if transaction.override and problem_of_override(transaction, principal):
            transaction = transaction._replace(override=False)
        original, own_rank = None, None
        if transaction.links.original is not None:
            original = self._original(transaction, transaction.links.original, item, principal)
            own_rank = None if arrival is None else arrival.rank
            transaction, arrival = at_place_of(transaction, original), original.first_arrival
        history = self._histories.find(item, transaction, arrival)
        event = item.record(
            transaction,
            by=principal.actor,
            recorded_at=self.now,
            device=device,
            history=history,
            arrival=arrival,
            own_rank=own_rank,
            voided=original,
            refused_at=refused_at,
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
        original = self._recorded.get(named)
        if original is None or not principal.can_access(original.location):
            raise UnknownTransaction(named)
        field = "voids" if transaction.links.voids else "corrects"
        if original.originator_id != item.id:
            raise Invalid(field, "names a transaction of another item")
        if self.now - original.timestamp > MAX_OFFLINE:
            raise Invalid(field, f"was recorded more than {MAX_OFFLINE.days} days ago")
        if transaction.links.corrects and original.type is not TransactionType.COUNT:
            raise Invalid(field, f"names a transaction that is not a {TransactionType.COUNT}")
        if transaction.links.voids and not principal.has_recorded(original):
            principal.require(Permission.VOID_ANY)
        return original


def problem_of_override(transaction: Transaction, principal: Principal) -> str | None:
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
