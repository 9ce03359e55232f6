"""Rows of an item file: what each asks for, in the terms of the ledger."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID, uuid5

from application.files.rows import NO_FLOOR_CELL
from application.parsing.items import DEFAULT, Default, Registration, code_requests
from application.parsing.values import read_uuid
from application.tabular.cells import code_of, is_literal, plain_text, sku_of, text_of
from application.tabular.csv_file import CsvFile, CsvRow
from application.tabular.flags import flag_of
from application.tabular.numbers import is_probably_barcode, read_number
from domain.barcode import compared_form, require_per
from domain.errors import Invalid, Rejection
from domain.labels import folded, kept_form, label
from domain.quantities import Quantity
from domain.transaction import Transaction, TransactionType

OPENING: Final = "opening"
"""The reason of opening stock, and what makes its `local_id` from that of the item."""

_TOTAL_WORDS: Final = (
    "total|totals|grand total|subtotal|sum|Summe|Gesamt|Gesamtsumme|Zwischensumme|somme|"
    "total général|totale|totaal|suma|soma|total geral|total general|razem|summa|totalt|yhteensä|"
    "celkem|összesen|toplam|genel toplam|итого|всего|合計|合计|总计|總計|小计|합계"
)
_TOTALS: Final = frozenset(map(folded, _TOTAL_WORDS.split("|")))
"""What a spreadsheet writes before the sum of a column."""

Value = TypeVar("Value")


class ItemRow(NamedTuple):
    """One row: an item, and perhaps its opening stock."""

    line: int
    registration: Registration
    opening: Transaction | None
    is_active: bool | None
    """None if the row does not say it."""


class RowProblem(NamedTuple):
    """Why a row, or a part of it, is not recorded."""

    line: int
    rejection: Rejection


ReadRow = ItemRow | RowProblem
"""A row of the file: what it asks for, or why it can't be read."""


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

    def __iter__(self) -> Iterator[ReadRow]:
        locations = _Locations(self._location)
        for row in self._file:
            try:
                yield self._read(row, locations)
            except Rejection as rejection:
                yield RowProblem(row.line, rejection)

    def _read(self, row: CsvRow, locations: "_Locations") -> ItemRow:
        """Reads a row. Raises Invalid: a cell can't be read, or the row has no location."""
        if row.problem is not None:
            raise row.problem
        cells = _Cells(row.cells, lambda text: read_number(text, self._file.decimal))
        registration = Registration(
            location=label("location", locations.of(cells)),
            sku=label("sku", cells.required("sku", sku_of)),
            name=cells.read("name", text_of),
            unit=cells.read("unit", text_of),
            safety_stock=cells.number("safetyStock"),
            scale=_whole("scale", cells.number("scale")),
            floor=_floor(cells),
            codes=code_requests(_codes(cells)),
        )
        _require_item(cells, registration)
        registration.require_valid()
        on_hand, active = _on_hand(cells), cells.read("active", flag_of)
        opening = None if on_hand is None else self._opening(registration.item_id, on_hand)
        return ItemRow(row.line, registration, opening, active)

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


class _Locations:
    """The locations of the rows of one file."""

    def __init__(self, default: str | None) -> None:
        self._default = default
        self._names_one = False
        """Whether a row so far names its location."""

    def of(self, cells: "_Cells") -> str:
        """Returns the location of a row. Raises Invalid: it has none, though it needs one."""
        location = cells.read("location", text_of)
        if location is not None:
            self._names_one = True
            return location
        if self._names_one:
            raise Invalid(
                "location",
                "is empty, and a row above names one: fill the cell. A spreadsheet keeps the text "
                "of merged cells in the first of them only",
            )
        if self._default is None:
            raise Invalid(
                "location",
                "is not in the row, and no location is given for the file (--location, or "
                "location=)",
            )
        return self._default


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
        return self.raw(name).strip().lower() == text

    def raw(self, name: str) -> str:
        """Returns the cell as it stands in the file; an empty text if there is none."""
        return self._cells.get(name, "")

    def numbered(self, name: str) -> list[str]:
        """Returns the names of all cells of a repeated column: code, code2, …"""
        return [one for one in self._cells if one.rstrip("0123456789") == name]


def _require_item(cells: _Cells, registration: Registration) -> None:
    """Raises Invalid: the row is no item, or not the item that it was in the export."""
    _require_no_total(cells, registration)
    named = cells.raw("itemId")
    if named and _uuid_or_none(named) != registration.item_id:
        raise Invalid(
            "itemId",
            f"is not the id of {registration.sku} at {registration.location}: the sku or the "
            "location was changed, perhaps by a spreadsheet. Correct them; or, if they are right, "
            "leave the column itemId out",
        )


def _require_no_total(cells: _Cells, registration: Registration) -> None:
    word = folded(registration.sku).strip(" :=")
    is_bare = registration.name is None and not registration.codes
    if word in _TOTALS and is_bare and not is_literal(cells.raw("sku")):
        raise Invalid(
            "sku",
            "is the word for a total, and the row has no name and no code: delete the row; or, if "
            f'it is an item, write ="{registration.sku}"',
        )


def _uuid_or_none(cell: str) -> UUID | None:
    try:
        return read_uuid(plain_text(cell))
    except ValueError:
        return None


def _codes(cells: _Cells) -> Iterator[tuple[str, Quantity]]:
    """Yields the codes of the row. Raises Invalid: one can't be read, or its place is not clear."""
    found: dict[str, Quantity] = {}
    for name in cells.numbered("code"):
        code, per = _code(cells, name)
        known = found.setdefault(compared_form(code), per)
        if known != per:
            raise Invalid(name, "is in the row twice, with other numbers of units in per")
        yield code, per
    for per_name in cells.numbered("per"):
        name = "code" + per_name.removeprefix("per")
        if not cells.raw(name) and cells.number(per_name) != 1:
            raise Invalid(per_name, f"is filled, and the row has no {name}")


def _code(cells: _Cells, name: str) -> tuple[str, Quantity]:
    per_name = "per" + name.removeprefix("code")
    code, per = label(name, cells.required(name, code_of)), cells.number(per_name)
    try:
        require_per(1 if per is None else per)
    except Invalid as error:
        raise Invalid(per_name, str(error.details["problem"])) from None
    return code, 1 if per is None else per


def _on_hand(cells: _Cells) -> Quantity | None:
    text = cells.raw("onHand").strip()
    if is_probably_barcode(text):
        raise Invalid(
            "onHand", f'is a barcode, perhaps in the wrong cell; or, if it is right, ="{text}"'
        )
    return cells.number("onHand")


def _floor(cells: _Cells) -> Quantity | Default | None:
    if cells.is_text("floor", NO_FLOOR_CELL):
        return None
    floor = cells.number("floor")
    return DEFAULT if floor is None else floor


def _whole(name: str, number: Any) -> int | None:
    if number is not None and not isinstance(number, int):
        raise Invalid(name, "must be a whole number")
    return number


DETAILS: Final = ("name", "unit", "safetyStock", "scale", "floor")
"""The columns of the details of an item."""


def details_given(registration: Registration) -> dict[str, object]:
    """Returns the details that a registration gives, by the names of their columns."""
    texts = {"name": registration.name, "unit": registration.unit}
    found: dict[str, object] = {
        name: kept_form(text) for name, text in texts.items() if text is not None
    }
    if registration.safety_stock is not None:
        found["safetyStock"] = registration.safety_stock
    if registration.scale is not None:
        found["scale"] = registration.scale
    if registration.names_floor:
        found["floor"] = registration.floor
    return found
