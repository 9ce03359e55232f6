"""The records of a CSV file (RFC 4180): their cells, and the lines on which they begin."""

import csv
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from application.tabular.errors import UnreadableFile

MAX_RECORD_LENGTH: Final = 1_000_000
"""Characters. A quotation mark that is never closed would make one record of a whole file."""


class Record(NamedTuple):
    """One record of the file, which may have several lines."""

    line: int
    """The first line, counted from 1."""
    cells: list[str]


def records(lines: Iterable[str], delimiter: str, first_line: int) -> Iterator[Record]:
    """Yields the records that are not blank. Spaces before a cell are left out.

    Raises:
        UnreadableFile: a quotation mark is not closed, or a record is too long.
    """
    length = 0

    def bounded() -> Iterator[str]:
        nonlocal length
        for line in lines:
            length += len(line)
            if length > MAX_RECORD_LENGTH:
                raise csv.Error("record is too long")
            yield line

    reader = csv.reader(bounded(), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line, length = first_line + reader.line_num, 0
        try:
            cells = next(reader, None)
        except csv.Error:
            raise UnreadableFile(
                "the record that begins here has a quotation mark that is not closed, or is too "
                "long: a cell in quotation marks must have each of its own twice",
                line,
            ) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield Record(line, cells)
