"""Item operations other than movements, and the state of an item at an earlier time."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Final, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.access.principal import Principal
from application.ledger.ledger import Known, Ledger, replay, state_of
from application.ledger.retry import retry_on_conflict
from application.parsing.items import CodeRequest, ParsedItem, Registration
from application.persistence.unit_of_work import UnitOfWork
from application.recording.code_registration import CodeRegistrar, require_writable
from application.recording.judge import Judge
from application.recording.reconsider import Reconsideration
from application.recording.registration import Registrar, RegistrationResult
from application.recording.rejected_store import RejectedTransactionStore
from application.server_clock import Clock, utc_now
from domain.barcode import BarcodeEvent, CodeAssigned, code_id
from domain.errors import UnknownVersion
from domain.events import (
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


Changed = TypeVar("Changed")

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
        confirmed, with these details. All of it is done, or nothing.

        Raises:
            Invalid: location, SKU, a detail or a code is outside its bounds.
            Forbidden: the location is not one of the caller's.
            ItemDiffers: the item is registered already, with other details.
            CodeTaken: a code belongs to another SKU.
            CodeWasRetired: a code was taken from the item, and the caller may not undo that.
            TooManyProvisionalItems: the caller has the maximum.
            Conflict: other writers were faster in every attempt.
        """
        registration.require_valid()
        result = retry_on_conflict(
            lambda conflicting: self._register(registration, principal, conflicting)
        )
        if result.rejection is not None:
            raise result.rejection
        return cast("StockItem", result.item), result.status == "registered"

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

        def change_item(registrar: Registrar, item: StockItem, _: datetime) -> None:
            registrar.change_details(item, change(item.details), principal)

        return self._change(item_id, principal, change_item)

    def confirm(
        self,
        item_id: UUID,
        principal: Principal,
        change: Callable[[ItemDetails], ItemDetails] = lambda details: details,
    ) -> StockItem:
        """Confirms a provisional item, and changes its details. Idempotent. Raises as
        `change_details`."""

        def confirm_item(registrar: Registrar, item: StockItem, now: datetime) -> None:
            registrar.change_details(item, change(item.details), principal)
            item.confirm(by=principal.actor, recorded_at=now)

        return self._change(item_id, principal, confirm_item)

    def assign_code(
        self, item_id: UUID, code: str, per: Quantity, principal: Principal
    ) -> tuple[CodeAssigned, bool]:
        """Assigns a code to the item, or changes what it counts; returns the assignment, and
        whether it is new. Idempotent.

        Raises:
            UnknownItem: it is not registered, or not at a location of the caller's.
            Invalid: the code or `per` is outside its bounds, or the item has too many codes.
            CodeTaken: the code belongs to another SKU.
            CodeWasRetired: it was taken from this item, and the caller may not undo that.
            ItemDiffers: it counts another number, and the caller may not change that.
            Conflict: other writers were faster in every attempt.
        """
        wanted = CodeRequest(label("code", code), per)
        return self._change_code(
            item_id,
            wanted.code,
            principal,
            lambda registrar, item: registrar.assign(item, wanted, principal),
        )

    def retire_code(self, item_id: UUID, code: str, principal: Principal) -> BarcodeEvent:
        """Frees a code of the item; returns its last event. Idempotent.

        Raises:
            UnknownItem: the item is not registered, or not at a location of the caller's.
            UnknownCode: the code is not one of the item.
            Conflict: other writers were faster in every attempt.
        """
        code = label("code", code)
        return self._change_code(
            item_id,
            code,
            principal,
            lambda registrar, item: registrar.retire(item, code, principal),
        )

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
            if result.rejection is None:  # Refused, the request has no effect.
                self._append(unit_of_work, judge)
        return result

    def _change_code(
        self,
        item_id: UUID,
        code: str,
        principal: Principal,
        change: Callable[[CodeRegistrar, StockItem], Changed],
    ) -> Changed:
        location = self._require_found(item_id, principal)

        def attempt(conflicting: set[UUID]) -> Changed:
            with self._locked([item_id], [code_id(location, code)]) as (unit_of_work, known):
                require_writable(item_id, known, conflicting)
                judge = self._judge(unit_of_work, known)
                registrar = CodeRegistrar(judge, unit_of_work, conflicting)
                item = principal.require_item(item_id, known.items.get(item_id))
                changed = change(registrar, item)
                self._append(unit_of_work, judge)
            return changed

        return retry_on_conflict(attempt)

    def _change(
        self,
        item_id: UUID,
        principal: Principal,
        change: Callable[[Registrar, StockItem, datetime], None],
    ) -> StockItem:
        def attempt(conflicting: set[UUID]) -> StockItem:
            with self._locked([item_id]) as (unit_of_work, known):
                require_writable(item_id, known, conflicting)
                item = principal.require_item(item_id, known.items.get(item_id))
                judge = self._judge(unit_of_work, known)
                change(Registrar(judge, unit_of_work, conflicting), item, judge.now)
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
            unit_of_work.lock(item_ids)
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
