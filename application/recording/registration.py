"""Registration: the items of a batch, and their codes.

A device or a clerk registers provisional items, which a manager confirms. The first details stand:
a later request that differs changes nothing, and waits for a manager (`differing_items.py`).
"""

from collections.abc import Container, Sequence
from typing import Final, Literal, NamedTuple, cast
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.parsing.fields import FieldWarning
from application.parsing.items import ParsedItem, Registration
from application.persistence.unit_of_work import UnitOfWork
from application.projections.stock_levels import StockLevels
from application.recording.code_registration import CodeRegistrar, require_writable
from application.recording.judge import Judge
from domain.errors import ItemDiffers, Rejection, TooManyProvisionalItems
from domain.events import MOVEMENT_TOPICS, LedgerEvent, MovementRecorded
from domain.item_details import ItemDetails
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
    registration: Registration | None = None
    """The request as it was decided; None if it failed."""
    problems: Sequence[Rejection] = ()
    """All the ways in which it differs. The first one is the rejection."""


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
        self._codes = CodeRegistrar(judge, unit_of_work, conflicting)

    def register(
        self, parsed: Sequence[ParsedItem], principal: Principal
    ) -> list[RegistrationResult]:
        """Decides each item on its own, in order. A rejection becomes its result."""
        return [self._register(place, one, principal) for place, one in enumerate(parsed)]

    def change_details(self, item: StockItem, details: ItemDetails, principal: Principal) -> None:
        """Gives the item other details. Leaves their event with the item.

        Raises:
            ItemDiscontinued: the item must be reactivated first.
            Invalid: the scale can't change any more.
        """
        self._codes.require_scale(item, details.scale)
        has_moved = details.scale != item.scale and _has_movements(self._unit_of_work, item)
        item.change_details(
            details, has_moved=has_moved, by=principal.actor, recorded_at=self._judge.now
        )

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
        require_writable(registration.item_id, self._known, self._conflicting)

    def _decide(
        self,
        place: int,
        parsed: ParsedItem,
        registration: Registration,
        principal: Principal,
    ) -> RegistrationResult:
        """Decides one item. Whatever makes it fail is found before anything changes."""
        is_managed = principal.may(Permission.MANAGE_ITEMS)
        warnings = list(parsed.warnings)
        if registration.names_floor and not is_managed:
            registration = registration.without_floor()
            warnings.append(_FLOOR_PASSED_OVER)
        item = self._known.items.get(registration.item_id)
        replaces = is_managed and item is not None and (parsed.replaces or bool(item.provisional))
        self._require_possible(registration, item, replaces=replaces)
        if replaces and parsed.replaces:
            self._codes.require_not_of_another(registration)
        if item is None:
            item, status, problems = self._new(registration, principal), "registered", []
        else:
            status, problems = "known", self._reconcile(item, registration, principal, replaces)
        problems += self._codes.assign_each(item, registration.codes, principal)
        warnings += [FieldWarning(one.code, "codes", one.message) for one in problems[1:]]
        return RegistrationResult(
            place,
            "differs" if problems else cast("Literal['registered', 'known']", status),
            item,
            problems[0] if problems else None,
            warnings,
            registration,
            problems,
        )

    def _require_possible(
        self, registration: Registration, item: StockItem | None, *, replaces: bool
    ) -> None:
        """Checks the codes.

        Raises:
            Invalid: one counts a part of a step, or the item would have too many codes.
            Conflict, LedgerDamaged: this commit can't write one of them.
        """
        scale = registration.scale or 0
        if item is not None and not (replaces and registration.scale is not None):
            scale = item.scale
        self._codes.require_possible(registration, scale)

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
        self._codes.has_none(new)
        self._judge.events += cast("list[LedgerEvent]", new.pending_events)
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
        self, item: StockItem, registration: Registration, principal: Principal, replaces: bool
    ) -> list[Rejection]:
        """Gives the item the details of a manager that replace others, and confirms it. Returns how
        others differ. Raises Invalid, ItemDiscontinued: they can't replace what stands."""
        if replaces:
            self._describe(item, registration, principal)
            return []
        if registration.agrees_with(item):
            return []
        return [ItemDiffers(item.id, **item.shown_details)]

    def _describe(self, item: StockItem, registration: Registration, principal: Principal) -> None:
        before = len(item.pending_events)
        self.change_details(item, registration.applied_to(item.details), principal)
        item.confirm(by=principal.actor, recorded_at=self._judge.now)
        self._judge.events += cast("list[LedgerEvent]", item.pending_events[before:])


def _has_movements(unit_of_work: UnitOfWork, item: StockItem) -> bool:
    """Whether the item has movements, stored or pending."""
    if any(isinstance(one, MovementRecorded) for one in item.pending_events):
        return True
    return any(stored.topic in MOVEMENT_TOPICS for stored in unit_of_work.events_of(item.id))
