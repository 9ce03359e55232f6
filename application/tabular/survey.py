"""What all rows of a file prove together: its decimal sign, and columns without a meaning."""

from collections.abc import Iterable, Mapping
from typing import Final

from application.tabular.errors import UnreadableFile
from application.tabular.numbers import DecimalSign, decimal_signs

_AMBIGUOUS: Final = ".,"

_INDEX_STARTS: Final = ("0", "1")

_FEWEST_ROWS: Final = 2
"""From which a cell in every row is no accident."""


class Survey:
    """Gathers the proofs of a file, row by row."""

    def __init__(self, nameless: Iterable[int]) -> None:
        """`nameless`: places without a header."""
        self._nameless = [_NamelessColumn(place) for place in nameless]
        self._lines: dict[str, int] = {}
        """The first line of a number with each of the possible decimal signs."""

    def add(self, cells: list[str]) -> None:
        """Adds a row by all its cells."""
        for column in self._nameless:
            column.add(cells[column.place] if column.place < len(cells) else "")

    def add_number(self, line: int, text: str) -> None:
        """Adds the text of a cell that should be a number."""
        if signs := decimal_signs(text):
            self._lines.setdefault(signs, line)

    def index(self) -> int | None:
        """Returns the place of a first column that only counts the rows; None if there is none.

        Raises:
            UnreadableFile: another column without a header has a cell in every row.
        """
        index = None
        for column in self._nameless:
            if column.place == 0 and column.is_index:
                index = column.place
            elif column.is_full:
                raise UnreadableFile(
                    f"column {column.place + 1} has no header, and a cell in every row: name the "
                    "column in the first line, or delete it"
                )
        return index

    def decimal(self, named: DecimalSign | None) -> DecimalSign:
        """Returns the decimal sign of all numbers. Raises UnreadableFile: it must be named."""
        if named:
            return named
        return _proved_sign(self._lines)


class _NamelessColumn:
    """A column without a header."""

    def __init__(self, place: int) -> None:
        self.place = place
        self._rows = 0
        self._is_full = True
        self._next: int | None = None
        self._counts = True

    def add(self, cell: str) -> None:
        text = cell.strip()
        if self._rows == 0 and text in _INDEX_STARTS:
            self._next = int(text)
        self._rows += 1
        self._is_full = self._is_full and bool(text)
        self._counts = self._counts and text == str(self._next)
        self._next = None if self._next is None else self._next + 1

    @property
    def is_index(self) -> bool:
        """Whether its cells are 0, 1, 2, or 1, 2, 3, and so on."""
        return self._counts and self._rows > 0

    @property
    def is_full(self) -> bool:
        """Whether it has a cell in every row."""
        return self._is_full and self._rows >= _FEWEST_ROWS


def _proved_sign(lines: Mapping[str, int]) -> DecimalSign:
    if "." in lines and "," in lines:
        raise UnreadableFile(
            f"a number has a decimal comma here, and one in line {lines['.']} a decimal point: "
            "correct one of them, or name the decimal sign (--decimal, or decimal=)",
            lines[","],
        )
    if _AMBIGUOUS in lines and len(lines) == 1:
        raise UnreadableFile(
            "this number could have thousands or decimals, and no other one tells: name the "
            "decimal sign (--decimal, or decimal=)",
            lines[_AMBIGUOUS],
        )
    return "," if "," in lines else "."
