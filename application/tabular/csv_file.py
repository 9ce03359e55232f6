"""Reading the CSV files that spreadsheets of all countries write.

A file says neither its encoding nor its separator nor its decimal sign. Each of them is proved by
the file itself, or is asked for: a wrong guess would make wrong stock.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from application.tabular.errors import UnreadableFile, shown
from application.tabular.header import Columns, Header, HeaderNames, choose_header
from application.tabular.numbers import DecimalSign, decimal_signs
from application.tabular.records import Record, records
from application.tabular.text_file import TextFile
from domain.errors import Invalid

_DELIMITERS: Final = (",", ";", "\t", "|")

_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
"""The first line that Excel reads as the name of the separator."""

_AMBIGUOUS: Final = ".,"


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """What the user tells about a file. None is for what the file must prove itself."""

    encoding: str | None = None
    delimiter: str | None = None
    decimal: DecimalSign | None = None


class Row(NamedTuple):
    """One record below the header."""

    line: int
    """The line on which it begins, counted from 1."""
    cells: Mapping[str, str]
    """The texts that are not empty, by the names of their columns."""
    problem: Invalid | None
    """Why the cells may stand in wrong columns; None if they do not."""


class CsvFile:
    """The rows of a CSV file. It can be read many times, by one reader at a time."""

    def __init__(
        self,
        file: BinaryIO,
        columns: Columns,
        options: CsvOptions | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Reads the whole file once or twice, in bounded memory.

        `file`: must be seekable. `renamed`: headers of the file by the names of their columns.

        Raises:
            UnreadableFile: no row can be read. The message says what to do.
        """
        options = options or CsvOptions()
        self._columns = columns
        self._text = TextFile(file, options.encoding)
        named = self._separator_line()
        self._first_line = 1 if named is None else 2
        self._header = self._find_header(options.delimiter or named, renamed or {})
        self.encoding = self._text.encoding
        self.delimiter = self._header.delimiter
        self.found: Mapping[str, str] = self._header.found
        """The headers of the known columns, by the names of the columns."""
        self.ignored = self._header.ignored()
        """The columns that are not known."""
        self.decimal = self._find_decimal(options.decimal)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._text.size

    @property
    def position(self) -> int:
        """The number of bytes that are read."""
        return self._text.position

    def __iter__(self) -> Iterator[Row]:
        """Yields the rows that are not blank, from the first."""
        below = self._records(self.delimiter)
        next(below)
        return map(self._row, below)

    def _separator_line(self) -> str | None:
        """Returns the separator that the first line names; None if that line is the header."""
        found = _SEPARATOR_LINE.fullmatch(next(self._text.lines(), ""))
        return found[1] if found and _is_delimiter(found[1]) else None

    def _find_header(self, delimiter: str | None, renamed: Mapping[str, str]) -> Header:
        if delimiter is not None and not _is_delimiter(delimiter):
            raise UnreadableFile(
                f"{shown([delimiter])} can't be a separator: name one character, such as ;"
            )
        names = HeaderNames(self._columns, renamed)
        return choose_header([delimiter] if delimiter else _DELIMITERS, self._records, names)

    def _records(self, delimiter: str) -> Iterator[Record]:
        lines = islice(self._text.lines(), self._first_line - 1, None)
        return records(lines, delimiter, self._first_line)

    def _row(self, record: Record) -> Row:
        named = zip(self._header.names, record.cells, strict=False)
        cells = {name: cell for name, cell in named if name and cell.strip()}
        return Row(record.line, cells, self._problem(record))

    def _problem(self, record: Record) -> Invalid | None:
        line, cells = record
        width = len(self._header.cells)
        # A decimal comma without quotation marks moves all later cells, and the last may be empty.
        is_wider = any(cell.strip() for cell in cells[width:]) or (
            len(cells) > width and self.delimiter == ","
        )
        if is_wider:
            return Invalid(
                "row",
                f"line {line} has {len(cells)} cells, and the header {width}: a cell with "
                f"{shown([self.delimiter])} in it must stand between quotation marks",
            )
        for place in self._header.unnamed:
            if place < len(cells) and cells[place].strip():
                problem = f"line {line} has a cell in column {place + 1}, which has no header"
                return Invalid("row", problem)
        return None

    def _find_decimal(self, named: DecimalSign | None) -> DecimalSign:
        """Returns the decimal sign of all numbers. Raises UnreadableFile: it must be named."""
        lines = self._lines_by_signs()
        if named:
            return named
        if "." in lines and "," in lines:
            raise UnreadableFile(
                f"a number has a decimal comma here, and one in line {lines['.']} a decimal point: "
                "correct one of them, or name the decimal sign",
                lines[","],
            )
        if _AMBIGUOUS in lines and len(lines) == 1:
            raise UnreadableFile(
                "this number could have thousands or decimals, and no other one tells: name the "
                "decimal sign",
                lines[_AMBIGUOUS],
            )
        return "," if "," in lines else "."

    def _lines_by_signs(self) -> dict[str, int]:
        """Returns the first line of a number with each of the possible decimal signs. Reads all
        rows, so an unclosed quotation mark is found before the first row is used."""
        lines: dict[str, int] = {}
        numeric = [name for name in self.found if self._columns.is_numeric(name)]
        for row in self:
            for name in numeric:
                signs = decimal_signs(row.cells.get(name, ""))
                if signs and row.problem is None:
                    lines.setdefault(signs, row.line)
        return lines


def _is_delimiter(text: str) -> bool:
    is_sign = text.isprintable() and not text.isalnum() and text not in {" ", '"'}
    return len(text) == 1 and (is_sign or text == "\t")
