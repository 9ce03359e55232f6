"""Rows of an item file: what each asks for, in the terms of the ledger."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID, uuid5

from application.files.rows import NO_FLOOR_CELL
from application.parsing.items import DEFAULT, Default, Registration, code_requests
from application.tabular.cells import code_of, sku_of, text_of
from application.tabular.csv_file import CsvFile, Row
from application.tabular.header import Columns
from application.tabular.numbers import read_number
from domain.errors import Invalid, Rejection
from domain.labels import label
from domain.quantities import Quantity
from domain.transaction import Transaction, TransactionType

COLUMNS: Final = Columns(
    known={
        "location": ("store", "shop", "warehouse", "site"),
        "sku": ("article", "article number", "item number", "item no", "product code"),
        "name": ("description", "product", "product name", "item name", "title"),
        "unit": ("unit of measure", "uom"),
        "scale": ("decimals", "decimal places"),
        "safetyStock": ("minimum stock", "min stock", "reorder level", "reorder point"),
        "floor": (),
        "code": ("barcode", "bar code", "ean", "gtin", "upc", "ean code"),
        "per": ("pack size", "units per code", "quantity per code"),
        "onHand": ("opening stock", "opening", "stock", "in stock", "quantity", "qty"),
        "active": (),
        # What an export says besides: it follows from the rest, or from the ledger.
        "provisional": (),
        "version": (),
        "updatedAt": (),
        "itemId": (),
    },
    numeric=("scale", "safetyStock", "floor", "per", "onHand"),
    required=("sku",),
    repeated=("code", "per"),
)
"""The columns of an item file, by the names that an export gives them."""

OPENING: Final = "opening"
"""The reason of opening stock, and what makes its `local_id` from that of the item."""

_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0"})

Value = TypeVar("Value")


class ItemRow(NamedTuple):
    """One row: an item, and perhaps its opening stock."""

    line: int
    registration: Registration
    opening: Transaction | None
    is_discontinued: bool


class RowProblem(NamedTuple):
    """Why a row, or a part of it, is not recorded."""

    line: int
    rejection: Rejection


def opening_id(item_id: UUID) -> UUID:
    """Returns the `local_id` of an item's opening stock: it is recorded at most once."""
    return uuid5(item_id, OPENING)


class RowReader:
    """Reads the rows of one file."""

    def __init__(
        self, file: CsvFile, location: str | None = None, counted_at: datetime | None = None
    ) -> None:
        """`location`: of the rows that name none. `counted_at`: when the opening stock was
        counted; None if it is counted now."""
        self._file = file
        self._location = location
        self._counted_at = counted_at

    def __iter__(self) -> Iterator[ItemRow | RowProblem]:
        for row in self._file:
            try:
                yield self._read(row)
            except Rejection as rejection:
                yield RowProblem(row.line, rejection)

    def _read(self, row: Row) -> ItemRow:
        """Reads a row. Raises Invalid: a cell can't be read, or the row has no location."""
        if row.problem is not None:
            raise row.problem
        cells = _Cells(row.cells, lambda text: read_number(text, self._file.decimal))
        registration = Registration(
            location=label("location", self._location_of(cells)),
            sku=label("sku", cells.required("sku", sku_of)),
            name=cells.read("name", text_of),
            unit=cells.read("unit", text_of),
            safety_stock=cells.number("safetyStock"),
            scale=_whole("scale", cells.number("scale")),
            floor=_floor(cells),
            codes=code_requests(_codes(cells)),
        )
        registration.require_valid()
        on_hand, active = cells.number("onHand"), cells.read("active", _yes_or_no)
        opening = None if on_hand is None else self._opening(registration.item_id, on_hand)
        return ItemRow(row.line, registration, opening, is_discontinued=active is False)

    def _location_of(self, cells: "_Cells") -> str:
        location = cells.read("location", text_of) or self._location
        if location is None:
            raise Invalid("location", "is not in the row, and no location is given for the file")
        return location

    def _opening(self, item_id: UUID, on_hand: Quantity) -> Transaction:
        """Returns the opening stock as a stock-take. Only a quantity below zero, which nobody can
        count, is an adjustment."""
        is_below_zero = on_hand < 0
        return Transaction(
            local_id=opening_id(item_id),
            type=TransactionType.ADJUST if is_below_zero else TransactionType.COUNT,
            item_id=item_id,
            quantity=on_hand,
            occurred_at=self._counted_at,
            reason=OPENING,
            override=is_below_zero,
        )


class _Cells:
    """The cells of a row."""

    def __init__(self, cells: Mapping[str, str], read_number: Callable[[str], Quantity]) -> None:
        self._cells = cells
        self._read_number = read_number

    def read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """Returns the value of a cell; None if it is empty. Raises Invalid: it can't be read."""
        if name not in self._cells:
            return None
        try:
            return read(self._cells[name])
        except ValueError as error:
            raise Invalid(name, str(error)) from None

    def required(self, name: str, read: Callable[[str], Value]) -> Value:
        """Returns the value of a cell. Raises Invalid: it is empty, or can't be read."""
        value = self.read(name, read)
        if value is None:
            raise Invalid(name, "is empty")
        return value

    def number(self, name: str) -> Quantity | None:
        """Returns the number in a cell; None if it is empty. Raises Invalid: it is not a number."""
        return self.read(name, self._read_number)

    def is_text(self, name: str, text: str) -> bool:
        """Whether the cell has this text, in upper or lower case."""
        return self._cells.get(name, "").strip().lower() == text

    def numbered(self, name: str) -> list[str]:
        """Returns the names of all cells of a repeated column: code, code2, …"""
        return [one for one in self._cells if one.rstrip("0123456789") == name]


def _codes(cells: _Cells) -> Iterator[tuple[str, Quantity]]:
    for name in cells.numbered("code"):
        per_name = "per" + name.removeprefix("code")
        per = cells.number(per_name)
        code = cells.required(name, code_of)
        yield code, 1 if per is None else per


def _floor(cells: _Cells) -> Quantity | Default | None:
    if cells.is_text("floor", NO_FLOOR_CELL):
        return None
    floor = cells.number("floor")
    return DEFAULT if floor is None else floor


def _whole(name: str, number: Any) -> int | None:
    if number is not None and not isinstance(number, int):
        raise Invalid(name, "must be a whole number")
    return number


def _yes_or_no(cell: str) -> bool:
    text = text_of(cell).lower()
    if text not in _YES | _NO:
        raise ValueError("must be true or false")
    return text in _YES
