"""The projection: turns events into rows of its table. One file a projection, beside this one."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from application.tables.table import Table, Write
from domain.events import StockItemEvent

AnyEvent_co = TypeVar("AnyEvent_co", bound=StockItemEvent, covariant=True)


class Recorded(NamedTuple, Generic[AnyEvent_co]):
    """An event with its place in the ledger's one total order."""

    position: int
    event: AnyEvent_co


class Projection(Protocol):
    """Turns recorded events into writes on its table."""

    @property
    def table(self) -> Table[Any]: ...

    @property
    def revision(self) -> int:
        """Rises when events come to make other rows of the same shape: then it is rebuilt."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """Of the events that it is about; none where it is about all."""
        ...

    @property
    def needs_last_movements_only(self) -> bool:
        """Whether an item's last movement tells it all that those before it do."""
        ...

    def project(self, recorded: Sequence[Recorded[StockItemEvent]]) -> Sequence[Write]:
        """The writes for these events, which follow in order on those projected before."""
        ...
