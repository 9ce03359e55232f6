"""Tables on PostgreSQL: native types, and bulk writes with one array per column."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from application.persistence.sql_tables import Dialect, Rows, SQLTable, Statement
from application.tables.table import RowT, Table
from domain.transaction import TransactionType

# Sorts by code point in any locale of the database. A new locale needs no index rebuild.
_TEXT = 'text COLLATE "C"'

# Heap-only tuples (HOT): an update does not touch the indexes if the row's page has room. The free
# 55 % hold a new version of each row, and a redirection from the old one.
_ROOM_FOR_UPDATES = " WITH (fillfactor = 45)"

POSTGRES = Dialect(
    types={
        UUID: "uuid",
        str: _TEXT,
        TransactionType: _TEXT,
        datetime: "timestamptz",
        int: "bigint",
        bool: "boolean",
        bytes: "bytea",
    },
    encoders={TransactionType: str},
    decoders={TransactionType: TransactionType},
    bucket="((extract(epoch FROM {column}) * 1000000)::bigint - ?) / ?",
)


class PostgresTable(SQLTable[RowT]):
    """Bulk statements with one array parameter per column."""

    def __init__(self, table: Table[RowT]) -> None:
        super().__init__(table, POSTGRES)
        if table.is_updated:
            self.storage = _ROOM_FOR_UPDATES

    def insert(self, rows: Rows, ending: str = "") -> list[Statement]:
        return [(self._insert + ending, self.encode(self.table.columns, rows))]

    def update(self, columns: tuple[str, ...], values: Rows) -> list[Statement]:
        return [(self._updates(columns), self.encode((*columns, self.table.key), values))]

    def keys_of_each(self, where: str, columns: tuple[str, ...], order: str) -> str:
        table, key = self.table.name, self.table.key
        wanted = ", ".join(dict.fromkeys((key, *columns)))
        return (
            f"SELECT place, {', '.join(f'found.{name}' for name in (key, *columns))} "  # noqa: S608
            f"FROM unnest(?::text[]) AS place CROSS JOIN LATERAL (SELECT {wanted} FROM {table} "
            f"WHERE location = place AND {where} ORDER BY {order} LIMIT ?) AS found"
        )

    def among(self, column: str, stored: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        return f"{column} = ANY(?)", [list(stored)]

    def encode_list(self, values: Sequence[str]) -> list[str]:
        return list(values)

    @cached_property
    def _insert(self) -> str:
        return (
            f"INSERT INTO {self.table.name} ({self.columns}) "  # noqa: S608
            f"SELECT * FROM {self._arrays(tuple(self.table.columns))}"
        )

    def _updates(self, columns: tuple[str, ...]) -> str:
        key = self.table.key
        assignments = ", ".join(f"{name} = new.column{n}" for n, name in enumerate(columns, 1))
        names = ", ".join(f"column{n}" for n in range(1, len(columns) + 2))
        return (
            f"UPDATE {self.table.name} AS old SET {assignments} "  # noqa: S608
            f"FROM {self._arrays((*columns, key))} AS new ({names}) "
            f"WHERE old.{key} = new.column{len(columns) + 1}"
        )

    def _arrays(self, columns: tuple[str, ...]) -> str:
        arrays = (f"%b::{self.column_type(column).split()[0]}[]" for column in columns)
        return f"unnest({', '.join(arrays)})"


def postgres_table(table: Table[RowT]) -> PostgresTable[RowT]:
    """The SQL statements of `table`, cached."""
    return _made(table)


@cache
def _made(table: Table[Any]) -> PostgresTable[Any]:
    return PostgresTable(table)
