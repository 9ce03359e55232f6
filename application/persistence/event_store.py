"""The event store: events in one total order, and units of work that append to it."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification

from application.persistence.recent_events import RecentEvents
from application.persistence.unit_of_work import UnitOfWork


class Notices(Protocol):
    """Commit notifications."""

    def wait(self, seconds: float) -> bool:
        """Waits up to `seconds` for a commit of any process.

        Returns True as soon as there may be something new, False after the timeout. Raises
        StoreUnavailable.
        """
        ...


class EventStore(ApplicationRecorder):
    """The eventsourcing library's recorder, with units of work. Every method may raise
    StoreUnavailable."""

    @cached_property
    def recent_events(self) -> RecentEvents:
        """The events that units of work of this recorder have committed last."""
        return RecentEvents()

    @abstractmethod
    def unit_of_work(self) -> AbstractContextManager[UnitOfWork]:
        """Context manager of a unit of work: commits at the end, rolls back on an exception.

        Raises WriteConflict: another writer took a version or a `local_id` first, or the database
        ended a deadlock.
        """

    @abstractmethod
    def head(self) -> int:
        """Position of the last event that can be read; 0 for an empty ledger.

        A promise: no later event appears at or below this position, here or in
        `select_events_after`. A follower that reads by position misses nothing, whatever the order
        of commits.
        """

    @abstractmethod
    def select_events_after(
        self, position: int, limit: int, topics: Sequence[str] = ()
    ) -> Sequence[Notification]:
        """At most `limit` events after a position, in order. Without `topics`: of all topics."""

    @abstractmethod
    def select_recorded(self, local_ids: Sequence[UUID]) -> Sequence[Notification]:
        """The events with one of these `local_id`s."""

    @abstractmethod
    def notices(self) -> AbstractContextManager[Notices]:
        """Context manager of commit notifications, of all processes, from its start on."""
