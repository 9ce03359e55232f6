"""The projection port: turns events into rows of a table. Each projection has its own file."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from application.tables.table import Table, Write
from domain.events import LedgerEvent

AnyEvent_co = TypeVar("AnyEvent_co", bound=LedgerEvent, covariant=True)


class Recorded(NamedTuple, Generic[AnyEvent_co]):
    """An event with its position in the ledger's total order."""

    position: int
    event: AnyEvent_co


class Projection(Protocol):
    """Turns recorded events into writes on its table."""

    @property
    def table(self) -> Table[Any]:
        """The table of its read model."""
        ...

    @property
    def revision(self) -> int:
        """Revision of its code. A higher one rebuilds the read model.

        Raise it when the same events give other rows, but the table keeps its shape.
        """
        ...

    @property
    def topics(self) -> Sequence[str]:
        """Topics of the events that it uses; empty for all events."""
        ...

    @property
    def needs_last_movements_only(self) -> bool:
        """Whether it needs only the last movement of an item, not the earlier ones."""
        ...

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> Sequence[Write]:
        """Returns the writes for these events. They follow in order on those projected before."""
        ...
