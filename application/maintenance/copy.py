"""The copy: moves the ledger to another database, event for event.

The events are copied in chunks, one commit each, and keep their positions. The first copy builds
the target's read models at its end. A later copy updates them with each chunk. Then the target is
compared with the source. API keys, the audit trail and rejected transactions are copied too.

The source may be written during the copy. A copy that was killed continues where it ended. A new
run after a complete copy adds only what is new.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial, singledispatch
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
from application.sealing.entries import leaf_of_event
from application.sealing.tree import GrowingTree, StoredTree
from application.tables.access import API_KEYS, ApiKey
from application.tables.properties import COPIED_PROPERTIES, PROPERTIES
from application.tables.rejected import RejectedTransaction
from application.tables.table import Insert, Table, Update, Upsert
from application.tables.tree import CHECKPOINTS, DECLARATIONS, StoredCheckpoint
from domain.events import LedgerEvent, StockItemEvent
from domain.quantities import MAX_SCALE, Quantity, from_steps
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.tiles import Edge

EVENTS_PER_CHUNK: Final = 2_000
"""Events read, and committed, at a time."""

CHECKPOINTS_PER_CHUNK: Final = 1_000

ITEMS_PER_PAGE: Final = 1_000
"""Rows of the stock list read at a time."""

Progress = Callable[[str, int, int], None]
"""Progress callback: the current step, the position reached, and the position of its end."""


class NotACopy(Exception):
    """The target is not a copy of the source."""


class Copied(NamedTuple):
    """Totals of the target after a copy, compared with the source."""

    new: int
    """Events that this copy added."""
    events: int
    position: int
    """The position of the last event."""
    items: int
    on_hand: Quantity
    """The sum over all items, whatever their units are."""
    root: str
    """The root of the tree of these events, in hexadecimal, as `stockledger verify` prints it."""


def copy(source: Ledger, target: Ledger, progress: Progress, *, mirror: bool = False) -> Copied:
    """Copies to the target what it lacks, and compares the target with the source.

    Args:
        source: the ledger to copy.
        target: an empty ledger, or a copy of the source's first events.
        progress: called after each chunk.
        mirror: whether the target's other tables become the same as in the source, as in a backup.
            Otherwise the rows that only the target has stay, and those that it has closed stay
            closed.

    Raises:
        NotACopy: the target has an event that the source does not have at this position, or API
            keys of its own. This is checked before the copy (then nothing is written), during it
            and after it.
        AlreadyRunning: a rebuild of the target is running.
        StoreUnavailable: one of the databases can't be reached. Run the copy again.
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
        if start == 0:  # One rebuild at the end is faster. A killed copy leaves the marks.
            with self._target.recorder.unit_of_work() as unit_of_work:
                mark_as_outdated(unit_of_work)
        to_be_rebuilt = outdated(self._target.recorder)
        self._current = [one for one in PROJECTIONS if one not in to_be_rebuilt]
        new = self._append_from(start)
        for projection in to_be_rebuilt:
            rebuild(self._target, projection, partial(self._progress, projection.table.name))
        for table in (*KEPT_TABLES, DECLARATIONS):
            self._copy_table(table)
        self._copy_identity()
        copied = self._verify(new)
        self._copy_checkpoints()
        return copied

    def _compare(self) -> int:
        """Returns the position up to which the target is a copy already. Raises NotACopy."""
        position = 0
        for chunk in self._equal_chunks("compare"):
            position = chunk[-1].id
        return position

    def _require_no_keys(self) -> None:
        """Raises NotACopy: the target has API keys of its own, which a mirror would remove."""
        with self._target.recorder.unit_of_work() as unit_of_work:
            target_keys = {row.key_id for row in unit_of_work.rows(API_KEYS)}
        with self._source.recorder.unit_of_work() as unit_of_work:
            source_keys = {row.key_id for row in unit_of_work.rows(API_KEYS)}
        if target_keys - source_keys:
            raise NotACopy("the target is a ledger of its own: it has API keys")

    def _append_from(self, position: int) -> int:
        """Copies the events after a position; returns their number."""
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
                raise NotACopy("another process is writing to the target")
            unit_of_work.import_events(chunk, local_ids)
            for projection in self._current:
                unit_of_work.write(projection.table, projection.project(recorded))

    def _copy_table(self, table: Table[Any]) -> None:
        """Adds the rows that the target lacks, and overwrites or merges those that differ. A mirror
        loses the rows that only it has."""
        key = list(table.columns).index(table.key)
        with self._source.recorder.unit_of_work() as unit_of_work:
            source = {row[key]: row for row in unit_of_work.rows(table)}
        with self._target.recorder.unit_of_work() as unit_of_work:
            target = {row[key]: row for row in unit_of_work.rows(table)}
            new = [row for found, row in source.items() if found not in target]
            both = source.keys() & target.keys()
            merged = {
                found: source[found] if self._mirror else _merged(source[found], target[found])
                for found in both
            }
            changed = [row for found, row in merged.items() if row != target[found]]
            if new:
                unit_of_work.write(table, [Insert(new)])
            if self._mirror:
                unit_of_work.delete(table, sorted(target.keys() - source.keys()))
            if changed:
                columns = tuple(column for column in table.columns if column != table.key)
                values = [(*row[:key], *row[key + 1 :], row[key]) for row in changed]
                unit_of_work.write(table, [Update(columns, values)])

    def _copy_identity(self) -> None:
        """Copies what makes the target the same ledger: its bookmarks are valid, and its
        checkpoints have the same name and keys."""
        found = {one.name: one for one in self._source.recorder.select_properties()}
        rows = [found[name] for name in COPIED_PROPERTIES if name in found]
        with self._target.recorder.unit_of_work() as unit_of_work:
            unit_of_work.write(PROPERTIES, [Upsert(rows)])
        self._target.bookmark_key = self._source.bookmark_key

    def _copy_checkpoints(self) -> None:
        """Grows the tree of the target, and copies the checkpoints up to there.

        Raises NotACopy: a checkpoint was signed for other events.
        """
        tree = GrowingTree(self._target.recorder)
        tree.grow()
        stored = tree.stored()
        last = self._target.recorder.select_last_checkpoint()
        after = "" if last is None else last.checkpoint_id
        while found := self._source.recorder.select_checkpoints(
            after=after, limit=CHECKPOINTS_PER_CHUNK
        ):
            for one in found:
                if one.size <= tree.size:
                    _require_root(one, stored)
            copied = [one for one in found if one.size <= tree.size]
            with self._target.recorder.unit_of_work() as unit_of_work:
                unit_of_work.write(CHECKPOINTS, [Insert(copied)] if copied else [])
            after = found[-1].checkpoint_id

    def _verify(self, new: int) -> Copied:
        edge = Edge()
        position = 0
        on_hand: dict[UUID, int] = {}
        scales: dict[UUID, int] = {}
        for chunk in self._equal_chunks("verify"):
            recorded = [self._target.to_recorded(notification) for notification in chunk]
            self._require_local_ids(recorded)
            for notification, (_, event) in zip(chunk, recorded, strict=True):
                edge.append(leaf_of_event(notification.id, notification))
                if isinstance(event, StockItemEvent):
                    on_hand[event.originator_id] = event.on_hand
                    scales[event.originator_id] = event.scale
            position = chunk[-1].id
        self._require_stock(on_hand)
        finest = (steps * 10 ** (MAX_SCALE - scales[one]) for one, steps in on_hand.items())
        total = from_steps(sum(finest), MAX_SCALE)
        return Copied(new, edge.size, position, len(on_hand), total, edge.root().hex())

    def _equal_chunks(self, doing: str) -> Iterator[Sequence[Notification]]:
        """Yields the target's events in chunks. Raises NotACopy: one differs from the source."""
        position = 0
        while target := _chunk(self._target, position, EVENTS_PER_CHUNK):
            source = _chunk(self._source, position, len(target))
            if list(source) != list(target):
                raise NotACopy(_first_difference(source, target))
            yield target
            position = target[-1].id
            self._progress(doing, position, max(position, self._target.recorder.head()))

    def _require_local_ids(self, recorded: Sequence[Recorded[LedgerEvent]]) -> None:
        """Raises NotACopy: the unique `local_id`s, which prevent duplicates, are not those of the
        events."""
        wanted = {position: local_id(event) for position, event in recorded}
        taken = {position: key for position, key in wanted.items() if key is not None}
        with self._target.recorder.unit_of_work() as unit_of_work:
            found = {event.id for event in unit_of_work.recorded(list(taken.values()))}
        if found != taken.keys():
            first = min(found ^ taken.keys())
            raise NotACopy(f"the target does not hold the localId of its event at position {first}")

    def _require_stock(self, on_hand: dict[UUID, int]) -> None:
        listed = {level.item_id: level.on_hand for level in _stock_list(self._target)}
        if listed != on_hand:
            item_id = next(item_id for item_id, _ in listed.items() ^ on_hand.items())
            raise NotACopy(
                f"the target's stock list shows {listed.get(item_id)} of item {item_id}, its "
                f"events say {on_hand.get(item_id)}"
            )


@singledispatch
def _merged(source: Any, target: Any) -> Any:
    """Merges a row of both databases. The target may have changed it since the last copy."""
    del target
    return source


@_merged.register
def _merged_key(source: ApiKey, target: ApiKey) -> ApiKey:
    """Ends the key at the earlier of both times."""
    return source._replace(
        revoked_at=_earlier(source.revoked_at, target.revoked_at),
        expires_at=_earlier(source.expires_at, target.expires_at),
    )


@_merged.register
def _merged_rejection(
    source: RejectedTransaction, target: RejectedTransaction
) -> RejectedTransaction:
    """Keeps it closed if either database has closed it."""
    return target if source.closed_at is None and target.closed_at is not None else source


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)


def _chunk(ledger: Ledger, after: int, size: int) -> Sequence[Notification]:
    return ledger.recorder.select_events_after(after, size)


def _stock_list(ledger: Ledger) -> Iterator[StockLevel]:
    after: tuple[str, str, UUID] | None = None
    while page := ledger.recorder.select_items(ItemFilter(), after=after, limit=ITEMS_PER_PAGE):
        yield from page
        after = (page[-1].location, page[-1].sku, page[-1].item_id)


def _require_root(checkpoint: StoredCheckpoint, tree: StoredTree) -> None:
    try:
        is_right = tree.root(checkpoint.size) == Checkpoint.unverified(checkpoint.note).root
    except ProofError:
        is_right = False
    if not is_right:
        raise NotACopy(
            f"checkpoint {checkpoint.checkpoint_id} was signed for other events: run `stockledger "
            "verify` on the source"
        )


def _first_difference(source: Sequence[Notification], target: Sequence[Notification]) -> str:
    pairs = zip(source, target, strict=False)
    position = next((two.id for one, two in pairs if one != two), target[-1].id)
    return f"the target's event at position {position} is not in the source"
