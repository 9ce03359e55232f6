"""Read port of the verification: rows as they are stored, look-ups by unique keys, and the checks
of the database itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from application.tables.table import Table


class StorageCheck(NamedTuple):
    """What a database says of its own files, as texts for people."""

    problems: Sequence[str]
    skipped: str | None = None
    """What was not checked, and why."""


class VerificationReader(ABC):
    """The read port of the verification. Every method may raise StoreUnavailable."""

    @abstractmethod
    def encode_rows(
        self, table: Table[Any], rows: Iterable[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """The rows as the table would store them."""

    @abstractmethod
    def select_stored_rows(
        self, table: Table[Any], *, after: Any = None, upto: Any = None, limit: int
    ) -> Sequence[tuple[Any, ...]]:
        """At most `limit` rows in the order of their primary key, after and up to (inclusive) a
        key, if given. Values are as they are stored."""

    @abstractmethod
    def select_positions_of(self, local_ids: Sequence[UUID]) -> Sequence[tuple[int, int]]:
        """The events that the unique index finds: place in `local_ids`, and position."""

    @abstractmethod
    def select_positions_at(
        self, versions: Sequence[tuple[UUID, int]]
    ) -> Sequence[tuple[int, int]]:
        """The events that the unique index finds: place in `versions`, and position."""

    @abstractmethod
    def select_strays(self, table: Table[Any], *, after: int, limit: int) -> Sequence[int]:
        """Positions after that one at which the table has a row, but the ledger no event."""

    @abstractmethod
    def check_storage(self) -> StorageCheck:
        """Lets the database check its own files."""

    @abstractmethod
    def unsafe_settings(self) -> Sequence[str]:
        """Settings with which the database may lose what it has confirmed."""
