"""Codes of a commit: assigned to items, and retired."""

from collections.abc import Container, Sequence
from typing import cast
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.ledger.ledger import Known
from application.parsing.items import CodeRequest, Registration
from application.persistence.unit_of_work import UnitOfWork
from application.projections.codes import Codes
from application.recording.judge import Judge
from domain.barcode import MAX_CODES_PER_ITEM, Barcode, BarcodeEvent, CodeAssigned
from domain.errors import Conflict, Invalid, LedgerDamaged, Rejection
from domain.quantities import to_steps
from domain.stock_item import StockItem


class CodeRegistrar:
    """Decides the codes of a commit, and adds their events to those of the judge."""

    def __init__(
        self, judge: Judge, unit_of_work: UnitOfWork, conflicting: Container[UUID]
    ) -> None:
        """`conflicting`: codes that this commit must not write."""
        self._judge = judge
        self._known = judge.known
        self._unit_of_work = unit_of_work
        self._conflicting = conflicting
        self._numbers: dict[UUID, int] = {}
        """How many codes each item has, as far as this commit needs to know."""

    def assign(
        self, item: StockItem, wanted: CodeRequest, principal: Principal
    ) -> tuple[CodeAssigned, bool]:
        """Assigns a code to the item; returns the assignment, and whether it is new.

        Raises:
            CodeTaken: it belongs to another SKU.
            CodeWasRetired: it was taken from this item, and the caller may not undo that.
            ItemDiffers: it counts another number of base units, and the caller may not change that.
            Invalid: the code or its number of base units is out of bounds, or the item has too many
                codes.
            Conflict, LedgerDamaged: this commit can't write it.
        """
        barcode = self._barcode(item.location, wanted.code)
        self._require_room(item.id, [barcode])
        if not principal.may(Permission.MANAGE_ITEMS):
            barcode.require_as_it_stands(item, wanted.per)
        event = barcode.assign(item, wanted.per, by=principal.actor, recorded_at=self._judge.now)
        if event is None:
            return cast("CodeAssigned", barcode.assignment), False
        if barcode.assignment is None:
            self._numbers[item.id] += 1
        self._append(event)
        return event, True

    def retire(self, item: StockItem, code: str, principal: Principal) -> BarcodeEvent:
        """Frees a code of the item; returns its last event. Raises UnknownCode, Invalid, Conflict,
        LedgerDamaged."""
        barcode = self._barcode(item.location, code)
        last = barcode.require_of(item.id)
        event = barcode.retire(by=principal.actor, recorded_at=self._judge.now)
        if event is None:
            return last
        self._append(event)
        return event

    def has_none(self, item: StockItem) -> None:
        """Says that the item is new, so it has no codes to count."""
        self._numbers[item.id] = 0

    def require_scale(self, item: StockItem, scale: int) -> None:
        """Raises Invalid: the scale is lower than the item's, and a code may count a part of its
        steps."""
        if scale < item.scale and self._number_of(item.id):
            raise Invalid("scale", "can't be lowered: the item has codes")

    def require_possible(self, registration: Registration, scale: int) -> None:
        """Checks codes before any of them is assigned.

        Raises:
            Invalid: one counts a part of a step, or the item would have too many codes.
            Conflict, LedgerDamaged: this commit can't write one of them.
        """
        codes = registration.codes
        barcodes = [self._barcode(registration.location, one.code) for one in codes]
        for one in codes:
            to_steps("per", one.per, scale)
        self._require_room(registration.item_id, barcodes)

    def require_not_of_another(self, registration: Registration) -> None:
        """Raises CodeTaken: one of the codes belongs to another SKU."""
        for one in registration.codes:
            barcode = self._barcode(registration.location, one.code)
            barcode.require_not_of_another(registration.item_id)

    def assign_each(
        self, item: StockItem, codes: Sequence[CodeRequest], principal: Principal
    ) -> list[Rejection]:
        """Assigns codes to the item, each on its own. Returns why some are not assigned."""
        problems: list[Rejection] = []
        for wanted in codes:
            try:
                self.assign(item, wanted, principal)
            except Rejection as rejection:
                problems.append(rejection)
        return problems

    def _barcode(self, location: str, code: str) -> Barcode:
        """Returns the code at the location. Raises Invalid, Conflict, LedgerDamaged."""
        free = Barcode(location, code)
        require_writable(free.id, self._known, self._conflicting)
        last = self._known.codes.get(free.id)
        return free if last is None else Barcode(location, code, last)

    def _append(self, event: BarcodeEvent) -> None:
        self._known.codes[event.originator_id] = event
        self._judge.events.append(event)

    def _require_room(self, item_id: UUID, barcodes: Sequence[Barcode]) -> None:
        """Raises Invalid: the item would have too many codes."""
        free = {barcode.id for barcode in barcodes if barcode.assignment is None}
        if free and self._number_of(item_id) + len(free) > MAX_CODES_PER_ITEM:
            raise Invalid("codes", f"an item has at most {MAX_CODES_PER_ITEM} codes")

    def _number_of(self, item_id: UUID) -> int:
        """Returns how many codes the item has."""
        if item_id not in self._numbers:
            self._numbers[item_id] = self._unit_of_work.count(
                Codes.table, "item_id", item_id, at_most=MAX_CODES_PER_ITEM
            )
        return self._numbers[item_id]


def require_writable(stream: UUID, known: Known, conflicting: Container[UUID]) -> None:
    """Raises Conflict: this commit must not write the item or the code; LedgerDamaged: it can't be
    read."""
    if stream in known.damaged:
        raise LedgerDamaged(stream)
    if stream in conflicting:
        raise Conflict(stream)
