"""Parsing of an element of a batch's `items` into a registration, or into a rejection."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from application.parsing.fields import ElementFields, FieldNames, FieldWarning
from application.parsing.transactions import WIRE_CONFIG, WholeNumber
from application.parsing.values import read_text, read_whole_number
from domain.errors import Rejection
from domain.labels import label
from domain.stock_item import ItemDetails, StockItem, item_id

DEFAULT_UNIT: Final = "pc"


class ItemElement(BaseModel):
    """An item to register, if it is not yet."""

    model_config = WIRE_CONFIG

    location: str
    sku: str
    name: Annotated[str | None, Field(description="The SKU, if left out.")] = None
    unit: Annotated[str | None, Field(description=f"`{DEFAULT_UNIT}`, if left out.")] = None
    safety_stock: Annotated[WholeNumber | None, Field(description="0, if left out.")] = None


class Registration(NamedTuple):
    """A request to register an item. None means: not given."""

    location: str
    sku: str
    name: str | None
    unit: str | None
    safety_stock: int | None

    @property
    def item_id(self) -> UUID:
        """The id that follows from location and SKU."""
        return item_id(self.location, self.sku)

    @property
    def details(self) -> ItemDetails:
        """The details for a new item, with defaults. Raises Invalid: one is outside its bounds."""
        return ItemDetails(
            name=self.sku if self.name is None else self.name,
            unit=DEFAULT_UNIT if self.unit is None else self.unit,
            safety_stock=self.safety_stock or 0,
        )

    def agrees_with(self, item: StockItem) -> bool:
        """Whether all given details are those of the item. Raises Invalid, as `details`."""
        said = self.details
        return (
            (self.name is None or said.name == item.name)
            and (self.unit is None or said.unit == item.unit)
            and (self.safety_stock is None or said.safety_stock == item.safety_stock)
        )


class ParsedItem(NamedTuple):
    """A parsed element of `items`: its registration, or its rejection."""

    registration: Registration | Rejection
    warnings: Sequence[FieldWarning]


_ITEM: Final = FieldNames("an item", ItemElement.model_fields)


def parse_item(element: object) -> ParsedItem:
    """Parses an element of a batch's `items`. An error becomes the rejection of the result."""
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
