"""Registering items in a batch, before its transactions: many in one commit, each by itself."""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from application.access.principal import Principal
from application.access.roles import Permission
from application.element_fields import ElementFields, FieldNames, FieldWarning
from application.spellings import read_text, read_whole_number
from application.transaction_parser import WIRE_CONFIG, WholeNumber
from domain.labels import label
from domain.rejections import Conflict, ItemDiffers, LedgerDamaged, Rejection
from domain.stock_item import ItemDetails, StockItem, item_id

DEFAULT_UNIT: Final = "pc"


class ItemElement(BaseModel):
    """An item to register, if it is not yet."""

    model_config = WIRE_CONFIG

    location: str
    sku: str
    name: Annotated[str | None, Field(description="The SKU, where it is left out.")] = None
    unit: Annotated[str | None, Field(description=f"`{DEFAULT_UNIT}`, if left out.")] = None
    safety_stock: Annotated[WholeNumber | None, Field(description="0, if left out.")] = None


class Registration(NamedTuple):
    """An item as it is asked for. What is None is not said."""

    location: str
    sku: str
    name: str | None
    unit: str | None
    safety_stock: int | None

    @property
    def item_id(self) -> UUID:
        return item_id(self.location, self.sku)

    @property
    def details(self) -> ItemDetails:
        """Those of a new item. Raises Invalid."""
        return ItemDetails(
            name=self.sku if self.name is None else self.name,
            unit=DEFAULT_UNIT if self.unit is None else self.unit,
            safety_stock=self.safety_stock or 0,
        )

    def agrees_with(self, item: StockItem) -> bool:
        """Whether all that is said is so."""
        said = self.details
        return (
            (self.name is None or said.name == item.name)
            and (self.unit is None or said.unit == item.unit)
            and (self.safety_stock is None or said.safety_stock == item.safety_stock)
        )


class RegistrationResult(NamedTuple):
    """What became of one of the items."""

    place: int
    status: Literal["registered", "known", "differs", "failed"]
    item: StockItem | None
    """None where it failed."""
    rejection: Rejection | None
    """Why it failed, or how it differs."""
    warnings: Sequence[FieldWarning]


class ParsedItem(NamedTuple):
    """An element of `items`: what it asks for, or what is wrong with it."""

    registration: Registration | Rejection
    warnings: Sequence[FieldWarning]


_ITEM: Final = FieldNames("an item", ItemElement.model_fields)


def parse_item(element: object) -> ParsedItem:
    """Reads an element of a batch's `items`."""
    try:
        fields = ElementFields(element, _ITEM)
        fields.require_unambiguous()
        registration = Registration(
            location=label("location", fields.required("location", read_text)),
            sku=label("sku", fields.required("sku", read_text)),
            name=fields.decisive("name", read_text),
            unit=fields.decisive("unit", read_text),
            safety_stock=fields.decisive("safety_stock", read_whole_number),
        )
        fields.warn_of_unknown()
        _ = registration.details
    except Rejection as rejection:
        return ParsedItem(rejection, ())
    return ParsedItem(registration, fields.warnings)


class Registrar:
    """Decides about the items of a commit's batches. What is registered is among `items` from then
    on, for the transactions behind it."""

    def __init__(
        self,
        items: dict[UUID, StockItem],
        damaged: Container[UUID],
        given_up: Container[UUID],
        now: datetime,
    ) -> None:
        self._items = items
        self._damaged = damaged
        self._given_up = given_up
        self._now = now

    def register(
        self, parsed: Sequence[ParsedItem], principal: Principal
    ) -> list[RegistrationResult]:
        """Each by itself, in order."""
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
        """Raises Forbidden, LedgerDamaged, Conflict."""
        principal.require(Permission.MANAGE_ITEMS)
        principal.require_location(registration.location)
        if registration.item_id in self._damaged:
            raise LedgerDamaged(registration.item_id)
        if registration.item_id in self._given_up:
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
                registration.details,
                by=principal.actor,
                recorded_at=self._now,
            )
            self._items[new.id] = new
            return RegistrationResult(place, "registered", new, None, warnings)
        if registration.agrees_with(known):
            return RegistrationResult(place, "known", known, None, warnings)
        differs = ItemDiffers(
            known.id, name=known.name, unit=known.unit, safety_stock=known.safety_stock
        )
        return RegistrationResult(place, "differs", known, differs, warnings)
