"""Writing CSV that every spreadsheet opens, and that `CsvFile` reads back as it was."""

import csv
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Final

from application.tabular.cells import guarded, guarded_for
from application.tabular.numbers import decimal_signs, is_probably_barcode
from domain.quantities import canonical

BYTE_ORDER_MARK: Final = "\ufeff"
"""Begins the file, which is in UTF-8. Excel would take it for another encoding without it."""


class CsvWriter:
    """Writes rows of some columns as CSV (RFC 4180), with a decimal point."""

    def __init__(
        self,
        columns: Sequence[str],
        numeric: Collection[str] = (),
        read_by: Mapping[str, Callable[[str], str]] | None = None,
    ) -> None:
        """Takes the columns.

        Args:
            columns: their names, in order.
            numeric: those whose texts are numbers, so no formulas.
            read_by: how the texts of some columns are read back, if not by `text_of`.
        """
        self._columns = columns
        self._numeric = frozenset(numeric)
        self._read_by = read_by or {}

    def header(self) -> str:
        """Returns the line with the names of the columns."""
        return _line(self._columns)

    def line(self, values: Mapping[str, object]) -> str:
        """Returns the line with the values by column. A missing value and None are empty cells."""
        return _line(self._cell(column, values.get(column)) for column in self._columns)

    def _cell(self, column: str, value: object) -> str:
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case int() | float() | Decimal():
                return _number(value)
            case datetime():
                return _instant(value)
            case _:
                return self._text(column, str(value))

    def _text(self, column: str, text: str) -> str:
        if column in self._numeric:
            return text
        read = self._read_by.get(column)
        return guarded(text) if read is None else guarded_for(text, read)


def _line(cells: Iterable[str]) -> str:
    written = StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def _number(value: float | Decimal) -> str:
    number = value if isinstance(value, int) else canonical(Decimal(str(value)))
    text = f"{number:f}" if isinstance(number, Decimal) else str(int(number))
    # 1.250 alone could be a thousand. With one zero more, it proves the decimal sign of the file.
    if len(decimal_signs(text)) > 1:
        return f"{text}0"
    # As a whole number, it would be refused.
    return f"{text}.0" if is_probably_barcode(text) else text


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
