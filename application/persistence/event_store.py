"""The event store: the events in their one order, and the units of work that append to it."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification

from application.persistence.unit_of_work import UnitOfWork


class Notices(Protocol):
    """Hears of what is recorded."""

    def wait(self, seconds: float) -> bool:
        """Returns True as soon as there may be something new, False when there was nothing for so
        long. Raises StoreUnavailable."""
        ...


class EventStore(ApplicationRecorder):
    """The eventsourcing library's recorder, with units of work. Every method may raise
    StoreUnavailable."""

    @abstractmethod
    def unit_of_work(self) -> AbstractContextManager[UnitOfWork]:
        """A unit of work: committed at the end of the block, undone by an exception in it."""

    @abstractmethod
    def head(self) -> int:
        """The position of the last event that can be read; 0 for an empty ledger.

        No event ever appears at a position up to here later on, neither here nor in
        `select_events_after`: who follows the ledger by position misses nothing, in whatever
        order writers commit.
        """

    @abstractmethod
    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        """So many of the events behind a position, in order; where topics are named, of these."""

    @abstractmethod
    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        """Those events that took one of these `local_id`s."""

    @abstractmethod
    def notices(self) -> AbstractContextManager[Notices]:
        """To be told when something is recorded, by whatever process, from now on."""
