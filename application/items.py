"""Item operations other than movements, and the state of an item at an earlier time."""

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.access.principal import Principal
from application.ledger.ledger import Known, Ledger, replay, state_of
from application.ledger.retry import retry_on_conflict
from application.parsing.items import CodeRequest, ParsedItem, Registration
from application.persistence.unit_of_work import UnitOfWork
from application.recording.judge import Judge
from application.recording.reconsider import Reconsideration
from application.recording.registration import Registrar, RegistrationResult
from application.recording.rejected_store import RejectedTransactionStore
from application.server_clock import Clock, utc_now
from domain.barcode import Barcode, code_id
from domain.errors import Conflict, LedgerDamaged, UnknownVersion
from domain.events import (
    MOVEMENT_TOPICS,
    ItemDetailsChanged,
    ItemRegistered,
    StockItemEvent,
)
from domain.item_details import ItemDetails
from domain.quantities import Quantity
from domain.stock_item import StockItem

EVENTS_PER_REPLAY_READ: Final = 1_000
"""Events that a replay holds in memory at a time."""


DESCRIBING: Final = (ItemRegistered.TOPIC, ItemDetailsChanged.TOPIC)


class ItemService:
    """Registers, describes, confirms, discontinues and reactivates items, assigns and retires their
    codes, and reads their past.

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

    def register(self, registration: Registration, principal: Principal) -> tuple[StockItem, bool]:
        """Registers an item; returns it, and whether it is new. Idempotent.

        Without the permission to manage items, it is provisional. With it, a provisional item is
        confirmed, with these details. Its codes are assigned as far as they are free.

        Raises:
            Invalid: location, SKU, a detail or a code is outside its bounds.
            Forbidden: the location is not one of the caller's.
            ItemDiffers: the item is registered already, with other details.
            CodeTaken: a code belongs to another SKU.
            TooManyProvisionalItems: the caller has the maximum.
            Conflict: other writers were faster in every attempt.
        """
        result = retry_on_conflict(
            lambda conflicting: self._register(registration, principal, conflicting)
        )
        if result.rejection is not None:
            raise result.rejection
        return cast("StockItem", result.item), result.status == "registered"

    def change_details(
        self,
        item_id: UUID,
        change: Callable[[ItemDetails], ItemDetails],
        principal: Principal,
        *,
        confirm: bool = False,
    ) -> StockItem:
        """Changes the item's details.

        Args:
            item_id: the item.
            change: takes the present details and returns the new ones.
            principal: the caller.
            confirm: whether to confirm a provisional item, too.

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
            if confirm:
                item.confirm(by=principal.actor, recorded_at=now)

        return self._change(item_id, principal, change_item)

    def confirm(self, item_id: UUID, principal: Principal) -> StockItem:
        """Confirms a provisional item. Idempotent. Raises UnknownItem, Conflict."""
        return self._change(
            item_id,
            principal,
            lambda _, item, now: item.confirm(by=principal.actor, recorded_at=now),
        )

    def assign_code(self, item_id: UUID, code: str, per: Quantity, principal: Principal) -> Barcode:
        """Assigns a code to the item, or changes what it counts. Idempotent.

        Raises:
            UnknownItem: it is not registered, or not at a location of the caller's.
            Invalid: the code or `per` is outside its bounds, or the item has too many codes.
            CodeTaken: the code belongs to another SKU.
            ItemDiffers: it counts another number, and the caller may not change that.
            Conflict: other writers were faster in every attempt.
        """

        def assign(registrar: Registrar, item: StockItem) -> Barcode:
            return registrar.assign(item, CodeRequest(code, per), principal)

        return self._change_code(item_id, code, principal, assign)

    def retire_code(self, item_id: UUID, code: str, principal: Principal) -> Barcode:
        """Frees a code of the item. Idempotent.

        Raises:
            UnknownItem: the item is not registered, or not at a location of the caller's.
            UnknownCode: the code is not one of the item.
            Conflict: other writers were faster in every attempt.
        """

        def retire(registrar: Registrar, item: StockItem) -> Barcode:
            return registrar.retire(item, code, principal)

        return self._change_code(item_id, code, principal, retire)

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
        self, registration: Registration, principal: Principal, conflicting: set[UUID]
    ) -> RegistrationResult:
        """Makes one attempt. Raises WriteConflict: another writer was faster."""
        with self._locked([registration.item_id], registration.code_ids) as (unit_of_work, known):
            judge = self._judge(unit_of_work, known)
            registrar = Registrar(judge, unit_of_work, conflicting, self.default_floor)
            (result,) = registrar.register([ParsedItem(registration, ())], principal)
            self._append(unit_of_work, judge)
        return result

    def _change_code(
        self,
        item_id: UUID,
        code: str,
        principal: Principal,
        change: Callable[[Registrar, StockItem], Barcode],
    ) -> Barcode:
        location = self._require_found(item_id, principal)

        def attempt(conflicting: set[UUID]) -> Barcode:
            with self._locked([item_id], [code_id(location, code)]) as (unit_of_work, known):
                _require_writable(item_id, known, conflicting)
                judge = self._judge(unit_of_work, known)
                registrar = Registrar(judge, unit_of_work, conflicting)
                item = principal.require_item(item_id, known.items.get(item_id))
                barcode = change(registrar, item)
                self._append(unit_of_work, judge)
            return barcode

        return retry_on_conflict(attempt)

    def _change(
        self,
        item_id: UUID,
        principal: Principal,
        change: Callable[[UnitOfWork, StockItem, datetime], None],
    ) -> StockItem:
        def attempt(conflicting: set[UUID]) -> StockItem:
            with self._locked([item_id]) as (unit_of_work, known):
                _require_writable(item_id, known, conflicting)
                item = principal.require_item(item_id, known.items.get(item_id))
                change(unit_of_work, item, self._clock())
                judge = self._judge(unit_of_work, known)
                judge.events += cast("list[StockItemEvent]", item.pending_events)
                self._append(unit_of_work, judge)
            return item

        return retry_on_conflict(attempt)

    @contextmanager
    def _locked(
        self, item_ids: Sequence[UUID], code_ids: Sequence[UUID] = ()
    ) -> Iterator[tuple[UnitOfWork, Known]]:
        """Locks and looks up items and codes in a unit of work."""
        with self._ledger.recorder.unit_of_work() as unit_of_work:
            unit_of_work.lock([*item_ids, *code_ids])
            yield unit_of_work, self._ledger.look_up(unit_of_work, [], item_ids, code_ids)

    def _judge(self, unit_of_work: UnitOfWork, known: Known) -> Judge:
        return Judge(known, set(), self._clock(), partial(self._ledger.history, unit_of_work))

    def _append(self, unit_of_work: UnitOfWork, judge: Judge) -> None:
        """Appends the judge's events, and judges what waits for them."""
        if not judge.events:
            return
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

    def _require_found(self, item_id: UUID, principal: Principal) -> str:
        """Returns the item's location. Raises UnknownItem."""
        first = next(iter(self._ledger.events.get(originator_id=item_id, limit=1)), None)
        item = first if isinstance(first, StockItemEvent) else None
        return principal.require_item(item_id, item).location


def _require_writable(item_id: UUID, known: Known, conflicting: Container[UUID]) -> None:
    """Raises Conflict: the item must not be written; LedgerDamaged: it can't be read."""
    if item_id in conflicting:
        raise Conflict(item_id)
    if item_id in known.damaged:
        raise LedgerDamaged(item_id)


def _has_moved(unit_of_work: UnitOfWork, item: StockItem) -> bool:
    return any(stored.topic in MOVEMENT_TOPICS for stored in unit_of_work.events_of(item.id))
