"""The item cache: items as the last commit left them, so that the next one need not read them."""

from collections.abc import Iterable
from threading import Lock
from typing import Final
from uuid import UUID

from application.persistence.unit_of_work import LockedLevel
from domain.stock_item import StockItem

MAX_CACHED_ITEMS: Final = 20_000
"""Limit of the cached items: about 13 MB."""


class ItemCache:
    """Items by id, without the oldest ones beyond a limit.

    An item is taken out while a unit of work decides on it, and put back after the commit. So a
    commit that fails leaves nothing behind. An item may be taken only under its lock, and only if
    its row in the stock list is the one that it left: then nobody has changed it.
    """

    def __init__(self, limit: int = MAX_CACHED_ITEMS) -> None:
        self._limit = limit
        self._items: dict[UUID, StockItem] = {}
        self._lock = Lock()

    def take(self, levels: Iterable[LockedLevel]) -> dict[UUID, StockItem]:
        """Removes the items that are still as these rows say, and returns them by id."""
        with self._lock:
            found = [(level, self._items.pop(level.item_id, None)) for level in levels]
        return {
            level.item_id: item
            for level, item in found
            if item is not None and (item.version, item.on_hand, item.active) == level[1:]
        }

    def put(self, items: Iterable[StockItem]) -> None:
        """Adds items as of a commit that has ended."""
        with self._lock:
            for item in items:
                item.pending_events.clear()
                self._items[item.id] = item
            while len(self._items) > self._limit:
                del self._items[next(iter(self._items))]

    def clear(self) -> None:
        """Removes all items: the database may be another one now."""
        with self._lock:
            self._items.clear()
