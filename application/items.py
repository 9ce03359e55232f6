"""Item operations other than movements, and the state of an item at an earlier time."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.access.principal import Principal
from application.ledger.ledger import Known, Ledger, replay, state_of
from application.ledger.retry import retry_on_conflict
from application.persistence.unit_of_work import UnitOfWork
from application.recording.judge import Judge
from application.recording.reconsider import Reconsideration
from application.recording.rejected_store import RejectedTransactionStore
from application.server_clock import Clock, utc_now
from domain.errors import Conflict, ItemDiffers, LedgerDamaged, UnknownVersion
from domain.events import (
    MOVEMENT_TOPICS,
    ItemDetailsChanged,
    ItemRegistered,
    StockItemEvent,
)
from domain.item_details import ItemDetails
from domain.labels import label
from domain.quantities import Quantity
from domain.stock_item import StockItem

EVENTS_PER_REPLAY_READ: Final = 1_000
"""Events that a replay holds in memory at a time."""


DESCRIBING: Final = (ItemRegistered.TOPIC, ItemDetailsChanged.TOPIC)


class ItemService:
    """Registers, describes, discontinues and reactivates items, and reads their past.

    Every method may raise StoreUnavailable.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock = utc_now,
        default_floor: Quantity | None = 0,
        store: RejectedTransactionStore | None = None,
        follow_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what it writes with.

        Args:
            ledger: the ledger.
            clock: the server's clock.
            default_floor: the floor of new items that do not name one.
            store: the rejected transactions.
            follow_up: judges the rejected transactions that a change left to later commits.
        """
        self._ledger = ledger
        self._clock = clock
        self._store = store or RejectedTransactionStore()
        self._follow_up = follow_up
        self.default_floor = default_floor
        """The floor of new items that do not name one."""

    def register(
        self, location: str, sku: str, details: ItemDetails, principal: Principal
    ) -> tuple[StockItem, bool]:
        """Registers an item; returns it, and whether it is new. Idempotent.

        Raises:
            Invalid: location or SKU are outside their bounds.
            Forbidden: the location is not one of the caller's.
            ItemDiffers: the item is registered already, with other details.
            Conflict: other writers were faster in every attempt.
        """
        location = label("location", location)
        principal.require_location(location)
        item, is_new = retry_on_conflict(
            lambda conflicting: self._register(location, sku, details, principal, conflicting)
        )
        if item.details != details:
            raise ItemDiffers(item.id, **item.shown_details)
        return item, is_new

    def change_details(
        self, item_id: UUID, change: Callable[[ItemDetails], ItemDetails], principal: Principal
    ) -> StockItem:
        """Changes the item's details. `change` takes the present ones and returns the new ones.

        Raises:
            UnknownItem: it is not registered, or not at a location of the caller's.
            ItemDiscontinued: it must be reactivated first.
            Invalid: the new details are outside their bounds.
            Conflict: other writers were faster in every attempt.
        """

        def change_item(unit_of_work: UnitOfWork, item: StockItem, now: datetime) -> None:
            details = change(item.details)
            item.change_details(
                details,
                has_moved=details.scale != item.scale and _has_moved(unit_of_work, item),
                by=principal.actor,
                recorded_at=now,
            )

        return self._change(item_id, principal, change_item)

    def discontinue(self, item_id: UUID, principal: Principal) -> StockItem:
        """Ends the item's movements. Idempotent. Raises UnknownItem, Conflict."""
        return self._change(
            item_id,
            principal,
            lambda _, item, now: item.discontinue(by=principal.actor, recorded_at=now),
        )

    def reactivate(self, item_id: UUID, principal: Principal) -> StockItem:
        """Lets the item move again. Idempotent. Raises UnknownItem, Conflict."""
        return self._change(
            item_id,
            principal,
            lambda _, item, now: item.reactivate(by=principal.actor, recorded_at=now),
        )

    def at_version(self, item_id: UUID, version: int, principal: Principal) -> StockItem:
        """Returns the item as it was after its event `version`. Raises UnknownItem,
        UnknownVersion."""
        self._require_found(item_id, principal)
        stored = self._event(item_id, version)
        if stored is None:
            raise UnknownVersion(item_id, version)
        return self._rehydrate(stored)

    def as_of(self, item_id: UUID, time: datetime, principal: Principal) -> StockItem:
        """Returns the item as it was recorded at `time`. Raises UnknownItem, UnknownVersion."""
        self._require_found(item_id, principal)
        stored = self._last_event_at(item_id, time)
        if stored is None:
            raise UnknownVersion(item_id, time)
        return self._rehydrate(stored)

    def _event(self, item_id: UUID, version: int) -> StoredEvent | None:
        found = self._ledger.recorder.select_events(item_id, gt=version - 1, lte=version)
        return found[0] if found else None

    def _last_event_at(self, item_id: UUID, time: datetime) -> StoredEvent | None:
        """A binary search: an item's versions have no gaps, and its timestamps never decrease."""
        newest = self._ledger.recorder.select_events(item_id, desc=True, limit=1)
        last = newest[0].originator_version if newest else 0

        def is_later(version: int) -> bool:
            stored = self._event(item_id, version)
            return stored is None or self._ledger.mapper.to_base(stored).timestamp > time

        return self._event(item_id, bisect_left(range(1, last + 1), True, key=is_later))

    def _rehydrate(self, stored: StoredEvent) -> StockItem:
        """Rehydrates the item after this event: quantities from the event, its description from
        `item_changes`."""
        item_id = cast("UUID", stored.originator_id)
        version = stored.originator_version
        select = self._ledger.recorder.select_item_change
        described = select(item_id, DESCRIBING, upto_version=version)
        if described is None:  # The read model is damaged.
            return cast("StockItem", replay(self._events(item_id, lte=version)))
        base = self._ledger.mapper.to_base(stored)
        return StockItem.rehydrate(
            item_id,
            version,
            base.timestamp,
            location=base.location,
            sku=base.sku,
            name=described.name,
            unit=described.unit,
            safety_stock=described.safety_stock,
            **state_of(base),
        )

    def _register(
        self,
        location: str,
        sku: str,
        details: ItemDetails,
        principal: Principal,
        conflicting: set[UUID],
    ) -> tuple[StockItem, bool]:
        """Makes one attempt. Raises WriteConflict: another writer was faster."""
        new = StockItem.register(
            location, sku, details, by=principal.actor, recorded_at=self._clock()
        )
        with self._locked(new.id, conflicting) as (unit_of_work, known):
            found = known.items.get(new.id)
            if found is None:
                self._append(unit_of_work, known, new)
        return (new, True) if found is None else (found, False)

    def _change(
        self,
        item_id: UUID,
        principal: Principal,
        change: Callable[[UnitOfWork, StockItem, datetime], None],
    ) -> StockItem:
        def attempt(conflicting: set[UUID]) -> StockItem:
            with self._locked(item_id, conflicting) as (unit_of_work, known):
                item = principal.require_item(item_id, known.items.get(item_id))
                change(unit_of_work, item, self._clock())
                self._append(unit_of_work, known, item)
            return item

        return retry_on_conflict(attempt)

    @contextmanager
    def _locked(self, item_id: UUID, conflicting: set[UUID]) -> Iterator[tuple[UnitOfWork, Known]]:
        """Locks and looks up the item in a unit of work.

        Raises:
            Conflict: it must not be written.
            LedgerDamaged: it can't be read.
        """
        if item_id in conflicting:
            raise Conflict(item_id)
        with self._ledger.recorder.unit_of_work() as unit_of_work:
            unit_of_work.lock([item_id])
            known = self._ledger.look_up(unit_of_work, [], [item_id])
            if item_id in known.damaged:
                raise LedgerDamaged(item_id)
            yield unit_of_work, known

    def _append(self, unit_of_work: UnitOfWork, known: Known, item: StockItem) -> None:
        """Appends the item's new events, and judges what waits for them."""
        if not item.pending_events:
            return
        known.items[item.id] = item
        judge = Judge(known, set(), self._clock(), partial(self._ledger.history, unit_of_work))
        judge.events += cast("list[StockItemEvent]", item.pending_events)
        again = Reconsideration(self._ledger, unit_of_work, self._store, judge)
        again.judge_changes()
        self._ledger.append(unit_of_work, judge.events)
        again.save()
        if again.has_more:
            self._follow_up()

    def _events(self, item_id: UUID, lte: int | None = None) -> Iterator[StockItemEvent]:
        last = 0
        while True:
            chunk = list(
                self._ledger.events.get(
                    originator_id=item_id, gt=last, lte=lte, limit=EVENTS_PER_REPLAY_READ
                )
            )
            yield from cast("list[StockItemEvent]", chunk)
            if len(chunk) < EVENTS_PER_REPLAY_READ:
                return
            last = chunk[-1].originator_version

    def _require_found(self, item_id: UUID, principal: Principal) -> None:
        first = next(iter(self._ledger.events.get(originator_id=item_id, limit=1)), None)
        principal.require_item(item_id, cast("StockItemEvent | None", first))


def _has_moved(unit_of_work: UnitOfWork, item: StockItem) -> bool:
    return any(stored.topic in MOVEMENT_TOPICS for stored in unit_of_work.events_of(item.id))
