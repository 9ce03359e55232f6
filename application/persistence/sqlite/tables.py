"""Tables on SQLite.

A UUID is stored as its 16 bytes. An instant is stored as ISO 8601 text in UTC. All such texts have
one length, so text order is time order.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any
from uuid import UUID

from application.persistence.sql_tables import Dialect, Rows, SQLTable, Statement
from application.persistence.sqlite.bulk import in_bulk, values
from application.tables.table import RowT, Table
from domain.transaction import TransactionType


@lru_cache(maxsize=1024)
def _encode_time(instant: datetime) -> str:
    """Cached, because rows that are recorded at once have the same instant."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


SQLITE = Dialect(
    types={
        UUID: "BLOB",
        str: "TEXT",
        TransactionType: "TEXT",
        datetime: "TEXT",
        int: "INTEGER",
        bool: "INTEGER",
        bytes: "BLOB",
    },
    encoders={UUID: attrgetter("bytes"), datetime: _encode_time},
    decoders={
        UUID: lambda value: UUID(bytes=value),
        TransactionType: TransactionType,
        datetime: datetime.fromisoformat,
        bool: bool,
    },
    bucket=(
        "(unixepoch(substr({column}, 1, 19)) * 1000000"
        " + CAST(substr({column}, 21, 6) AS INTEGER) - ?) / ?"
    ),
)


class SQLiteTable(SQLTable[RowT]):
    """Bulk statements with many rows each."""

    def __init__(self, table: Table[RowT]) -> None:
        super().__init__(table, SQLITE)

    def insert(self, rows: Rows, ending: str = "") -> Iterator[Statement]:
        names = tuple(self.table.columns)
        head = f"INSERT INTO {self.table.name} ({self.columns})"
        width = len(names)
        return in_bulk(
            self._flat(names, rows), width, lambda size: f"{head} {values(size, width)}{ending}"
        )

    def update(self, columns: tuple[str, ...], values: Rows) -> Iterator[Statement]:
        names = (*columns, self.table.key)
        return in_bulk(
            self._flat(names, values), len(names), lambda size: self._updates(size, columns)
        )

    def keys_of_each(self, where: str, columns: tuple[str, ...], order: str) -> str:
        table, key = self.table.name, self.table.key
        wanted = ", ".join(f"found.{name}" for name in (key, *columns))
        return (
            f"SELECT place.value, {wanted} FROM json_each(?) AS place "  # noqa: S608
            f"CROSS JOIN {table} AS found ON found.{key} IN (SELECT {key} FROM {table} "
            f"WHERE location = place.value AND {where} ORDER BY {order} LIMIT ?)"
        )

    def among(self, column: str, stored: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        return f"{column} IN ({', '.join('?' * len(stored))})", stored

    def encode_list(self, values: Sequence[str]) -> str:
        return json.dumps(values)

    def _updates(self, size: int, columns: tuple[str, ...]) -> str:
        assignments = ", ".join(f"{name} = new.column{n}" for n, name in enumerate(columns, 1))
        rows = values(size, len(columns) + 1)
        return (
            f"UPDATE {self.table.name} SET {assignments} FROM ({rows}) AS new "  # noqa: S608
            f"WHERE {self.table.name}.{self.table.key} = new.column{len(columns) + 1}"
        )

    def _flat(self, columns: tuple[str, ...], rows: Rows) -> list[Any]:
        """Encodes all values, one row after the other."""
        return [*chain.from_iterable(zip(*self.encode(columns, rows), strict=True))]


def sqlite_table(table: Table[RowT]) -> SQLiteTable[RowT]:
    """The SQL statements of `table`, cached."""
    return _made(table)


@cache
def _made(table: Table[Any]) -> SQLiteTable[Any]:
    return SQLiteTable(table)
