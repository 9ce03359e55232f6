"""Registration of a batch's items, before its transactions: decided one by one, in one commit."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, cast
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.ledger.ledger import Known
from application.parsing.fields import FieldWarning
from application.parsing.items import ParsedItem, Registration
from domain.errors import Conflict, ItemDiffers, LedgerDamaged, Rejection
from domain.events import StockItemEvent
from domain.quantities import Quantity
from domain.stock_item import StockItem


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
    transactions after them find them."""

    def __init__(
        self,
        known: Known,
        conflicting: Container[UUID],
        now: datetime,
        default_floor: Quantity | None = 0,
    ) -> None:
        self._items = known.items
        self._damaged = known.damaged
        self._conflicting = conflicting
        self._now = now
        self._default_floor = default_floor

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
            return self._decide(place, one.registration, one.warnings, principal)
        except Rejection as rejection:
            return RegistrationResult(place, "failed", None, rejection, one.warnings)

    def _require_allowed(self, registration: Registration, principal: Principal) -> None:
        """Checks the caller and the item.

        Raises:
            Forbidden: the caller may not manage items, or not at this location.
            LedgerDamaged: the item cannot be read.
            Conflict: this commit must not write the item.
        """
        principal.require(Permission.MANAGE_ITEMS)
        principal.require_location(registration.location)
        if registration.item_id in self._damaged:
            raise LedgerDamaged(registration.item_id)
        if registration.item_id in self._conflicting:
            raise Conflict(registration.item_id)

    def _decide(
        self,
        place: int,
        registration: Registration,
        warnings: Sequence[FieldWarning],
        principal: Principal,
    ) -> RegistrationResult:
        known = self._items.get(registration.item_id)
        if known is None:
            new = StockItem.register(
                registration.location,
                registration.sku,
                registration.details(self._default_floor),
                by=principal.actor,
                recorded_at=self._now,
            )
            self._items[new.id] = new
            return RegistrationResult(place, "registered", new, None, warnings)
        if registration.agrees_with(known):
            return RegistrationResult(place, "known", known, None, warnings)
        differs = ItemDiffers(known.id, **known.shown_details)
        return RegistrationResult(place, "differs", known, differs, warnings)


def registrations(results: Iterable[RegistrationResult]) -> Iterator[StockItemEvent]:
    """Yields the events of the new items."""
    for one in results:
        if one.status == "registered" and one.item is not None:
            yield cast("StockItemEvent", one.item.pending_events[0])
