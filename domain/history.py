"""The history of an item: the quantity on hand at a moment, if transactions arrive in any order.

An item has two orders: the order of recording, and the order in which its goods moved. The
aggregate uses the first, a stock-take the second. Two rules keep both true:

- A stock-take is compared with the quantity on hand at its own moment.
- A movement from before a recorded stock-take does not change the quantity on hand, because the
  count already includes it. The stock-take covers it.

With exact clocks, the final quantity on hand does not depend on the order of arrival. Examples are
in docs/stock-takes.md.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import datetime

from domain.events import MovementRecorded
from domain.transaction import TransactionType


class History:
    """An item's movements in the order in which they happened, from some moment on."""

    def __init__(
        self,
        movements: Iterable[MovementRecorded],
        *,
        reaches_back_to: datetime | None = None,
        counted_before: datetime | None = None,
    ) -> None:
        """`movements` are those recorded after some moment, in any order.

        If a read limit cut them off, `reaches_back_to` is the moment from which they are complete,
        and `counted_before` that of the latest stock-take that was not read.
        """
        self._counted_before = counted_before
        self._reaches_back_to = reaches_back_to
        recorded = list(movements)
        changes = sorted(change for movement in recorded for change in _changes(movement))
        self._moments = [moment for moment, _ in changes]
        self._deltas = [delta for _, delta in changes]
        self._counts = sorted(filter(None, map(_count, recorded)))

    def __len__(self) -> int:
        """The number of changes in it."""
        return len(self._moments)

    def covers(self, moment: datetime) -> bool:
        """Whether it holds all movements since `moment`."""
        return self._reaches_back_to is None or self._reaches_back_to <= moment

    def add(self, movement: MovementRecorded) -> None:
        """Adds a movement that was recorded just now."""
        for moment, delta in _changes(movement):
            place = bisect_right(self._moments, moment)
            self._moments.insert(place, moment)
            self._deltas.insert(place, delta)
        counted_at = _count(movement)
        if counted_at is not None:
            insort(self._counts, counted_at)

    def change_after(self, moment: datetime) -> int:
        """Returns by how much the quantity on hand has changed since, in whole units."""
        return sum(self._deltas[bisect_right(self._moments, moment) :])

    def next_count_after(self, moment: datetime) -> datetime | None:
        """Returns the moment of the first stock-take after `moment`; None if there was none.

        If earlier ones were not read, the latest of them stands for the first. It makes no
        difference: a stock-take from before it can no longer be compared.
        """
        if self._counted_before is not None and self._counted_before > moment:
            return self._counted_before
        first = bisect_right(self._counts, moment)
        return self._counts[first] if first < len(self._counts) else None


def _changes(movement: MovementRecorded) -> Iterator[tuple[datetime, int]]:
    """Yields the moments at which the movement changed the quantity on hand, and by how much."""
    yield movement.happened_at, movement.delta
    if movement.covered_at is not None:
        # A part of the difference that the stock-take found was this movement.
        yield movement.covered_at, -movement.delta


def _count(movement: MovementRecorded) -> datetime | None:
    return movement.happened_at if movement.type is TransactionType.COUNT else None
