"""The header of a CSV file: which of its columns has which name here."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from application.parsing.values import did_you_mean, nearest
from application.tabular.errors import UnreadableFile, shown
from application.tabular.records import Record
from domain.labels import folded

MAX_COLUMNS: Final = 1_000

_NUMBERED: Final = re.compile(r"(.*[^0-9])([1-9][0-9]?)", re.DOTALL)
_SPACED: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that a kind of file may have, by their names here."""

    known: Mapping[str, Sequence[str]]
    """The headers of each column. Its own name is always one. Upper and lower case, spaces,
    hyphens and underscores make no difference."""
    numeric: Collection[str] = ()
    required: Collection[str] = ()
    repeated: Collection[str] = ()
    """Columns that a file may have many times: code, code2, code3."""

    def is_numeric(self, name: str) -> bool:
        """Whether the column of this name, which may be a repeated one, has numbers."""
        return name in self.numeric or self._base(name) in self.numeric

    def _base(self, name: str) -> str:
        base, _ = _split(name)
        return base if base in self.repeated else name


class IgnoredColumn(NamedTuple):
    """A column of the file that is not known here."""

    header: str
    meant: str | None
    """The name of a known column that the file does not have, and probably means."""


class HeaderNames:
    """Finds the names of columns by their headers."""

    def __init__(self, columns: Columns, renamed: Mapping[str, str]) -> None:
        """`renamed`: headers by the names of their columns, instead of the usual headers. Raises
        UnreadableFile: one of the names is not known."""
        self.columns = columns
        self.renamed = renamed
        self._by_given = {_bare(header): name for name, header in renamed.items()}
        self.by_header = {
            _bare(header): name for name, headers in columns.known.items() for header in headers
        } | {_bare(name): name for name in columns.known}
        """The names of the columns by their usual headers."""
        for name in renamed:
            if self._usual(name) != name:
                hint = did_you_mean(name, columns.known)
                raise UnreadableFile(f"no column here is called {shown([name])}{hint}")

    def name_of(self, header: str) -> str | None:
        """Returns the column's name; None if the header is not known."""
        bare = _bare(header)
        if bare in self._by_given:
            return self._by_given[bare]
        name = self._usual(header)
        return None if name in self.renamed else name

    def _usual(self, header: str) -> str | None:
        bare = _bare(header)
        if bare in self.by_header:
            return self.by_header[bare]
        start, number = _split(bare)
        name = self.by_header.get(start)
        if name not in self.columns.repeated:
            return None
        return name if number == "1" else f"{name}{number}"


class Header:
    """The first record of a file, as one delimiter divides it."""

    def __init__(self, delimiter: str, record: Record, names: HeaderNames) -> None:
        """Raises UnreadableFile: it has too many columns."""
        self.delimiter = delimiter
        self.line, self.cells = record
        if len(self.cells) > MAX_COLUMNS:
            problem = f"there are more than {MAX_COLUMNS} columns: is this a CSV file?"
            raise UnreadableFile(problem, self.line)
        self.names = [names.name_of(cell) if cell.strip() else None for cell in self.cells]
        """The name of each column; None if it is not known."""
        self.unnamed = [place for place, cell in enumerate(self.cells) if not cell.strip()]
        """The places of the columns without a header."""
        self._names = names

    @cached_property
    def found(self) -> dict[str, str]:
        """The headers of the known columns, by the names of the columns."""
        return {name: cell for name, cell in zip(self.names, self.cells, strict=True) if name}

    @property
    def missing(self) -> list[str]:
        """The columns that are required, or renamed, and are not there."""
        needed = dict.fromkeys((*self._names.columns.required, *self._names.renamed))
        return [name for name in needed if name not in self.found]

    @property
    def is_complete(self) -> bool:
        """Whether the file can be read with this header."""
        return bool(self.found) and not self.missing

    def ignored(self) -> tuple[IgnoredColumn, ...]:
        """Returns the columns that are not known."""
        free = {
            header: name for header, name in self._names.by_header.items() if name not in self.found
        }
        unknown = (
            cell
            for name, cell in zip(self.names, self.cells, strict=True)
            if not name and cell.strip()
        )
        return tuple(IgnoredColumn(cell, free.get(nearest(cell, free) or "")) for cell in unknown)

    def require_complete(self) -> None:
        """Raises UnreadableFile: a required column is missing, or no column is known."""
        if self.is_complete:
            return
        renamed = self._names.renamed
        wanted = [renamed.get(name, name) for name in self.missing or self._names.columns.known]
        raise UnreadableFile(
            f"there is no column {shown(wanted)}. The file has {shown(self.cells)}: correct the "
            "header, or tell which of them it is",
            self.line,
        )

    def require_unique(self) -> None:
        """Raises UnreadableFile: two columns have the same name."""
        for name, times in Counter(filter(None, self.names)).items():
            if times > 1:
                same = [
                    cell for one, cell in zip(self.names, self.cells, strict=True) if one == name
                ]
                raise UnreadableFile(
                    f"{shown(same)} are all the column {name}: rename all but one, or tell which "
                    "of them it is",
                    self.line,
                )


def choose_header(
    delimiters: Iterable[str], first_record: Callable[[str], Iterator[Record]], names: HeaderNames
) -> Header:
    """Returns the header, divided by the delimiter with which most of its columns are known.

    Raises:
        UnreadableFile: the file has no header, or none with all required columns, or several
            delimiters could be meant.
    """
    headers = list(_possible_headers(delimiters, first_record, names))
    if not headers:
        raise UnreadableFile("the file is empty: its first line must name the columns")
    best = max(
        headers, key=lambda header: (header.is_complete, len(header.found), len(header.cells))
    )
    best.require_complete()
    equal = [one for one in headers if one.is_complete and len(one.found) == len(best.found)]
    if any(one.cells != best.cells for one in equal):
        possible = shown(one.delimiter for one in equal)
        raise UnreadableFile(f"name the separator: it could be {possible}", best.line)
    equal[0].require_unique()
    return equal[0]


def _possible_headers(
    delimiters: Iterable[str], first_record: Callable[[str], Iterator[Record]], names: HeaderNames
) -> Iterator[Header]:
    """Yields the headers. Raises UnreadableFile: no delimiter divides the first record."""
    refused, is_found = None, False
    for delimiter in delimiters:
        try:
            record = next(first_record(delimiter), None)
        except UnreadableFile as error:
            refused = error
            continue
        if record is not None:
            is_found = True
            yield Header(delimiter, record, names)
    if refused and not is_found:
        raise refused


def _bare(header: str) -> str:
    return _SPACED.sub("", folded(header))


def _split(name: str) -> tuple[str, str]:
    """Returns the name without its number, and the number."""
    found = _NUMBERED.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")
