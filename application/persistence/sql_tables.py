"""SQL for read models, derived from their `Table`s in the dialect of a database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from types import NoneType
from typing import Any, Generic, get_args

from application.tables.table import Insert, RowT, Table, Update, Upsert, Write

Statement = tuple[str, list[Any]]
"""SQL, and the values of its parameters."""

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Dialect:
    """What differs between databases where the statements themselves do not."""

    types: Mapping[type, str]
    """Column types by Python types."""
    encoders: Mapping[type, Callable[[Any], Any]]
    """How values are stored, by Python types; others are stored as they are."""
    decoders: Mapping[type, Callable[[Any], Any]]
    """How stored values are read, by Python types; others are as they are stored."""


class SQLTable(ABC, Generic[RowT]):
    """The statements for one table, and its values on their way in and out.

    Adapters add what they insert and update many rows by.
    """

    storage = ""
    """What follows on the columns when the table is made."""

    def __init__(self, table: Table[RowT], dialect: Dialect) -> None:
        self.table = table
        self.columns = ", ".join(table.columns)
        self._dialect = dialect
        self._types = {name: _plain_type(hint) for name, hint in table.columns.items()}
        self._decoders = [dialect.decoders.get(self._types[name]) for name in table.columns]

    def create(self) -> list[str]:
        """Index names must be unique in the database, and a shadow table keeps its indexes when it
        goes live: hence the random part."""
        return self._create(token_hex(4))

    def describe(self) -> str:
        """The same text for the same shape."""
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
        """What inserts rows of all columns; `ending` follows on the values."""

    @abstractmethod
    def update(self, columns: tuple[str, ...], values: Rows) -> Iterable[Statement]:
        """What gives these columns new values, in rows found by their key, which is the last
        value of each."""

    @abstractmethod
    def keys_of_each(self, where: str, columns: tuple[str, ...], order: str) -> str:
        """The statement that reads the first rows of each of several locations: location, key and
        these columns. Its parameters: the locations, those of `where`, and how many of each."""

    @abstractmethod
    def among(self, column: str, stored: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """The condition that a column has one of these values, as they are stored, and its
        parameters."""

    @abstractmethod
    def encode_list(self, values: Sequence[str]) -> Any:
        """Several texts as one parameter."""

    def statements(self, write: Write) -> Iterable[Statement]:
        """What to run to have this written."""
        match write:
            case Insert(rows):
                return self.insert(rows)
            case Upsert(rows, kept):
                return self.insert(rows, self._on_conflict(kept))
            case Update(columns, values):
                return self.update(columns, values)

    def select(self, condition: str) -> str:
        """The statement that reads all columns of some rows."""
        return f"SELECT {self.columns} FROM {self.table.name} WHERE {condition}"  # noqa: S608

    def column_type(self, name: str) -> str:
        return self._dialect.types[self._types[name]]

    def encode(self, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
        """The values of these columns of the rows as they are stored, column by column."""
        by_column = [list(values) for values in zip(*rows, strict=True)]
        for place, column in enumerate(columns):
            encoder = self._dialect.encoders.get(self._types[column])
            if encoder is not None:
                by_column[place] = [
                    value if value is None else encoder(value) for value in by_column[place]
                ]
        return by_column

    def encode_value(self, column: str, value: Any) -> Any:
        """One value as it is stored."""
        ((encoded,),) = self.encode([column], [(value,)])
        return encoded

    def decode(self, values: Iterable[Any]) -> RowT:
        """The row that these stored values are, in the order of the columns."""
        return self.table.row(
            *(
                value if decoder is None or value is None else decoder(value)
                for decoder, value in zip(self._decoders, values, strict=True)
            )
        )

    def _on_conflict(self, kept: tuple[str, ...]) -> str:
        """What makes an INSERT write those rows anew that are there, but for the `kept` columns."""
        key = self.table.key
        anew = [column for column in self.table.columns if column not in {key, *kept}]
        assignments = ", ".join(f"{column} = excluded.{column}" for column in anew)
        return f" ON CONFLICT ({key}) DO UPDATE SET {assignments}"

    def _definition(self, name: str) -> str:
        definition = f"{name} {self.column_type(name)}"
        optional = NoneType in get_args(self.table.columns[name])
        if name == self.table.key:
            return f"{definition} NOT NULL PRIMARY KEY"
        return definition if optional else f"{definition} NOT NULL"


def _plain_type(hint: Any) -> type:
    """The type itself of `type | None`."""
    plain: type = next((arg for arg in get_args(hint) if arg is not NoneType), hint)
    return plain
