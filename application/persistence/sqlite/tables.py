"""SQL for read models, derived from their `Table`s.

UUIDs are stored as hexadecimal digits, like the library's, instants as ISO 8601 text in UTC of one
length, so that text order is time order.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from secrets import token_hex
from types import NoneType
from typing import Any, get_args
from uuid import UUID

from application.projections.table import Table
from domain.transaction import TransactionType

_AFFINITY = {
    UUID: "TEXT",
    str: "TEXT",
    TransactionType: "TEXT",
    datetime: "TEXT",
    int: "INTEGER",
    bool: "INTEGER",
}


@lru_cache(maxsize=1024)
def encode_time(instant: datetime) -> str:
    """The instant as it is stored. Cached: what is recorded together bears one instant."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


_ENCODERS: dict[type, Callable[[Any], Any]] = {UUID: lambda uuid: uuid.hex, datetime: encode_time}
_DECODERS: dict[type, Callable[[Any], Any]] = {
    UUID: UUID,
    TransactionType: TransactionType,
    datetime: datetime.fromisoformat,
    bool: bool,
}


class SQLiteTable:
    """The statements for one table, and its values on their way in and out."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._types = {name: _plain_type(hint) for name, hint in table.columns.items()}
        self._decoders = [_DECODERS.get(self._types[name]) for name in table.columns]
        self.columns = ", ".join(table.columns)
        self.insert = (
            f"INSERT INTO {table.name} ({self.columns}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(table.columns))})"
        )

    def create(self) -> list[str]:
        """Index names must be unique in the file and can't be changed, and a shadow table keeps
        its indexes when it goes live: hence the random part."""
        table, token = self.table, token_hex(4)
        definitions = ", ".join(self._definition(name) for name in table.columns)
        return [
            f"CREATE TABLE {table.name} ({definitions})",
            *(
                f"CREATE INDEX {table.name}_{'_'.join(index)}_{token} "
                f"ON {table.name} ({', '.join(index)})"
                for index in table.indexes
            ),
        ]

    def update(self, columns: tuple[str, ...]) -> str:
        assignments = ", ".join(f"{column}=?" for column in columns)
        return f"UPDATE {self.table.name} SET {assignments} WHERE {self.table.key}=?"  # noqa: S608

    def encode(
        self, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        by_column = list(zip(*rows, strict=True))
        for place, column in enumerate(columns):
            encoder = _ENCODERS.get(self._types[column])
            if encoder is not None:
                by_column[place] = tuple(
                    [value if value is None else encoder(value) for value in by_column[place]]
                )
        return list(zip(*by_column, strict=True))

    def decode(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """The row that these stored values are, in the order of the columns."""
        return self.table.row(
            *(
                value if decoder is None or value is None else decoder(value)
                for decoder, value in zip(self._decoders, values, strict=True)
            )
        )

    def _definition(self, name: str) -> str:
        affinity = _AFFINITY[self._types[name]]
        optional = NoneType in get_args(self.table.columns[name])
        if name == self.table.key:
            return f"{name} {affinity} NOT NULL PRIMARY KEY"
        return f"{name} {affinity}" if optional else f"{name} {affinity} NOT NULL"


def _plain_type(hint: Any) -> type:
    """The type itself of `type | None`."""
    plain: type = next((arg for arg in get_args(hint) if arg is not NoneType), hint)
    return plain


@cache
def sqlite_table(table: Table) -> SQLiteTable:
    """The statements for `table`, made once."""
    return SQLiteTable(table)
