"""Maintenance port: the operations of upgrades, rebuilds and copies."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from application.tables.properties import Property
from application.tables.table import Table


@dataclass(kw_only=True)
class Differences:
    """How a rebuilt table differs from the live one."""

    comparable: bool = True
    """False if the live table had another shape. The other fields then keep their defaults."""
    missing: int = 0
    """Number of rows that the live table lacks."""
    surplus: int = 0
    """Number of rows that only the live table has."""
    changed: int = 0
    """Number of rows with different values."""
    samples: list[tuple[Any, str, Any, Any]] = field(default_factory=list)
    """Some of the changed values: key, column, live value, rebuilt value."""

    @property
    def total(self) -> int:
        """Number of rows that differ in any way."""
        return self.missing + self.surplus + self.changed


StillHeld = Callable[[], None]
"""Lock check. Raises StoreUnavailable if the lock was lost with its connection."""


class Maintenance(ABC):
    """The maintenance port. Every method may raise StoreUnavailable."""

    events_schema: Sequence[str]
    """DDL of the events table and of its readable view."""
    first_schema: Mapping[str, Mapping[str, str]]
    """Tables of schema 1 that upgrades keep: column types by column name, by table name."""
    guards: Sequence[str]
    """DDL that keeps stored events, tiles and checkpoints from being changed."""
    steps: Mapping[int, Sequence[str]]
    """SQL of each upgrade step, by the number of the schema that it leads to."""

    @abstractmethod
    def expect_schema(self, version: int) -> None:
        """Sets the expected schema number.

        From then on, units of work and read-model queries check it every few seconds. They raise
        SchemaChanged if the database has another number.
        """

    @abstractmethod
    def describe(self, table: Table[Any]) -> str:
        """DDL of the table. The same shape always gives the same text."""

    @abstractmethod
    def select_properties(self) -> Sequence[Property]:
        """All ledger properties; none if the table does not exist."""

    @abstractmethod
    def exclusive(self, job: str) -> AbstractContextManager[StillHeld]:
        """Context manager of the lock of a job. The end of its process frees the lock, too.

        Raises AlreadyRunning if another process, or another thread, holds it.
        """

    @abstractmethod
    def grant_rights(self, role: str) -> None:
        """Gives another role of the database what the servers need: it may add events, and can't
        change them.

        Raises UnsupportedDatabase: the database has no roles.
        """

    @abstractmethod
    def differences(
        self, live: Table[Any], shadow: Table[Any], *, upto: int, samples: int
    ) -> Differences:
        """Compares the live table with the shadow table, both as of the position `upto`.

        Ignores live rows that later events changed. Samples at most `samples` rows.
        """
