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
from application.tabular.header import (
    Header,
    HeaderNames,
    IgnoredColumn,
    KnownColumns,
    choose_header,
)
from application.tabular.numbers import DecimalSign
from application.tabular.records import Record, records
from application.tabular.survey import Survey
from application.tabular.text_file import TextFile
from domain.errors import Invalid

_DELIMITERS: Final = (",", ";", "\t", "|")

_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?([,;|\t]?)\2*[\r\n]*', re.IGNORECASE)
"""The first line that Excel reads as the name of the separator. If Excel saves it again, it ends
with separators."""


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """What the user tells about a file. None is for what the file must prove itself."""

    encoding: str | None = None
    delimiter: str | None = None
    decimal: DecimalSign | None = None


class CsvRow(NamedTuple):
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
        columns: KnownColumns,
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
        survey = self._survey()
        self.ignored = self._header.ignored()
        """The columns that are not used."""
        self._nameless = self._header.unnamed
        """The places of the columns that must be empty."""
        self._leave_out(survey.index())
        self.decimal = survey.decimal(options.decimal)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._text.size

    @property
    def position(self) -> int:
        """The number of bytes that are read."""
        return self._text.position

    def __iter__(self) -> Iterator[CsvRow]:
        """Yields the rows that are not blank, from the first."""
        return map(self._row, self._below())

    def _separator_line(self) -> str | None:
        """Returns the separator that the first line names; None if that line is the header."""
        found = _SEPARATOR_LINE.fullmatch(next(self._text.lines(), ""))
        if found is None or not _is_delimiter(found[1]):
            return None
        return found[2] or found[1]

    def _find_header(self, delimiter: str | None, renamed: Mapping[str, str]) -> Header:
        if delimiter is not None and not _is_delimiter(delimiter):
            raise UnreadableFile(
                f"{shown([delimiter])} can't be a separator: name one character, such as ; "
                "(--delimiter, or delimiter=)"
            )
        names = HeaderNames(self._columns, renamed)
        return choose_header([delimiter] if delimiter else _DELIMITERS, self._records, names)

    def _records(self, delimiter: str) -> Iterator[Record]:
        lines = islice(self._text.lines(), self._first_line - 1, None)
        return records(lines, delimiter, self._first_line)

    def _below(self) -> Iterator[Record]:
        """Yields the records below the header."""
        below = self._records(self.delimiter)
        next(below)
        return below

    def _leave_out(self, index: int | None) -> None:
        """Lets a column without header that counts the rows be one of the ignored."""
        if index is not None:
            self._nameless = [place for place in self._nameless if place != index]
            self.ignored = (IgnoredColumn(self._header.cells[index], None), *self.ignored)

    def _row(self, record: Record) -> CsvRow:
        return CsvRow(record.line, self._cells(record), self._problem(record))

    def _cells(self, record: Record) -> dict[str, str]:
        named = zip(self._header.names, record.cells, strict=False)
        return {name: cell for name, cell in named if name and cell.strip()}

    def _problem(self, record: Record) -> Invalid | None:
        if self._is_wider(record):
            return Invalid(
                "row",
                f"{self._sizes(record)}: a cell with {shown([self.delimiter])} in it must stand "
                "between quotation marks",
            )
        line, cells = record
        for place in self._nameless:
            if place < len(cells) and cells[place].strip():
                problem = f"line {line} has a cell in column {place + 1}, which has no header"
                return Invalid("row", problem)
        return None

    def _is_wider(self, record: Record) -> bool:
        width = len(self._header.cells)
        # A decimal comma without quotation marks moves all later cells, and the last may be empty.
        return any(cell.strip() for cell in record.cells[width:]) or (
            len(record.cells) > width and self.delimiter == ","
        )

    def _sizes(self, record: Record) -> str:
        number, width = len(record.cells), len(self._header.cells)
        return f"line {record.line} has {number} {_plural(number)}, and the header {width}"

    def _survey(self) -> Survey:
        """Reads all rows, so an unclosed quotation mark is found before the first row is used."""
        survey = Survey(self._header.unnamed)
        numeric = [name for name in self.found if self._columns.is_numeric(name)]
        for record in self._below():
            survey.add(record.cells)
            if not self._is_wider(record):
                cells = self._cells(record)
                for name in numeric:
                    survey.add_number(record.line, cells.get(name, ""))
        return survey


def _plural(number: int) -> str:
    return "cell" if number == 1 else "cells"


def _is_delimiter(text: str) -> bool:
    is_sign = text.isprintable() and not text.isalnum() and text not in {" ", '"'}
    return len(text) == 1 and (is_sign or text == "\t")
