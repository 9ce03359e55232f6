"""Stock-takes and time: what was on hand at a moment, when transactions arrive late, in any order.

A device tells when goods moved, and the ledger learns of it later. So an item has two orders: the
one in which its events were recorded, by which it is an aggregate, and the one in which its goods
moved, which is what a stock-take saw. Two rules keep both true:

- A stock-take is compared with what was on hand at its own moment.
- A movement from before a stock-take that is recorded already changes nothing on hand: whoever
  counted has seen its effect. The stock-take covers it.

With exact clocks, the order of arrival does not matter to what is on hand in the end. Examples are
in docs/stock-takes.md.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

from domain.events import MovementRecorded
from domain.transaction import TransactionType


class History:
    """An item's movements in the order in which they happened, from some moment on."""

    def __init__(self, movements: Iterable[MovementRecorded]) -> None:
        """`movements` are those recorded after that moment, in any order."""
        self._changes: list[tuple[datetime, int]] = []
        self._counts: list[datetime] = []
        for movement in movements:
            self.add(movement)

    def add(self, movement: MovementRecorded) -> None:
        """One that was recorded just now."""
        insort(self._changes, (movement.happened_at, movement.delta))
        if movement.covered_at is not None:
            # What the stock-take found to differ was, in part, this movement.
            insort(self._changes, (movement.covered_at, -movement.delta))
        if movement.type is TransactionType.COUNT:
            insort(self._counts, movement.happened_at)

    def change_after(self, moment: datetime) -> int:
        """By how much the quantity on hand has changed since."""
        first = bisect_right(self._changes, moment, key=itemgetter(0))
        return sum(delta for _, delta in self._changes[first:])

    def next_count_after(self, moment: datetime) -> datetime | None:
        """When the first stock-take behind that moment was, if there was one."""
        first = bisect_right(self._counts, moment)
        return self._counts[first] if first < len(self._counts) else None
