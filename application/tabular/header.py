"""The header of a CSV file: which of its columns has which name here."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Final, NamedTuple
from unicodedata import normalize

from application.parsing.values import did_you_mean
from application.tabular.errors import UnreadableFile, shown
from application.tabular.records import Record
from domain.labels import folded

MAX_COLUMNS: Final = 1_000

_NUMBER: Final = re.compile(r"[1-9][0-9]?")
_NO_DIFFERENCE: Final = re.compile(r"[\s_.:/'\u2019\u0300-\u036f-]+")
"""Includes the accents of letters, which are characters of their own in the form NFD."""

_SIMILARITY: Final = 0.8
"""Of a header to the one that is probably meant, from 0 to 1. Short words of other languages are
often similar by chance."""

_ANY_END: Final = "*"

_ASKED: Final = "tell which of them it is (--column, or columns=)"


@dataclass(frozen=True, kw_only=True)
class KnownColumns:
    """The columns that a kind of file may have, by their names here."""

    known: Mapping[str, Sequence[str]]
    """The headers of each column, the most certain first. Its own name is always one. Upper and
    lower case, accents, spaces and the usual punctuation make no difference. A header that ends
    with * stands for all that begin so."""
    numeric: Collection[str] = ()
    required: Collection[str] = ()
    repeated: Collection[str] = ()
    """Columns that a file may have many times: code, code2, code3."""
    partners: Mapping[str, str] = field(default_factory=dict)
    """Repeated columns that say something about another one: per2 about code2."""

    def is_numeric(self, name: str) -> bool:
        """Whether the column of this name, which may be a repeated one, has numbers."""
        return name in self.numeric or self.base(name) in self.numeric

    def base(self, name: str) -> str:
        """Returns the name of a repeated column without its number."""
        base = name.rstrip("0123456789")
        return base if base in self.repeated else name

    def partner(self, name: str) -> str | None:
        """Returns the column that this one says something about; None if it stands alone."""
        base = self.base(name)
        return self.partners[base] + name.removeprefix(base) if base in self.partners else None


class IgnoredColumn(NamedTuple):
    """A column of the file that is not used."""

    header: str
    meant: str | None
    """The name of a known column that the file does not have, and probably means."""


class HeaderNames:
    """Finds the names of columns by their headers."""

    def __init__(self, columns: KnownColumns, renamed: Mapping[str, str]) -> None:
        """`renamed`: headers by the names of their columns, instead of the usual headers. Raises
        UnreadableFile: one of the names is not known, or two have the same header."""
        self.columns = columns
        self.renamed = renamed
        self._by_given = {_bare(header): name for name, header in renamed.items()}
        self.by_header = {
            _bare(header): name for name, headers in columns.known.items() for header in headers
        } | {_bare(name): name for name in columns.known}
        """The names of the columns by their usual headers."""
        for name, header in renamed.items():
            self._require_known(name)
            self._require_one_name(name, header)

    def name_of(self, header: str) -> str | None:
        """Returns the column's name; None if the header is not known."""
        bare = _bare(header)
        if bare in self._by_given:
            return self._by_given[bare]
        name = self._usual(bare)
        return None if name in self.renamed else name

    def rank(self, name: str, header: str) -> int:
        """Returns how certain it is that the header means the column: 0 if it is the column's own
        name, or was given; else its place in the list of spellings, from 1."""
        bare = _bare(header)
        if bare in self._by_given or bare == _bare(name):
            return 0
        spellings = [*map(_bare, self.columns.known[self.columns.base(name)])]
        places = [place for place, one in enumerate(spellings, 1) if _is_spelling(bare, one)]
        return places[0] if places else len(spellings) + 1

    def _require_known(self, name: str) -> None:
        if self._usual(_bare(name)) != name:
            hint = did_you_mean(name, self.columns.known)
            raise UnreadableFile(
                f"no column here is called {shown([name])}{hint} (--column, or columns=)"
            )

    def _require_one_name(self, name: str, header: str) -> None:
        other = self._by_given[_bare(header)]
        if other != name:
            raise UnreadableFile(
                f"{shown([header])} is named as the column {name} and as the column {other}: a "
                "header can be one column only (--column, or columns=)"
            )

    def _usual(self, bare: str) -> str | None:
        if bare in self.by_header:
            return self.by_header[bare]
        if numbered := self._numbered(bare):
            return numbered
        beginnings = (one for one in self.by_header if one.endswith(_ANY_END))
        return next((self.by_header[one] for one in beginnings if _is_spelling(bare, one)), None)

    def _numbered(self, bare: str) -> str | None:
        """Returns the name of a repeated column with its number. Its header may end with a digit
        itself: EAN13 2."""
        for digits in (1, 2):
            start, number = bare[:-digits], bare[-digits:]
            name = self.by_header.get(start)
            if name in self.columns.repeated and _NUMBER.fullmatch(number):
                return name if number == "1" else f"{name}{number}"
        return None


class Header:
    """The first record of a file, as one delimiter divides it."""

    def __init__(self, delimiter: str, record: Record, names: HeaderNames) -> None:
        """Raises UnreadableFile: it has too many columns."""
        self.delimiter = delimiter
        self.line, self.cells = record
        if len(self.cells) > MAX_COLUMNS:
            problem = f"there are more than {MAX_COLUMNS} columns: is this a CSV file?"
            raise UnreadableFile(problem, self.line)
        self._names = names
        self._columns = names.columns
        self.names = [names.name_of(cell) if cell.strip() else None for cell in self.cells]
        """The name of each column; None if it is not known, or not used."""
        self.unnamed = [place for place, cell in enumerate(self.cells) if not cell.strip()]
        """The places of the columns without a header."""
        self._surplus: set[int] = set()
        """The places of columns that are not used, because a better one is there."""
        self._numbered_by_rank: list[str] = []
        """The repeated columns whose first one is not certain."""
        for name, places in self._places().items():
            if len(places) > 1:
                self._choose(name, places)

    @cached_property
    def found(self) -> dict[str, str]:
        """The headers of the known columns, by the names of the columns."""
        return {name: cell for name, cell in zip(self.names, self.cells, strict=True) if name}

    @property
    def missing(self) -> list[str]:
        """The columns that are required, or renamed, and are not there."""
        needed = dict.fromkeys((*self._columns.required, *self._names.renamed))
        return [name for name in needed if name not in self.found]

    @property
    def is_complete(self) -> bool:
        """Whether the file can be read with this header."""
        return bool(self.found) and not self.missing

    def ignored(self) -> tuple[IgnoredColumn, ...]:
        """Returns the columns that are not used."""
        free = {
            header.rstrip(_ANY_END): name
            for header, name in self._names.by_header.items()
            if name not in self.found
        }
        return tuple(
            IgnoredColumn(cell, None if place in self._surplus else _nearest(cell, free))
            for place, (name, cell) in enumerate(zip(self.names, self.cells, strict=True))
            if not name and cell.strip()
        )

    def require_complete(self) -> None:
        """Raises UnreadableFile: a required column is missing, or no column is known."""
        if self.is_complete:
            return
        renamed = self._names.renamed
        wanted = [renamed.get(name, name) for name in self.missing or self._columns.known]
        raise UnreadableFile(
            f"there is no column {shown(wanted)}. The file has {shown(self.cells)}. The first line "
            f"must name the columns: delete all lines above it, correct the header, or {_ASKED}",
            self.line,
        )

    def require_clear(self) -> None:
        """Raises UnreadableFile: two columns have the same name, or a column says something about
        another one that is missing, or could be one of several."""
        for name, places in self._places().items():
            if len(places) > 1:
                same = [self.cells[place] for place in places]
                raise UnreadableFile(
                    f"{shown(same)} are all the column {name}: rename all but one, or {_ASKED}",
                    self.line,
                )
        for name in self.found:
            self._require_partner(name)

    def _places(self) -> dict[str, list[int]]:
        """Returns the places of the columns by their names."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self.names):
            if name:
                places[name].append(place)
        return places

    def _choose(self, name: str, places: Sequence[int]) -> None:
        """Lets one of several columns have the name. Leaves them if nothing tells which."""
        base, is_numeric = self._columns.base(name), self._columns.is_numeric(name)
        ranks = {place: self._names.rank(name, self.cells[place]) for place in places}
        best, *others = sorted(places, key=ranks.__getitem__)
        if base in self._columns.repeated and not is_numeric:
            self._number(base, others)
            if ranks[best] > 0:
                self._numbered_by_rank.append(base)
            return
        # Two usual headers of quantities often mean two things: the stock, and what is in a pack.
        is_certain = ranks[best] == 0 if is_numeric else True
        if is_certain and ranks[best] < ranks[others[0]]:
            self._surplus.update(others)
            for place in others:
                self.names[place] = None

    def _number(self, base: str, places: Iterable[int]) -> None:
        """Gives the next free numbers to repeated columns."""
        number = 2
        for place in sorted(places):
            while f"{base}{number}" in self.names:
                number += 1
            self.names[place] = f"{base}{number}"

    def _require_partner(self, name: str) -> None:
        partner = self._columns.partner(name)
        if partner is None:
            return
        if partner not in self.found:
            raise UnreadableFile(
                f"{shown([self.found[name]])} is the column {name}, which says something about the "
                f"column {partner}, and there is no such column: add it, or {_ASKED}",
                self.line,
            )
        base = self._columns.base(partner)
        if base in self._numbered_by_rank:
            same = [cell for one, cell in self.found.items() if self._columns.base(one) == base]
            raise UnreadableFile(
                f"{shown([self.found[name]])} could be about each of {shown(same)}: rename them to "
                f"{base}, {base}2 and so on, and it to {self._columns.base(name)} with the number "
                "of one of them",
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
        raise UnreadableFile(
            f"name the separator (--delimiter, or delimiter=): it could be {possible}", best.line
        )
    equal[0].require_clear()
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
    """Returns the header without what makes no difference."""
    text = folded(header)
    return _NO_DIFFERENCE.sub("", normalize("NFD", text)) or text


def _is_spelling(bare: str, spelling: str) -> bool:
    """Whether a header is this spelling, or begins with it if the spelling has any end."""
    start = spelling.removesuffix(_ANY_END)
    return bare == start or (start != spelling and bare.startswith(start))


def _nearest(header: str, known: Mapping[str, str]) -> str | None:
    """Returns the name of the known header that is probably meant; None if none is similar."""
    found = get_close_matches(_bare(header), known, n=1, cutoff=_SIMILARITY)
    return known[found[0]] if found else None
