"""Selects rows of tables, in SQL that SQLite and PostgreSQL share. The queries build on it."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any, Final, NamedTuple

from application.persistence.conditions import Condition, where_clause
from application.persistence.recorder import LedgerRecorder
from application.persistence.sql_tables import SQLTable
from application.tables.table import RowT, Table

Run = Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]
"""Runs a statement with `?` placeholders, and returns all rows."""

IDS_PER_QUERY = 1_000
"""Maximum number of values in one look-up statement."""

SPARE_ROWS_PER_LOCATION: Final = 8
"""Extra rows read per location, beyond its double share of a page. Most pages then need no second
query."""


class _Key(NamedTuple):
    """Sort key of a row. Values are as they are stored."""

    location: str
    key: Any
    """The table's primary key."""
    place: tuple[Any, ...]
    """The values of the order's columns."""


class Order(NamedTuple):
    """Sort order of a list. No two rows have equal values in all of these columns."""

    columns: tuple[str, ...]
    descending: bool = False

    @property
    def sql(self) -> str:
        """The terms of ORDER BY."""
        return ", ".join(f"{name} {'DESC' if self.descending else 'ASC'}" for name in self.columns)

    def arranged(self, keys: Iterable[_Key]) -> list[_Key]:
        """Sorts the keys."""
        return sorted(keys, key=attrgetter("place"), reverse=self.descending)


OLDEST_FIRST: Final = Order(("position",))
NEWEST_FIRST: Final = Order(("position",), descending=True)


class TableQueries(LedgerRecorder):
    """Base of the queries: selects rows that meet conditions, in an order, at some locations."""

    position_column: str
    """The name of the column of positions in the events table."""

    @abstractmethod
    def sql_table(self, table: Table[RowT]) -> SQLTable[RowT]:
        """The SQL statements of a table."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Run]:
        """Context manager of a read connection. Raises StoreUnavailable, ReadCancelled."""

    def _select_at(
        self,
        table: SQLTable[RowT],
        locations: frozenset[str] | None,
        conditions: Sequence[Condition],
        order: Order,
        limit: int,
    ) -> list[RowT]:
        """Returns the first rows at these locations, in order.

        Merges several locations: each has its own range of the index. A single query would have to
        sort all rows at these locations. The keys are read first: a share of the page from each
        location, then more if a share was not enough. The rows of the page are read last.
        """
        if locations is not None and not locations:
            return []
        if locations is None or len(locations) == 1:
            at_location: list[Condition] = [("location = ?", [*locations])] if locations else []
            return self._select(table, [*at_location, *conditions], order.sql, limit)
        keys = self._first_keys(table, sorted(locations), conditions, order, limit)
        condition = table.among(table.table.key, keys)
        return self._select(table, [condition], order.sql, limit)

    def _first_keys(
        self,
        table: SQLTable[Any],
        locations: Sequence[str],
        conditions: Sequence[Condition],
        order: Order,
        limit: int,
    ) -> list[Any]:
        """Returns the keys of the first rows at these locations, as they are stored."""
        share = 2 * limit // len(locations) + SPARE_ROWS_PER_LOCATION
        unfinished = locations
        keys = [*self._keys_of_each(table, locations, conditions, order, share)]
        while True:
            page = order.arranged(keys)[:limit]
            # If the page has the whole share of a location, more of its rows may belong there.
            used = Counter(key.location for key in page)
            unfinished = [name for name in unfinished if used[name] == share]
            if not unfinished:
                return [key.key for key in page]
            share *= 4
            finished = [key for key in keys if key.location not in unfinished]
            keys = [*finished, *self._keys_of_each(table, unfinished, conditions, order, share)]

    def _keys_of_each(
        self,
        table: SQLTable[Any],
        locations: Sequence[str],
        conditions: Sequence[Condition],
        order: Order,
        share: int,
    ) -> list[_Key]:
        where, parameters = where_clause(conditions)
        statement = table.keys_of_each(where, order.columns, order.sql)
        with self.reading() as run:
            rows = run(statement, (table.encode_list(locations), *parameters, share))
        return [_Key(location, key, tuple(place)) for location, key, *place in rows]

    def _select_among(
        self, table: SQLTable[RowT], column: str, values: Sequence[Any]
    ) -> list[RowT]:
        """Returns the rows that have one of these values in a column where it is unique."""
        encoded = [table.encode_value(column, value) for value in values]
        found: list[RowT] = []
        for start in range(0, len(encoded), IDS_PER_QUERY):
            chunk = encoded[start : start + IDS_PER_QUERY]
            found += self._select(table, [table.among(column, chunk)], column, len(chunk))
        return found

    def _select(
        self, table: SQLTable[RowT], conditions: Sequence[Condition], order: str, limit: int
    ) -> list[RowT]:
        where, parameters = where_clause(conditions)
        with self.reading() as run:
            rows = run(
                f"SELECT {table.columns} FROM {table.table.name} "  # noqa: S608
                f"WHERE {where} ORDER BY {order} LIMIT ?",
                (*parameters, limit),
            )
        return [table.decode(row) for row in rows]
