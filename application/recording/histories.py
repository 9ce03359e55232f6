"""The histories of a commit's items."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.parsing.batch import Batch
from domain.device_clock import FirstArrival, happened_at
from domain.errors import Conflict, LedgerDamaged
from domain.history import History
from domain.stock_item import StockItem
from domain.transaction import Transaction

MAX_PAST_EVENTS_PER_ITEM: Final = 5_000
"""Read limit per item for a late transaction: events, newest first. A stock-take from further back
cannot be compared, so it is refused."""

MAX_PAST_EVENTS_PER_COMMIT: Final = 4 * MAX_PAST_EVENTS_PER_ITEM
"""Read limit per commit, in events. Other callers wait for it: some 10 µs for each event."""

LoadHistory = Callable[[StockItem, datetime, int], History]
"""Loads an item's movements since a moment, up to a number of events."""


class _Loaded(NamedTuple):
    """An item's history, as far as it is loaded."""

    since: datetime
    history: History


class Histories:
    """Loads the history of an item when a decision first needs it."""

    def __init__(self, load: LoadHistory, batches: Iterable[Batch], now: datetime) -> None:
        """`batches`: those of the commit. `now`: the server's clock."""
        self._load = load
        self._batches = batches
        self._now = now
        self._loaded: dict[UUID, _Loaded] = {}
        self._damaged: set[UUID] = set()
        self._events_left = MAX_PAST_EVENTS_PER_COMMIT

    def find(
        self, item: StockItem, transaction: Transaction, arrival: FirstArrival | None
    ) -> History | None:
        """Returns the item's history, or None if nothing needs it so far.

        It is loaded from the earliest moment of the item in the batches, and again for an earlier
        one.

        Raises:
            LedgerDamaged: a past event cannot be read.
            Conflict: the commit's read limit is used up. The same request may succeed later.
        """
        loaded = self._loaded.get(item.id) if self._loaded else None
        if loaded is None and not item.needs_history(transaction, self._now, arrival):
            return None
        moment = item.moment_of(transaction, self._now, arrival)
        if loaded is not None and loaded.since <= moment:
            return loaded.history
        since = min(moment, self._earliest.get(item.id, moment))
        loaded = _Loaded(since, self._read(item, since))
        self._loaded[item.id] = loaded
        return loaded.history

    def forget(self, item_ids: Collection[UUID]) -> None:
        """Forgets the histories of these items, because decisions on them were undone."""
        for item_id in item_ids:
            self._loaded.pop(item_id, None)

    def _read(self, item: StockItem, since: datetime) -> History:
        if item.id in self._damaged:
            raise LedgerDamaged(item.id)
        if self._events_left < MAX_PAST_EVENTS_PER_ITEM:
            raise Conflict(item.id)
        try:
            history = self._load(item, since, MAX_PAST_EVENTS_PER_ITEM)
        except MapperDeserialisationError:
            self._damaged.add(item.id)
            self._events_left -= MAX_PAST_EVENTS_PER_ITEM
            raise LedgerDamaged(item.id) from None
        self._events_left -= len(history)
        return history

    @cached_property
    def _earliest(self) -> dict[UUID, datetime]:
        """The earliest moment of each item in the batches."""
        earliest: dict[UUID, datetime] = {}
        for batch in self._batches:
            for transaction in batch.transactions.values():
                moment = happened_at(transaction.occurred_at, self._now)
                earliest[transaction.item_id] = min(
                    moment, earliest.get(transaction.item_id, moment)
                )
        return earliest
