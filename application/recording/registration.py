"""Registration: the items of a batch, and their codes.

A device or a clerk registers provisional items, which a manager confirms. The first details stand:
a later request that differs changes nothing, and waits for a manager (`differing_items.py`).
"""

from collections.abc import Container, Iterator, Sequence
from typing import Final, Literal, NamedTuple, cast
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.parsing.fields import FieldWarning
from application.parsing.items import CodeRequest, ParsedItem, Registration
from application.persistence.unit_of_work import UnitOfWork
from application.projections.codes import Codes
from application.projections.stock_levels import StockLevels
from application.recording.judge import Judge
from domain.barcode import MAX_CODES_PER_ITEM, Barcode
from domain.errors import (
    Conflict,
    Invalid,
    ItemDiffers,
    LedgerDamaged,
    Rejection,
    TooManyProvisionalItems,
)
from domain.events import MOVEMENT_TOPICS, MovementRecorded, StockItemEvent
from domain.quantities import Quantity
from domain.stock_item import StockItem

MAX_PROVISIONAL_ITEMS: Final = 1_000
"""Limit of the items of one key that wait to be confirmed."""

_FLOOR_PASSED_OVER: Final = FieldWarning(
    "NOT_ALLOWED", "floor", "floor: needs the permission to manage items; ignored"
)


class RegistrationResult(NamedTuple):
    """The outcome of one item."""

    place: int
    status: Literal["registered", "known", "differs", "failed"]
    item: StockItem | None
    """None if it failed."""
    rejection: Rejection | None
    """Why it failed, or how it differs."""
    warnings: Sequence[FieldWarning]


class Registrar:
    """Decides the items of a commit's batches. Adds new ones to the known items, where the
    transactions after them find them, and their events to those of the judge."""

    def __init__(
        self,
        judge: Judge,
        unit_of_work: UnitOfWork,
        conflicting: Container[UUID],
        default_floor: Quantity | None = 0,
    ) -> None:
        """Takes the judge of the commit.

        Args:
            judge: what is known, and the events to append.
            unit_of_work: that of the commit.
            conflicting: items and codes that this commit must not write.
            default_floor: the floor of new items that do not name one.
        """
        self._judge = judge
        self._known = judge.known
        self._unit_of_work = unit_of_work
        self._conflicting = conflicting
        self._default_floor = default_floor
        self._provisional: dict[str, int] = {}
        """How many provisional items each sender has, by key."""
        self._codes: dict[UUID, int] = {}
        """How many codes each item has, as far as this commit needs to know."""

    def register(
        self, parsed: Sequence[ParsedItem], principal: Principal
    ) -> list[RegistrationResult]:
        """Decides each item on its own, in order. A rejection becomes its result."""
        return [self._register(place, one, principal) for place, one in enumerate(parsed)]

    def _register(self, place: int, one: ParsedItem, principal: Principal) -> RegistrationResult:
        try:
            if isinstance(one.registration, Rejection):
                raise one.registration
            self._require_allowed(one.registration, principal)
            return self._decide(place, one, one.registration, principal)
        except Rejection as rejection:
            return RegistrationResult(place, "failed", None, rejection, one.warnings)

    def _require_allowed(self, registration: Registration, principal: Principal) -> None:
        """Checks the caller and the item.

        Raises:
            Forbidden: the caller may not register items, or not at this location.
            LedgerDamaged: the item cannot be read.
            Conflict: this commit must not write the item.
        """
        principal.require(Permission.REGISTER)
        principal.require_location(registration.location)
        self._require_writable(registration.item_id)

    def _require_writable(self, stream: UUID) -> None:
        if stream in self._known.damaged:
            raise LedgerDamaged(stream)
        if stream in self._conflicting:
            raise Conflict(stream)

    def _decide(
        self,
        place: int,
        parsed: ParsedItem,
        registration: Registration,
        principal: Principal,
    ) -> RegistrationResult:
        warnings = list(parsed.warnings)
        if registration.names_floor and not principal.may(Permission.MANAGE_ITEMS):
            registration = registration.without_floor()
            warnings.append(_FLOOR_PASSED_OVER)
        item = self._known.items.get(registration.item_id)
        is_new = item is None
        if item is None:
            item, problems = self._new(registration, principal), []
        else:
            replaces = parsed.replaces or bool(item.provisional)
            problems = list(self._reconcile(item, registration, principal, replaces=replaces))
        problems += self._assign(item, registration.codes, principal)
        warnings += [FieldWarning(one.code, "codes", one.message) for one in problems[1:]]
        if problems:
            return RegistrationResult(place, "differs", item, problems[0], warnings)
        return RegistrationResult(place, "registered" if is_new else "known", item, None, warnings)

    def _new(self, registration: Registration, principal: Principal) -> StockItem:
        """Registers the item. Raises Invalid, TooManyProvisionalItems."""
        is_provisional = not principal.may(Permission.MANAGE_ITEMS)
        if is_provisional:
            self._require_room(principal.limit_key)
        new = StockItem.register(
            registration.location,
            registration.sku,
            registration.details(self._default_floor),
            by=principal.actor,
            recorded_at=self._judge.now,
            provisional=is_provisional,
        )
        if is_provisional:
            self._provisional[principal.limit_key] += 1
        self._known.items[new.id] = new
        self._codes[new.id] = 0
        self._judge.events += cast("list[StockItemEvent]", new.pending_events)
        return new

    def _require_room(self, key: str) -> None:
        """Raises TooManyProvisionalItems: the sender has the maximum."""
        if key not in self._provisional:
            self._provisional[key] = self._unit_of_work.count(
                StockLevels.table, "provisional_by", key, at_most=MAX_PROVISIONAL_ITEMS
            )
        if self._provisional[key] >= MAX_PROVISIONAL_ITEMS:
            raise TooManyProvisionalItems(MAX_PROVISIONAL_ITEMS)

    def _reconcile(
        self, item: StockItem, registration: Registration, principal: Principal, *, replaces: bool
    ) -> Iterator[Rejection]:
        """Gives the item the details of a manager that replace others, and confirms it. Yields how
        others differ."""
        if replaces and principal.may(Permission.MANAGE_ITEMS):
            try:
                self._describe(item, registration, principal)
            except Rejection as rejection:
                yield rejection
        elif not registration.agrees_with(item):
            yield ItemDiffers(item.id, **item.shown_details)

    def _describe(self, item: StockItem, registration: Registration, principal: Principal) -> None:
        """Gives the item the details of a registration, and confirms it. Raises ItemDiscontinued,
        Invalid."""
        before, by, now = len(item.pending_events), principal.actor, self._judge.now
        details = registration.applied_to(item.details)
        has_moved = details.scale != item.scale and self._has_moved(item)
        if details != item.details:
            item.change_details(details, has_moved=has_moved, by=by, recorded_at=now)
        item.confirm(by=by, recorded_at=now)
        self._judge.events += cast("list[StockItemEvent]", item.pending_events[before:])

    def _has_moved(self, item: StockItem) -> bool:
        pending = cast("list[StockItemEvent]", item.pending_events)
        stored = self._unit_of_work.events_of(item.id)
        has_stored = any(one.topic in MOVEMENT_TOPICS for one in stored)
        return has_stored or any(isinstance(one, MovementRecorded) for one in pending)

    def _assign(
        self, item: StockItem, codes: Sequence[CodeRequest], principal: Principal
    ) -> Iterator[Rejection]:
        """Assigns codes to the item, each on its own. Yields why some are not assigned."""
        for wanted in codes:
            try:
                self.assign(item, wanted, principal)
            except Rejection as rejection:
                yield rejection

    def assign(self, item: StockItem, wanted: CodeRequest, principal: Principal) -> Barcode:
        """Assigns a code to the item.

        Raises:
            CodeTaken: it belongs to another SKU.
            ItemDiffers: it counts another number of base units, and the caller may not change that.
            Invalid: the code or its number of base units is out of bounds, or the item has too many
                codes.
            Conflict, LedgerDamaged: this commit can't write it.
        """
        barcode = self._code_at(item.location, wanted.code)
        may_change = principal.may(Permission.MANAGE_ITEMS)
        is_its_own = barcode.assignment is not None and barcode.assignment.item_id == item.id
        if is_its_own and barcode.per != wanted.per and not may_change:
            raise ItemDiffers(item.id, code=barcode.code, per=barcode.shown_per)
        if barcode.assignment is None:
            self._require_room_for_code(item)
        event = barcode.assign(item, wanted.per, by=principal.actor, recorded_at=self._judge.now)
        if event is not None:
            self._known.codes[barcode.id] = barcode
            self._judge.events.append(event)
            if not is_its_own:
                self._codes[item.id] += 1
        return barcode

    def retire(self, item: StockItem, code: str, principal: Principal) -> Barcode:
        """Frees a code of the item. Raises UnknownCode, Invalid, Conflict, LedgerDamaged."""
        barcode = self._code_at(item.location, code)
        event = barcode.retire(item.id, by=principal.actor, recorded_at=self._judge.now)
        if event is not None:
            self._judge.events.append(event)
        return barcode

    def _code_at(self, location: str, code: str) -> Barcode:
        """Returns the code at the location. Raises Invalid, Conflict, LedgerDamaged."""
        new = Barcode(location, code)
        self._require_writable(new.id)
        return self._known.codes.get(new.id, new)

    def _require_room_for_code(self, item: StockItem) -> None:
        """Raises Invalid: the item has the maximum."""
        if item.id not in self._codes:
            self._codes[item.id] = self._unit_of_work.count(
                Codes.table, "item_id", item.id, at_most=MAX_CODES_PER_ITEM
            )
        if self._codes[item.id] >= MAX_CODES_PER_ITEM:
            raise Invalid("codes", f"an item has at most {MAX_CODES_PER_ITEM} codes")
