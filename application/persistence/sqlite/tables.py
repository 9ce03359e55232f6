"""Read models on SQLite. UUIDs are stored as their 16 bytes, instants as ISO 8601 text in UTC of
one length, so that text order is time order.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from application.persistence.tables import Dialect, SQLTable
from application.projections.table import Table
from domain.transaction import TransactionType


@lru_cache(maxsize=1024)
def _encode_time(instant: datetime) -> str:
    """Cached: what is recorded together bears one instant."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


SQLITE = Dialect(
    types={
        UUID: "BLOB",
        str: "TEXT",
        TransactionType: "TEXT",
        datetime: "TEXT",
        int: "INTEGER",
        bool: "INTEGER",
    },
    encoders={UUID: attrgetter("bytes"), datetime: _encode_time},
    decoders={
        UUID: lambda value: UUID(bytes=value),
        TransactionType: TransactionType,
        datetime: datetime.fromisoformat,
        bool: bool,
    },
)


class SQLiteTable(SQLTable):
    """Statements for `executemany`, which SQLite runs at the speed of one."""

    def __init__(self, table: Table) -> None:
        super().__init__(table, SQLITE)
        self.insert = (
            f"INSERT INTO {table.name} ({self.columns}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(table.columns))})"
        )

    def update(self, columns: tuple[str, ...]) -> str:
        assignments = ", ".join(f"{column}=?" for column in columns)
        return f"UPDATE {self.table.name} SET {assignments} WHERE {self.table.key}=?"  # noqa: S608

    def arrange(self, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        return list(zip(*self.encode(columns, rows), strict=True))


@cache
def sqlite_table(table: Table) -> SQLiteTable:
    """The statements for `table`, made once."""
    return SQLiteTable(table)
