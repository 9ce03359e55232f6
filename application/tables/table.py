"""Tables, and the writes that bring them up to date.

A table is described once, by the row that its readers get. Each persistence adapter derives its own
SQL from that description.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

RowT = TypeVar("RowT", bound=tuple[Any, ...])


@dataclass(frozen=True)
class Table(Generic[RowT]):
    """A table: a column for each field of `row`, a NamedTuple.

    Every row of a projection has a `position`: that of the last event that changed it.
    """

    name: str
    row: type[RowT]
    key: str
    indexes: tuple[tuple[str, ...], ...] = ()
    sparse_indexes: tuple[tuple[str, ...], ...] = ()
    """Those that leave out the rows that have nothing in the first of the columns."""
    is_updated: bool = False
    """Whether its rows are written again and again, in columns that are in no index."""

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns' names with their Python types, optional ones as `type | None`."""
        return get_type_hints(self.row)

    def shadow(self) -> "Table[RowT]":
        """The same table under the name that a rebuild fills."""
        return replace(self, name=f"{self.name}_rebuild")

    def replaced(self) -> "Table[RowT]":
        """The same table under the name that it has when another has taken its place."""
        return replace(self, name=f"{self.name}_old")


class Insert(NamedTuple):
    """Rows that are new, as tuples of all columns."""

    rows: Sequence[tuple[Any, ...]]


class Update(NamedTuple):
    """New values for some columns of rows that are there; each value tuple ends with the key."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]


class Upsert(NamedTuple):
    """Rows that are new, or whose key is there already: then all columns but `kept` are written
    anew. No key stands in it twice."""

    rows: Sequence[tuple[Any, ...]]
    kept: tuple[str, ...] = ()


Write = Insert | Update | Upsert
