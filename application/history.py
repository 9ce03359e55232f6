"""The history of an item: its events, and its quantity on hand over time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.persistence.filters import MovementFilter
from application.persistence.reader import Bucket, Reader, ScaleSet
from application.projections import Change
from application.projections.movements import Movement
from application.server_clock import Clock, utc_now
from domain.errors import Invalid
from domain.quantities import MAX_QUANTITY, to_number

MAX_BUCKETS: Final = 1_000

_SHORTEST: Final = timedelta(milliseconds=1)

Number = int | float


class HistoryBucket(NamedTuple):
    """The movements of an item within a period, summed up."""

    start: datetime
    end: datetime
    """Exclusive."""
    first: Number
    """The quantity on hand after the first movement."""
    lowest: Number
    highest: Number
    last: Number
    """The quantity on hand after the last movement."""
    movements: int
    counts: int
    """Stock-takes among the movements."""


@dataclass(frozen=True)
class History:
    """The quantity on hand of an item over a period."""

    start: datetime
    end: datetime
    """Exclusive."""
    opening: Number
    """The quantity on hand before the first movement of the period."""
    closing: Number
    buckets: Sequence[HistoryBucket]
    """In order; without those that have no movement."""


class HistoryService:
    """Reads the history of items. Every method may raise UnknownItem, StoreUnavailable and
    ReadCancelled."""

    def __init__(self, reader: Reader, clock: Clock = utc_now) -> None:
        self._reader = reader
        self._clock = clock

    def changes(
        self, item_id: UUID, principal: Principal, *, before: int | None, limit: int
    ) -> Sequence[Change]:
        """Returns the events of the item and of its codes, newest first; `before` is a position,
        exclusive."""
        principal.require_item(item_id, self._reader.select_item(item_id))
        return self._reader.select_changes_of(item_id, before=before, limit=limit)

    def on_hand(
        self,
        item_id: UUID,
        principal: Principal,
        *,
        start: datetime | None,
        end: datetime | None,
        buckets: int,
    ) -> History:
        """Returns the quantity on hand by time of recording, in at most this number of buckets of
        equal length.

        `start` is inclusive and defaults to the registration, `end` is exclusive and defaults to
        now. Raises Invalid: the period is empty.
        """
        principal.require_item(item_id, self._reader.select_item(item_id))
        scales = self._reader.select_scales(item_id)
        start = start or scales[0].recorded_at
        end = end or self._clock() + _SHORTEST
        if start >= end:
            raise Invalid("to", "must be later than from")
        width = max(_SHORTEST, -(-(end - start) // buckets // _SHORTEST) * _SHORTEST)
        wanted = MovementFilter(item_id=item_id, recorded_from=start, recorded_to=end)
        found = sorted(
            (bucket, scale)
            for positions, scale in _eras(scales)
            for bucket in self._reader.select_buckets(wanted, positions, width)
        )
        edges = {place for bucket, _ in found for place in (bucket.first, bucket.last)}
        rows = {row.position: row for row in self._reader.select_movements_at(sorted(edges))}
        summed = [
            _summed(start + number * width, width, [*same], rows)
            for number, same in groupby(found, key=lambda one: one[0].number)
        ]
        opening = self._opening(found, rows, wanted)
        return History(start, end, opening, summed[-1].last if summed else opening, summed)

    def _opening(
        self,
        found: Sequence[tuple[Bucket, int]],
        rows: dict[int, Movement],
        wanted: MovementFilter,
    ) -> Number:
        """Returns the quantity before the first movement of the period; without one, after the last
        movement before it."""
        if found:
            row = rows[found[0][0].first]
            change = row.delta if row.covered_at is None else 0
            return to_number(row.on_hand - change, row.extra.scale)
        earlier = MovementFilter(item_id=wanted.item_id, recorded_to=wanted.recorded_to)
        last = self._reader.select_movements(earlier, before=None, limit=1)
        return _on_hand(last[0]) if last else 0


def _eras(scales: Sequence[ScaleSet]) -> Iterator[tuple[range, int]]:
    """Yields the positions with one scale, and the scale. Quantities of others can't be compared
    in steps."""
    starts = [scale.position for scale in scales]
    for start, end, (_, scale, _) in zip(starts, [*starts[1:], MAX_QUANTITY], scales, strict=True):
        yield range(start, end), scale


def _summed(
    start: datetime,
    width: timedelta,
    parts: Iterable[tuple[Bucket, int]],
    rows: dict[int, Movement],
) -> HistoryBucket:
    buckets, scales = zip(*parts, strict=True)
    return HistoryBucket(
        start=start,
        end=start + width,
        first=_on_hand(rows[min(bucket.first for bucket in buckets)]),
        lowest=min(map(to_number, (bucket.lowest for bucket in buckets), scales)),
        highest=max(map(to_number, (bucket.highest for bucket in buckets), scales)),
        last=_on_hand(rows[max(bucket.last for bucket in buckets)]),
        movements=sum(bucket.movements for bucket in buckets),
        counts=sum(bucket.counts for bucket in buckets),
    )


def _on_hand(movement: Movement) -> Number:
    return to_number(movement.on_hand, movement.extra.scale)
