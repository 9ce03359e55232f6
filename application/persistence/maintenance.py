"""Operations of upgrades, rebuilds and copies."""

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
    """False where the live one had another shape; then nothing else is told."""
    missing: int = 0
    """Rows that the live table lacks."""
    surplus: int = 0
    """Rows that only the live table has."""
    changed: int = 0
    samples: list[tuple[Any, str, Any, Any]] = field(default_factory=list)
    """Some of the changed values: key, column, live, rebuilt."""

    @property
    def total(self) -> int:
        return self.missing + self.surplus + self.changed


StillHeld = Callable[[], None]
"""Raises StoreUnavailable where the lock has been lost with its connection."""


class Maintenance(ABC):
    """Every method may raise StoreUnavailable."""

    events_schema: Sequence[str]
    """The statements that make the table of events."""
    first_schema: Mapping[str, Mapping[str, str]]
    """The tables of schema 1 that are kept, by name, with the types of their columns."""
    steps: Mapping[int, Sequence[str]]
    """The statements that lead to a schema from the one before."""

    @abstractmethod
    def expect_schema(self, version: int) -> None:
        """From now on, whatever finds another number in the database raises StoreUnavailable,
        within some seconds."""

    @abstractmethod
    def describe(self, table: Table[Any]) -> str:
        """What makes the table, the same text for the same shape."""

    @abstractmethod
    def select_properties(self) -> Sequence[Property]:
        """What the database says of itself; nothing where it does not."""

    @abstractmethod
    def rebuild_lock(self) -> AbstractContextManager[StillHeld]:
        """Held by the one rebuild at work, freed by the end of its process. Raises
        RebuildRunning."""

    @abstractmethod
    def differences(
        self, live: Table[Any], shadow: Table[Any], *, upto: int, samples: int
    ) -> Differences:
        """Compares what events up to the position `upto` made of the live table and the shadow.
        Rows that later events have touched are left out."""
