"""Parsing of an element of a batch's `items` into a registration, or into a rejection."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from application.parsing.fields import ElementFields, FieldNames, FieldWarning
from application.parsing.transactions import WIRE_CONFIG, Number
from application.parsing.values import read_quantity, read_text, read_whole_number
from domain.barcode import MAX_CODES_PER_ITEM, code_id, require_per
from domain.errors import Invalid, Rejection
from domain.item_details import ItemDetails, require_floor
from domain.labels import label
from domain.quantities import MAX_SCALE, Quantity, require_quantity
from domain.stock_item import StockItem, item_id

DEFAULT_UNIT: Final = "pc"


class CodeElement(BaseModel):
    """A code of an item."""

    model_config = WIRE_CONFIG

    code: str
    per: Annotated[
        Number | None, Field(description="The base units that one scan counts. 1, if left out.")
    ] = None


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
    codes: Annotated[
        list[CodeElement | str] | None,
        Field(description="Its barcodes. A text stands for a code of one base unit."),
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


class CodeRequest(NamedTuple):
    """A request to assign a code."""

    code: str
    per: Quantity = 1


class Registration(NamedTuple):
    """A request to register an item. None means: not given."""

    location: str
    sku: str
    name: str | None
    unit: str | None
    safety_stock: Quantity | None
    scale: int | None = None
    floor: Quantity | Default | None = DEFAULT
    codes: tuple[CodeRequest, ...] = ()

    @property
    def names_floor(self) -> bool:
        """Whether the floor is given."""
        return not isinstance(self.floor, Default)

    def without_floor(self) -> "Registration":
        """Returns the registration without the floor."""
        return self._replace(floor=DEFAULT)

    @property
    def code_ids(self) -> list[UUID]:
        """The ids of its codes' event streams."""
        return [code_id(self.location, one.code) for one in self.codes]

    @property
    def item_id(self) -> UUID:
        """The id that follows from location and SKU."""
        return item_id(self.location, self.sku)

    def require_valid(self) -> None:
        """Raises Invalid: something is outside the bounds of every item."""
        if self.scale is not None:
            self.details()
            return
        for name in ("name", "unit"):
            text = getattr(self, name)
            if text is not None:
                label(name, text)
        if self.safety_stock is not None:
            require_quantity("safetyStock", self.safety_stock, at_least=0)
        if not isinstance(self.floor, Default):
            require_floor(self.floor)

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
        """Whether all given details are those of the item."""
        try:
            return self.applied_to(item.details) == item.details
        except Invalid:  # Such as a part of a step: the item has another scale.
            return False

    def applied_to(self, details: ItemDetails) -> ItemDetails:
        """Returns the details with all that are given here. Raises Invalid, as `details`."""
        given = {name: getattr(self, name) for name in ("name", "unit", "safety_stock", "scale")}
        changed = {name: value for name, value in given.items() if value is not None}
        if self.names_floor:
            changed["floor"] = self.floor
        return replace(details, **changed)


class ParsedItem(NamedTuple):
    """A parsed element of `items`: its registration, or its rejection."""

    registration: Registration | Rejection
    warnings: Sequence[FieldWarning]
    replaces: bool = False
    """Whether it replaces the details that stand, if its sender manages items."""

    @property
    def number_of_codes(self) -> int:
        """How many codes it assigns."""
        found = self.registration
        return len(found.codes) if isinstance(found, Registration) else 0


_CODE: Final = FieldNames("a code", CodeElement.model_fields)
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
            codes=fields.decisive("codes", _read_codes) or (),
        )
        fields.warn_of_unknown()
        registration.require_valid()
    except Rejection as rejection:
        return ParsedItem(rejection, ())
    return ParsedItem(registration, fields.warnings)


def _read_codes(value: object) -> tuple[CodeRequest, ...]:
    """Reads a list of codes. Raises ValueError, Invalid."""
    if not isinstance(value, list):
        raise ValueError("must be a list of codes")  # noqa: TRY004 -- readers raise ValueError
    return code_requests(_read_code(one) for one in value)


def _read_code(value: object) -> tuple[str, Quantity]:
    if not isinstance(value, dict):
        return read_text(value), 1
    fields = ElementFields(value, _CODE)
    fields.require_unambiguous()
    per = fields.decisive("per", read_quantity)
    return fields.required("code", read_text), 1 if per is None else per


def code_requests(codes: Iterable[tuple[str, Quantity]]) -> tuple[CodeRequest, ...]:
    """Returns requests for these codes, with what each counts. Raises Invalid: there are too many,
    or one is out of bounds."""
    found = []
    for code, per in codes:
        require_per(per)
        found.append(CodeRequest(label("code", code), per))
    if len(found) > MAX_CODES_PER_ITEM:
        raise Invalid("codes", f"an item has at most {MAX_CODES_PER_ITEM} codes")
    return tuple(found)
