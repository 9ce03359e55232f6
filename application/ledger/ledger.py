"""The ledger: a repository that loads items from their events and appends new events."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from eventsourcing.application import Application, ProcessingEvent, project_aggregate
from eventsourcing.persistence import (
    Mapper,
    MapperDeserialisationError,
    Notification,
    Recording,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType, get_topic

from application.ledger.event_mapper import EventBase, EventMapper, JSONTranscoder
from application.ledger.item_cache import ItemCache
from application.persistence.recorder import LedgerRecorder
from application.persistence.schema import open_schema
from application.persistence.unit_of_work import Latest, LevelState, UnitOfWork
from application.projections import PROJECTIONS
from application.projections.projection import AnyEvent_co, Recorded
from application.tables.properties import BOOKMARK_KEY
from application.tables.rejected import RejectedTransaction
from domain.barcode import BARCODE_TOPICS, BarcodeEvent
from domain.events import LedgerEvent, MovementRecorded, StockItemEvent
from domain.history import History
from domain.stock_item import StockItem

MAX_KNOWN_WAITS: Final = 100
"""Limit of the rejected transactions that a look-up reads to learn what they wait for."""

EVENTS_PER_HISTORY_READ: Final = 200
"""Maximum number of events in one read of an item's history."""


_LOG = logging.getLogger("stockledger")


class Waits(NamedTuple):
    """What the ledger's rejected transactions wait for."""

    keys: frozenset[UUID] | None
    """Items, and `local_id`s of originals; None if they are many."""
    has_due: bool
    """Whether some must be judged again in a commit of their own."""

    @classmethod
    def read(cls, found: Iterable[tuple[UUID, bool]]) -> "Waits":
        """Makes it from the answer of `UnitOfWork.waiting`."""
        rows = list(found)
        keys = frozenset(key for key, _ in rows) if len(rows) <= MAX_KNOWN_WAITS else None
        return cls(keys, has_due=bool(rows) and rows[0][1])

    def among(self, keys: set[UUID]) -> set[UUID]:
        """Returns those of the keys that something may wait for."""
        return keys if self.keys is None else keys & self.keys


class Known(NamedTuple):
    """Look-up result for the `local_id`s and items of a batch."""

    recorded: dict[UUID, Recorded[MovementRecorded]]
    """Recorded movements by `local_id`."""
    items: dict[UUID, StockItem]
    """Existing items by id, as of the last commit."""
    codes: dict[UUID, BarcodeEvent]
    """The last event of each code that was ever assigned, by the id of its stream."""
    rejected: dict[UUID, list[RejectedTransaction]]
    """Rejected transactions by `local_id`."""
    damaged: set[UUID]
    """`local_id`s, and ids of items and codes, whose events can't be read."""
    waits: Waits

    @classmethod
    def nothing(cls) -> "Known":
        """Returns what is known before anything is found."""
        return cls({}, {}, {}, {}, set(), Waits(None, has_due=False))


class Ledger(Application[UUID]):
    """The eventsourcing application of stock items and their codes.

    Only `append` stores events. It writes the read models in the same commit (inline projection).
    The library's `save` uses it, too.
    """

    name = "stockledger"
    recorder: LedgerRecorder
    mapper: EventMapper

    def __init__(self, env: EnvType, *, may_upgrade: bool = False) -> None:
        """Opens the ledger, or creates a new one.

        Raises:
            SchemaMismatch: its schema is not the one of this code, and an upgrade is not allowed or
                not possible.
            StoreUnavailable: the database can't be opened.
        """
        super().__init__(env)
        try:
            properties = open_schema(self.recorder, may_upgrade=may_upgrade)
        except BaseException:
            self.close()
            raise
        self.bookmark_key = bytes.fromhex(properties[BOOKMARK_KEY])
        self.items = ItemCache()

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Uses only the settings in `env`, never the environment of the process."""
        return Environment(name, env)

    def construct_transcoder(self) -> Transcoder:
        return JSONTranscoder()

    def construct_mapper(self) -> Mapper[UUID]:
        return EventMapper(self.construct_transcoder())

    def look_up(
        self,
        unit_of_work: UnitOfWork,
        local_ids: Sequence[UUID],
        item_ids: Sequence[UUID],
        code_ids: Sequence[UUID] = (),
    ) -> Known:
        """Looks up everything that the decision on a batch needs. The items must be locked.

        Items that nobody has changed come from the cache. Events that can't be read are listed in
        `damaged`. They do not stop the decision on the others.
        """
        known = self._look_up(unit_of_work, local_ids, item_ids)
        if unit_of_work.lock_unregistered():
            known = self._look_up(unit_of_work, local_ids, item_ids)
        if code_ids:
            self._look_up_codes(unit_of_work, code_ids, known)
        return known

    def _look_up_codes(
        self, unit_of_work: UnitOfWork, code_ids: Sequence[UUID], known: Known
    ) -> None:
        for one in unit_of_work.latest(code_ids):
            stream = cast("UUID", one.event.originator_id)
            try:
                event = self.mapper.to_domain_event(one.event)
            except MapperDeserialisationError as error:
                _LOG.error("%s", error)
                known.damaged.add(stream)
            else:
                known.codes[stream] = cast("BarcodeEvent", event)

    def _look_up(
        self, unit_of_work: UnitOfWork, local_ids: Sequence[UUID], item_ids: Sequence[UUID]
    ) -> Known:
        recorded = unit_of_work.recorded(local_ids)
        rejected = unit_of_work.rejected_among(local_ids)
        waiting = unit_of_work.waiting(MAX_KNOWN_WAITS + 1)
        known = Known.nothing()
        known.items.update(self.items.take(unit_of_work.locked()))
        unread = [item_id for item_id in item_ids if item_id not in known.items]
        latest = unit_of_work.latest(unread) if unread else ()
        try:
            known.recorded.update(self._by_local_id(recorded))
        except MapperDeserialisationError:
            found, damaged = self._skip_damaged(unit_of_work.recorded, local_ids)
            known.recorded.update(found)
            known.damaged.update(damaged)
        for one in list(latest):
            item_id = cast("UUID", one.event.originator_id)
            if one.event.topic in BARCODE_TOPICS:  # A client may send the id of a code.
                continue
            try:
                known.items[item_id] = self._rehydrate(unit_of_work, one)
            except MapperDeserialisationError as error:
                _LOG.error("%s", error)
                known.damaged.add(item_id)
        for row in rejected:
            known.rejected.setdefault(cast("UUID", row.local_id), []).append(row)
        return known._replace(waits=Waits.read(waiting))

    def recorded_under(self, local_ids: Sequence[UUID]) -> dict[UUID, Recorded[MovementRecorded]]:
        """Recorded movements by `local_id`, without those that can't be read.

        Raises StoreUnavailable.
        """
        found, _ = self._skip_damaged(self.recorder.select_recorded, local_ids)
        return found

    def recorded_in(
        self, unit_of_work: UnitOfWork, local_ids: Sequence[UUID]
    ) -> tuple[dict[UUID, MovementRecorded], set[UUID]]:
        """Recorded movements by `local_id`, in a unit of work, and the `local_id`s of those that
        can't be read."""
        found, damaged = self._skip_damaged(unit_of_work.recorded, local_ids)
        return {local_id: one.event for local_id, one in found.items()}, damaged

    def _skip_damaged(
        self, find: Callable[[Sequence[UUID]], Iterable[Notification]], local_ids: Sequence[UUID]
    ) -> tuple[dict[UUID, Recorded[MovementRecorded]], set[UUID]]:
        """Returns the readable movements, and the `local_id`s of the damaged ones.

        Finds damaged ones by bisection, because a damaged event can't tell its `local_id`.
        """
        try:
            return self._by_local_id(find(local_ids)), set()
        except MapperDeserialisationError as error:
            if len(local_ids) == 1:
                _LOG.error("%s", error)
                return {}, set(local_ids)
        half = len(local_ids) // 2
        found, damaged = self._skip_damaged(find, local_ids[:half])
        more_found, more_damaged = self._skip_damaged(find, local_ids[half:])
        return found | more_found, damaged | more_damaged

    def _by_local_id(self, found: Iterable[Notification]) -> dict[UUID, Recorded[MovementRecorded]]:
        recorded = (cast("Recorded[MovementRecorded]", self.to_recorded(one)) for one in found)
        return {one.event.local_id: one for one in recorded}

    def history(
        self, unit_of_work: UnitOfWork, item: StockItem, since: datetime, limit: int
    ) -> History:
        """The item's movements recorded at `since` or later, pending ones included.

        Reads at most the last `limit` stored events. Raises MapperDeserialisationError: an event
        can't be read.
        """
        found = [*item.pending_events]
        version = item.version - len(item.pending_events) + 1
        while limit > 0 and (
            chunk := unit_of_work.events_before(
                item.id, version, min(EVENTS_PER_HISTORY_READ, limit)
            )
        ):
            for stored in chunk:
                event = cast("StockItemEvent", self.mapper.to_domain_event(stored))
                if event.timestamp < since:
                    return History(_movements(found))
                found.append(event)
            version = chunk[-1].originator_version
            limit -= len(chunk)
        if version == 1:
            return History(_movements(found))
        oldest = cast("StockItemEvent", found[-1])
        return History(
            _movements(found), reaches_back_to=oldest.timestamp, counted_before=oldest.counted_at
        )

    def newest_timestamp(self, unit_of_work: UnitOfWork) -> datetime | None:
        """Time of the last event; None if there is none, or if it can't be read."""
        last = unit_of_work.last_event()
        try:
            return None if last is None else self.mapper.to_timestamp(last)
        except MapperDeserialisationError:
            return None

    def append(
        self, unit_of_work: UnitOfWork, events: Sequence[AnyEvent_co]
    ) -> list[Recorded[AnyEvent_co]]:
        """Stores the events and brings every read model up to date. Raises WriteConflict, here
        or at the end of the unit of work."""
        stored = [self.mapper.to_stored_event(event) for event in events]
        positions = unit_of_work.append(stored, [local_id(event) for event in events])
        recorded = [
            Recorded(position, event) for position, event in zip(positions, events, strict=True)
        ]
        topics = {get_topic(type(event)) for event in events}
        for projection in PROJECTIONS:
            if not topics.isdisjoint(projection.topics):
                unit_of_work.write(projection.table, projection.project(recorded))
        return recorded

    def to_recorded(self, notification: Notification) -> Recorded[LedgerEvent]:
        """Decodes a notification into its event and position.

        Raises MapperDeserialisationError: the event can't be read.
        """
        event = cast("LedgerEvent", self.mapper.to_domain_event(notification))
        return Recorded(notification.id, event)

    def _rehydrate(self, unit_of_work: UnitOfWork, latest: Latest) -> StockItem:
        """Rehydrates an item from its last event and its row in the stock list.

        The event store is the truth. If the row disagrees with the last event, the item is replayed
        from its events.
        """
        stored, level = latest
        item_id = cast("UUID", stored.originator_id)
        base = self.mapper.to_base(stored)
        if level is None or not _agree(level, stored, base):
            events = map(self.mapper.to_domain_event, unit_of_work.events_of(item_id))
            return cast("StockItem", replay(cast("Iterator[StockItemEvent]", events)))
        return StockItem.rehydrate(
            item_id,
            stored.originator_version,
            base.timestamp,
            location=base.location,
            sku=base.sku,
            name=level.name,
            unit=level.unit,
            safety_stock=level.safety_stock,
            **state_of(base),
        )

    def _record(self, processing_event: ProcessingEvent[UUID]) -> list[Recording[UUID]]:
        events = cast("list[StockItemEvent]", processing_event.events)
        with self.recorder.unit_of_work() as unit_of_work:
            recorded = self.append(unit_of_work, events)
        return [
            Recording(event, _notification(self.mapper, position, event))
            for position, event in recorded
        ]


def replay(events: Iterator[StockItemEvent]) -> StockItem | None:
    """Replays an item from all its events, first to last; None without events."""
    item: StockItem | None = project_aggregate(None, events)
    return item


def _movements(events: Iterable[object]) -> Iterator[MovementRecorded]:
    return (event for event in events if isinstance(event, MovementRecorded))


def _agree(level: LevelState, stored: StoredEvent, base: EventBase) -> bool:
    return (level.version, level.on_hand, level.active) == (
        stored.originator_version,
        base.on_hand,
        base.discontinued_at is None,
    )


def state_of(base: EventBase) -> dict[str, Any]:
    """Returns the part of an item's state that stands in its last event."""
    return {
        "on_hand": base.on_hand,
        "counted_at": base.counted_at,
        "scale": base.scale,
        "floor": base.floor,
        "discontinued_at": base.discontinued_at,
        "provisional": base.provisional,
    }


def _notification(mapper: Mapper[UUID], position: int, event: LedgerEvent) -> Notification:
    stored: dict[str, Any] = vars(mapper.to_stored_event(event))
    return Notification(id=position, **stored)


def local_id(event: LedgerEvent) -> UUID | None:
    """The idempotency key of a movement; None for any other event."""
    return event.local_id if isinstance(event, MovementRecorded) else None
