"""Table descriptions, and the writes that tables take.

A table is described once, by the type of its rows. Each persistence adapter derives its own SQL
from that description.
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
    """Partial indexes: without the rows that have NULL in the first column."""
    is_updated: bool = False
    """Whether its rows are updated often, only in columns without an index."""

    @cached_property
    def columns(self) -> dict[str, Any]:
        """Python types by column name; `T | None` for an optional column."""
        return get_type_hints(self.row)

    def shadow(self) -> "Table[RowT]":
        """The shadow table, which a rebuild fills: same columns, other name."""
        return replace(self, name=f"{self.name}_rebuild")

    def replaced(self) -> "Table[RowT]":
        """The old table after a rebuild has replaced it: same columns, other name."""
        return replace(self, name=f"{self.name}_old")


class Insert(NamedTuple):
    """New rows, as tuples of all columns."""

    rows: Sequence[tuple[Any, ...]]


class Update(NamedTuple):
    """New values for some columns of existing rows. Each value tuple ends with the key."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]


class Upsert(NamedTuple):
    """Inserts new rows, and overwrites rows with an existing key, except their `kept` columns.

    Each key occurs at most once.
    """

    rows: Sequence[tuple[Any, ...]]
    kept: tuple[str, ...] = ()


Write = Insert | Update | Upsert
