"""Moving the ledger to another database, event for event.

The events are copied in chunks, a commit each, at the positions that they have in the source. A new
target's read models are made from them in the end; later ones are brought up to date with each
chunk. All of it is compared. API keys, the audit trail and rejected transactions come along. The
source may go on being written. A copy that was killed goes on where it ended, and one that is done
takes up what is new.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial, singledispatch
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification

from application.ledger.ledger import Ledger, local_id
from application.maintenance.rebuild import rebuild
from application.persistence.filters import ItemFilter
from application.persistence.schema import KEPT_TABLES, mark_as_outdated, outdated
from application.projections import PROJECTIONS
from application.projections.projection import Projection, Recorded
from application.projections.stock_levels import StockLevel
from application.tables.access import API_KEYS, ApiKey
from application.tables.properties import BOOKMARK_KEY, PROPERTIES, Property
from application.tables.rejected import RejectedTransaction
from application.tables.table import Insert, Table, Update, Upsert
from domain.events import StockItemEvent

EVENTS_PER_CHUNK: Final = 2_000
"""Events read, and committed, at a time."""

ITEMS_PER_PAGE: Final = 1_000
"""Rows of the stock list read at a time."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, the position that it has reached, and the one that it will end at."""


class NotACopy(Exception):
    """The target holds something else than the source."""


class Copied(NamedTuple):
    """What the target holds, compared with the source."""

    new: int
    """Events that were not there before."""
    events: int
    position: int
    """That of the last event."""
    items: int
    on_hand: int
    """The sum over all items."""
    digest: str
    """SHA-256 over the events, in hexadecimal: for each, in order, its position, item, version and
    topic with a space behind each, its state as it is stored, and a line feed."""


def copy(source: Ledger, target: Ledger, progress: Progress, *, mirror: bool = False) -> Copied:
    """Brings the target to where the source is.

    Args:
        source: where events come from.
        target: a ledger that is empty, or a part of the source from its first event on.
        progress: is told how far it is.
        mirror: whether what is kept beside the events shall be as in the source, as in a backup.
            Otherwise what the target has closed stays closed, and what it alone has stays.

    Raises:
        NotACopy: the target holds an event that the source does not have in this place, before the
            copy (then nothing is written), amid it, or after it.
        RebuildRunning: a rebuild of the target is at work.
        StoreUnavailable: one of the databases can't be reached. The copy is to be run again.
    """
    return _Copy(source, target, progress, mirror=mirror).run()


class _Copy:
    def __init__(self, source: Ledger, target: Ledger, progress: Progress, *, mirror: bool) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._mirror = mirror
        self._current: list[Projection] = []
        """The target's read models that hold all of its events."""

    def run(self) -> Copied:
        start = self._compare()
        if self._mirror and start == 0:
            self._require_no_keys()
        if start == 0:  # Filling them in one go is faster, and a killed copy leaves them marked.
            with self._target.recorder.unit_of_work() as unit_of_work:
                mark_as_outdated(unit_of_work)
        to_be_rebuilt = outdated(self._target.recorder)
        self._current = [one for one in PROJECTIONS if one not in to_be_rebuilt]
        new = self._append_from(start)
        for projection in to_be_rebuilt:
            rebuild(self._target, projection, partial(self._progress, projection.table.name))
        for table in KEPT_TABLES:
            self._bring(table)
        self._bring_bookmark_key()
        return self._verify(new)

    def _compare(self) -> int:
        """The position up to which the target is a copy already."""
        position = 0
        for chunk in self._equal_chunks("compare"):
            position = chunk[-1].id
        return position

    def _require_no_keys(self) -> None:
        """A ledger without events may have keys of its own, which a mirror would remove."""
        with self._target.recorder.unit_of_work() as unit_of_work:
            there = {row.key_id for row in unit_of_work.rows(API_KEYS)}
        with self._source.recorder.unit_of_work() as unit_of_work:
            here = {row.key_id for row in unit_of_work.rows(API_KEYS)}
        if there - here:
            raise NotACopy("the target is a ledger of its own: it has API keys")

    def _append_from(self, position: int) -> int:
        """How many events the target lacked."""
        new = 0
        while chunk := _chunk(self._source, position, EVENTS_PER_CHUNK):
            self._append(chunk, position)
            new += len(chunk)
            position = chunk[-1].id
            self._progress("copy", position, max(position, self._source.recorder.head()))
        return new

    def _append(self, chunk: Sequence[Notification], position: int) -> None:
        recorded = [self._source.to_recorded(found) for found in chunk]
        local_ids = [local_id(event) for _, event in recorded]
        with self._target.recorder.unit_of_work() as unit_of_work:
            unit_of_work.exclude_writers()
            if unit_of_work.events_after(position, 1):
                raise NotACopy("the target is being written by someone else")
            unit_of_work.restore(chunk, local_ids)
            for projection in self._current:
                unit_of_work.write(projection.table, projection.project(recorded))

    def _bring(self, table: Table[Any]) -> None:
        """What the target lacks is added; what differs is as in the source, but, unless the target
        is a mirror, for what it has closed."""
        key = list(table.columns).index(table.key)
        with self._source.recorder.unit_of_work() as unit_of_work:
            here = {row[key]: row for row in unit_of_work.rows(table)}
        with self._target.recorder.unit_of_work() as unit_of_work:
            there = {row[key]: row for row in unit_of_work.rows(table)}
            new = [row for found, row in here.items() if found not in there]
            both = here.keys() & there.keys()
            merged = {
                found: here[found] if self._mirror else _merged(here[found], there[found])
                for found in both
            }
            changed = [row for found, row in merged.items() if row != there[found]]
            if new:
                unit_of_work.write(table, [Insert(new)])
            if self._mirror:
                unit_of_work.delete(table, sorted(there.keys() - here.keys()))
            if changed:
                columns = tuple(column for column in table.columns if column != table.key)
                values = [(*row[:key], *row[key + 1 :], row[key]) for row in changed]
                unit_of_work.write(table, [Update(columns, values)])

    def _bring_bookmark_key(self) -> None:
        """Bookmarks of the source are good at the target."""
        if self._target.bookmark_key != self._source.bookmark_key:
            with self._target.recorder.unit_of_work() as unit_of_work:
                value = self._source.bookmark_key.hex()
                unit_of_work.write(PROPERTIES, [Upsert([Property(BOOKMARK_KEY, value)])])
            self._target.bookmark_key = self._source.bookmark_key

    def _verify(self, new: int) -> Copied:
        digest = sha256()
        events = position = 0
        on_hand: dict[UUID, int] = {}
        for chunk in self._equal_chunks("verify"):
            recorded = [self._target.to_recorded(notification) for notification in chunk]
            self._require_local_ids(recorded)
            for notification, (_, event) in zip(chunk, recorded, strict=True):
                digest.update(_digested(notification))
                on_hand[event.originator_id] = event.on_hand
            events += len(chunk)
            position = chunk[-1].id
        self._require_stock(on_hand)
        total = sum(on_hand.values())
        return Copied(new, events, position, len(on_hand), total, digest.hexdigest())

    def _equal_chunks(self, doing: str) -> Iterator[Sequence[Notification]]:
        """All of the target's events, each found to be the same in the source. Raises NotACopy."""
        position = 0
        while there := _chunk(self._target, position, EVENTS_PER_CHUNK):
            here = _chunk(self._source, position, len(there))
            if list(here) != list(there):
                raise NotACopy(_first_difference(here, there))
            yield there
            position = there[-1].id
            self._progress(doing, position, max(position, self._target.recorder.head()))

    def _require_local_ids(self, recorded: Sequence[Recorded[StockItemEvent]]) -> None:
        """The `local_id`s must be taken, each by its own event: that is what bars duplicates."""
        wanted = {position: local_id(event) for position, event in recorded}
        taken = {position: key for position, key in wanted.items() if key is not None}
        with self._target.recorder.unit_of_work() as unit_of_work:
            found = {event.id for event in unit_of_work.recorded(list(taken.values()))}
        if found != taken.keys():
            first = min(found ^ taken.keys())
            raise NotACopy(f"the localId of the target's event at position {first} is not taken")

    def _require_stock(self, on_hand: dict[UUID, int]) -> None:
        listed = {level.item_id: level.on_hand for level in _stock_list(self._target)}
        if listed != on_hand:
            item_id = next(item_id for item_id, _ in listed.items() ^ on_hand.items())
            raise NotACopy(
                f"the target's stock list shows {listed.get(item_id)} of item {item_id}, its "
                f"events say {on_hand.get(item_id)}"
            )


@singledispatch
def _merged(here: Any, there: Any) -> Any:
    """A row that is in both databases; the target may have gone on since the last copy."""
    del there
    return here


@_merged.register
def _merged_key(here: ApiKey, there: ApiKey) -> ApiKey:
    """Ended as soon as either says."""
    return here._replace(
        revoked_at=_earlier(here.revoked_at, there.revoked_at),
        expires_at=_earlier(here.expires_at, there.expires_at),
    )


@_merged.register
def _merged_rejection(here: RejectedTransaction, there: RejectedTransaction) -> RejectedTransaction:
    """Closed where either has closed it."""
    return there if here.closed_at is None and there.closed_at is not None else here


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)


def _chunk(ledger: Ledger, after: int, size: int) -> Sequence[Notification]:
    return ledger.recorder.select_events_after(after, size)


def _stock_list(ledger: Ledger) -> Iterator[StockLevel]:
    after: tuple[str, str, UUID] | None = None
    while page := ledger.recorder.select_items(ItemFilter(), after=after, limit=ITEMS_PER_PAGE):
        yield from page
        after = (page[-1].location, page[-1].sku, page[-1].item_id)


def _digested(event: Notification) -> bytes:
    head = f"{event.id} {event.originator_id} {event.originator_version} {event.topic} "
    return head.encode() + event.state + b"\n"


def _first_difference(here: Sequence[Notification], there: Sequence[Notification]) -> str:
    pairs = zip(here, there, strict=False)
    position = next((two.id for one, two in pairs if one != two), there[-1].id)
    return f"the target's event at position {position} is not in the source"
