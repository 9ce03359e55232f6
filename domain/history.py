"""The history of an item: the quantity on hand at a place in time, in whatever order transactions
arrive.

An item has two orders: the order of recording, and the order in which its goods moved. The
aggregate uses the first, a stock-take the second. Two rules keep both true:

- A stock-take is compared with the quantity on hand at its own place.
- A movement from before a recorded stock-take does not change the quantity on hand, because the
  count already includes it. The stock-take covers it.

Without a floor, the quantity on hand is the same after every order of arrival. Examples are in
docs/stock-takes.md.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from domain.device_clock import rank_of
from domain.events import MovementRecorded
from domain.transaction import TransactionType

OWN_PLACE: Final = -(2**63)
"""Less than any rank."""


class Place(NamedTuple):
    """The place of a movement in the order in which goods moved."""

    moment: datetime
    rank: int
    """The order of first arrival among movements with the same moment (see `FirstArrival`)."""
    own_rank: int
    """The rank of its own first arrival, if it stands at the place of another one, right after it.
    OWN_PLACE for others."""
    version: int
    """The item's version after it."""


_BEFORE_ALL: Final = OWN_PLACE
"""The rank of a stock-take that was not read."""


class History:
    """An item's movements in the order in which they happened, from some moment on."""

    def __init__(
        self,
        movements: Iterable[MovementRecorded],
        *,
        reaches_back_to: datetime | None = None,
        counted_before: datetime | None = None,
    ) -> None:
        """`movements` are those recorded since some moment, in any order.

        If a read limit cut them off, `reaches_back_to` is the moment from which they are complete,
        and `counted_before` that of the latest stock-take that was not read.
        """
        self._counted_before = counted_before
        self._reaches_back_to = reaches_back_to
        recorded = list(movements)
        self._counts = sorted(place_of(one) for one in recorded if _is_count(one))
        changes = sorted(change for movement in recorded for change in self._changes(movement))
        self._places = [place for place, _ in changes]
        self._deltas = [delta for _, delta in changes]

    def __len__(self) -> int:
        """The number of changes in it."""
        return len(self._places)

    def covers(self, moment: datetime) -> bool:
        """Whether it holds all movements since `moment`."""
        return self._reaches_back_to is None or self._reaches_back_to <= moment

    def add(self, movement: MovementRecorded) -> None:
        """Adds a movement that was recorded just now."""
        if _is_count(movement):
            insort(self._counts, place_of(movement))
        for place, delta in self._changes(movement):
            index = bisect_right(self._places, place)
            self._places.insert(index, place)
            self._deltas.insert(index, delta)

    def change_after(self, place: Place) -> int:
        """Returns by how much the quantity on hand has changed since, in steps."""
        return sum(self._deltas[bisect_right(self._places, place) :])

    def next_count_after(self, place: Place) -> datetime | None:
        """Returns the moment of the first stock-take after `place`; None if there was none.

        If earlier ones were not read, the latest of them stands for the first. It makes no
        difference: a stock-take from before it can no longer be compared.
        """
        if self._counted_before is not None and self._counted_before > place.moment:
            return self._counted_before
        first = bisect_right(self._counts, place)
        return self._counts[first].moment if first < len(self._counts) else None

    def _changes(self, movement: MovementRecorded) -> list[tuple[Place, int]]:
        """Returns the places at which the movement changed the quantity on hand, and by how
        much."""
        place = place_of(movement)
        if movement.covered_at is None:
            return [(place, movement.delta)]
        # A part of the difference that the stock-take found was this movement.
        return [(place, movement.delta), (self._cover(place, movement), -movement.delta)]

    def _cover(self, place: Place, movement: MovementRecorded) -> Place:
        """Returns the place of the stock-take that covers the movement: the first after it, of
        those that were recorded before it."""
        at = Place(movement.covered_at or place.moment, _BEFORE_ALL, OWN_PLACE, 0)
        after = islice(self._counts, bisect_right(self._counts, max(place, at)), None)
        found = next((count for count in after if count.version < place.version), at)
        return found if found.moment == at.moment else at


def place_of(movement: MovementRecorded) -> Place:
    """Returns the place of a recorded movement."""
    version = movement.originator_version
    own_rank = OWN_PLACE
    if movement.voids is not None or movement.corrects is not None:
        own_rank = movement.own_rank or rank_of(version)
    return Place(movement.happened_at, movement.place_rank, own_rank, version)


def _is_count(movement: MovementRecorded) -> bool:
    return movement.type is TransactionType.COUNT
