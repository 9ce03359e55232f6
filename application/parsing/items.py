"""Parsing of an element of a batch's `items` into a registration, or into a rejection."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from application.parsing.fields import ElementFields, FieldNames, FieldWarning
from application.parsing.transactions import WIRE_CONFIG, Number
from application.parsing.values import read_quantity, read_text, read_whole_number
from domain.errors import Rejection
from domain.item_details import ItemDetails
from domain.labels import label
from domain.quantities import MAX_SCALE, Quantity
from domain.stock_item import StockItem, item_id

DEFAULT_UNIT: Final = "pc"


class ItemElement(BaseModel):
    """An item to register, if it is not yet."""

    model_config = WIRE_CONFIG

    location: str
    sku: str
    name: Annotated[str | None, Field(description="The SKU, if left out.")] = None
    unit: Annotated[str | None, Field(description=f"`{DEFAULT_UNIT}`, if left out.")] = None
    safety_stock: Annotated[Number | None, Field(description="0, if left out.")] = None
    scale: Annotated[
        int | None,
        Field(ge=0, le=MAX_SCALE, description="Decimal places of quantities. 0, if left out."),
    ] = None
    floor: Annotated[
        Number | None,
        Field(
            le=0,
            description="The least quantity that goods out may leave on hand. Null for no limit. "
            "The server's default, if left out.",
        ),
    ] = None


class Default(Enum):
    """A value of its own for "not given", where None is a value."""

    DEFAULT = auto()


DEFAULT: Final = Default.DEFAULT


class Registration(NamedTuple):
    """A request to register an item. None means: not given."""

    location: str
    sku: str
    name: str | None
    unit: str | None
    safety_stock: Quantity | None
    scale: int | None = None
    floor: Quantity | Default | None = DEFAULT

    @property
    def item_id(self) -> UUID:
        """The id that follows from location and SKU."""
        return item_id(self.location, self.sku)

    def details(self, default_floor: Quantity | None = 0) -> ItemDetails:
        """Returns the details for a new item. Raises Invalid: one is outside its bounds."""
        return ItemDetails(
            name=self.sku if self.name is None else self.name,
            unit=DEFAULT_UNIT if self.unit is None else self.unit,
            safety_stock=self.safety_stock or 0,
            scale=self.scale or 0,
            floor=default_floor if isinstance(self.floor, Default) else self.floor,
        )

    def agrees_with(self, item: StockItem) -> bool:
        """Whether all given details are those of the item. Raises Invalid, as `details`."""
        said, has = self.details(), item.details
        return (
            (self.name is None or said.name == has.name)
            and (self.unit is None or said.unit == has.unit)
            and (self.safety_stock is None or said.safety_stock == has.safety_stock)
            and (self.scale is None or said.scale == has.scale)
            and (isinstance(self.floor, Default) or said.floor == has.floor)
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
            safety_stock=fields.decisive("safety_stock", read_quantity),
            scale=fields.decisive("scale", read_whole_number),
            floor=fields.decisive("floor", read_quantity) if fields.has("floor") else DEFAULT,
        )
        fields.warn_of_unknown()
        registration.details()
    except Rejection as rejection:
        return ParsedItem(rejection, ())
    return ParsedItem(registration, fields.warnings)
