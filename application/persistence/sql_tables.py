"""SQL of tables, derived from each `Table` in the dialect of a database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from types import NoneType
from typing import Any, Generic, get_args

from application.persistence.errors import StoreUnavailable
from application.tables.table import Insert, RowT, Table, Update, Upsert, Write

Statement = tuple[str, list[Any]]
"""SQL, and the values of its parameters."""

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Dialect:
    """Type mapping of a database, for statements that are the same on every database."""

    types: Mapping[type, str]
    """Column types by Python type."""
    encoders: Mapping[type, Callable[[Any], Any]]
    """Encoders of values by Python type. Values of other types are stored as they are."""
    decoders: Mapping[type, Callable[[Any], Any]]
    """Decoders of stored values by Python type. Values of other types are read as they are."""
    bucket: str
    """See `SQLTable.bucket`."""


class SQLTable(ABC, Generic[RowT]):
    """SQL statements of one table, with encoding and decoding of its values.

    Adapters add the bulk statements.
    """

    storage = ""
    """Storage clause of CREATE TABLE, after the columns."""

    def __init__(self, table: Table[RowT], dialect: Dialect) -> None:
        self.table = table
        self.columns = ", ".join(table.columns)
        self._dialect = dialect
        self._types = {name: _plain_type(hint) for name, hint in table.columns.items()}
        self._decoders = [dialect.decoders.get(self._types[name]) for name in table.columns]

    def create(self) -> list[str]:
        """DDL of the table and its indexes.

        Index names have a random part, because they must be unique in the database. A shadow table
        keeps its index names when it goes live.
        """
        return self._create(token_hex(4))

    def describe(self) -> str:
        """DDL without the random part: the same shape always gives the same text."""
        return "; ".join(self._create("token"))

    def _create(self, token: str) -> list[str]:
        table = self.table
        definitions = ", ".join(self._definition(name) for name in table.columns)
        return [
            f"CREATE TABLE {table.name} ({definitions}){self.storage}",
            *(self._index(index, token) for index in table.indexes),
            *(
                f"{self._index(index, token)} WHERE {index[0]} IS NOT NULL"
                for index in table.sparse_indexes
            ),
        ]

    def _index(self, columns: tuple[str, ...], token: str) -> str:
        name = self.table.name
        return f"CREATE INDEX {name}_{'_'.join(columns)}_{token} ON {name} ({', '.join(columns)})"

    @abstractmethod
    def insert(self, rows: Rows, ending: str = "") -> Iterable[Statement]:
        """Bulk INSERT of rows with all columns. `ending` is SQL after the values."""

    @abstractmethod
    def update(self, columns: tuple[str, ...], values: Rows) -> Iterable[Statement]:
        """Bulk UPDATE of these columns, by primary key. The key is the last value of each row."""

    @abstractmethod
    def keys_of_each(self, where: str, columns: tuple[str, ...], order: str) -> str:
        """Query of the first rows at each of several locations: location, key and these columns.

        Its parameters: the locations, those of `where`, and the maximum of rows per location.
        """

    @abstractmethod
    def among(self, column: str, stored: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Condition that a column has one of these stored values, and its parameters."""

    @abstractmethod
    def encode_list(self, values: Sequence[str]) -> Any:
        """Encodes several texts as one parameter."""

    def statements(self, write: Write) -> Iterable[Statement]:
        """The statements that execute a write."""
        match write:
            case Insert(rows):
                return self.insert(rows)
            case Upsert(rows, kept):
                return self.insert(rows, self._on_conflict(kept))
            case Update(columns, values):
                return self.update(columns, values)

    def select(self, condition: str) -> str:
        """SELECT of all columns, for the rows that meet the condition."""
        return f"SELECT {self.columns} FROM {self.table.name} WHERE {condition}"  # noqa: S608

    def column_type(self, name: str) -> str:
        """The column's type in SQL."""
        return self._dialect.types[self._types[name]]

    def encode(self, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
        """Encodes the values of these columns for storage. Returns one list per column."""
        by_column = [list(values) for values in zip(*rows, strict=True)]
        for index, column in enumerate(columns):
            encoder = self._dialect.encoders.get(self._types[column])
            if encoder is not None:
                by_column[index] = [
                    value if value is None else encoder(value) for value in by_column[index]
                ]
        return by_column

    def encode_value(self, column: str, value: Any) -> Any:
        """Encodes one value for storage."""
        ((encoded,),) = self.encode([column], [(value,)])
        return encoded

    def decode(self, values: Iterable[Any]) -> RowT:
        """Decodes a row from its stored values, in the order of the columns.

        Raises StoreUnavailable: a value has another type than its column.
        """
        try:
            return self.table.row(
                *(
                    value if decoder is None or value is None else decoder(value)
                    for decoder, value in zip(self._decoders, values, strict=True)
                )
            )
        except (TypeError, ValueError) as error:
            raise StoreUnavailable(f"a row of {self.table.name} is damaged: {error}") from error

    def decode_value(self, column: str, stored: Any) -> Any:
        """Decodes one stored value."""
        decoder = self._dialect.decoders.get(self._types[column])
        return stored if decoder is None or stored is None else decoder(stored)

    def bucket(self, column: str) -> str:
        """Number of the bucket of an instant. Its parameters: the start of the first bucket in
        microseconds since 1970, and the width of a bucket in microseconds."""
        return self._dialect.bucket.format(column=column)

    def _on_conflict(self, kept: tuple[str, ...]) -> str:
        """Upsert clause: overwrites all columns of an existing row, except the `kept` ones."""
        key = self.table.key
        overwritten = [column for column in self.table.columns if column not in {key, *kept}]
        assignments = ", ".join(f"{column} = excluded.{column}" for column in overwritten)
        return f" ON CONFLICT ({key}) DO UPDATE SET {assignments}"

    def _definition(self, name: str) -> str:
        definition = f"{name} {self.column_type(name)}"
        optional = NoneType in get_args(self.table.columns[name])
        if name == self.table.key:
            return f"{definition} NOT NULL PRIMARY KEY"
        return definition if optional else f"{definition} NOT NULL"


def _plain_type(hint: Any) -> type:
    """The type T of a hint `T | None`."""
    plain: type = next((arg for arg in get_args(hint) if arg is not NoneType), hint)
    return plain
