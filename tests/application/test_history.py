"""The history of an item: buckets equal a replay, and every event is told."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.access.roles import Role
from application.history import HistoryService
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence.filters import MovementFilter
from application.projections.code_changes import CodeChange
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from application.recording.sync import SyncService
from domain.errors import Invalid, UnknownItem
from tests.support.access import caller
from tests.support.builders import CLERK, Clock, element, register


@pytest.fixture
def history(ledger: Ledger, clock: Clock) -> HistoryService:
    return HistoryService(ledger.recorder, clock)


@pytest.fixture
def item(items: ItemService) -> UUID:
    return register(items)


def record(sync: SyncService, item: UUID, *movements: tuple[str, float], **more: Any) -> None:
    for kind, quantity in movements:
        result = sync.sync([element(kind, item, quantity, **more)], CLERK)
        assert not result.failed


def rows_of(ledger: Ledger, item: UUID) -> list[Movement]:
    rows = ledger.recorder.select_movements(MovementFilter(item_id=item), before=None, limit=1_000)
    return [*reversed(rows)]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    quantities=st.lists(st.integers(1, 50), min_size=1, max_size=25),
    buckets=st.integers(1, 40),
    cut=st.tuples(st.integers(0, 60), st.integers(1, 60)),
)
def test_buckets_equal_a_replay_of_the_journal(
    ledger: Ledger,
    items: ItemService,
    sync: SyncService,
    history: HistoryService,
    quantities: list[int],
    buckets: int,
    cut: tuple[int, int],
) -> None:
    sku = f"SKU-{ledger.recorder.head()}"
    item = register(items, sku)
    record(sync, item, *(("COUNT", quantity) for quantity in quantities))
    rows = rows_of(ledger, item)
    start = rows[0].recorded_at + timedelta(seconds=cut[0] - 5)
    end = start + timedelta(seconds=cut[1])
    found = history.on_hand(item, CLERK, start=start, end=end, buckets=buckets)
    inside = [row for row in rows if start <= row.recorded_at < end]
    before = [row.on_hand for row in rows if row.recorded_at < start]
    assert found.opening == (before[-1] if before else 0)
    assert found.closing == (inside[-1].on_hand if inside else found.opening)
    assert sum(bucket.movements for bucket in found.buckets) == len(inside)
    assert len(found.buckets) <= buckets
    for bucket in found.buckets:
        theirs = [row.on_hand for row in inside if bucket.start <= row.recorded_at < bucket.end]
        assert bucket == bucket._replace(
            first=theirs[0],
            lowest=min(theirs),
            highest=max(theirs),
            last=theirs[-1],
            movements=len(theirs),
            counts=len(theirs),
        )
    assert all(one.end <= other.start for one, other in pairwise(found.buckets))


def test_movement_on_the_border_of_two_buckets_belongs_to_the_later(
    history: HistoryService, item: UUID, sync: SyncService, clock: Clock
) -> None:
    second, start = timedelta(seconds=1), clock.now
    for _ in range(40):
        clock.now = clock.now - second + timedelta(milliseconds=1)
        record(sync, item, ("INBOUND", 1))
    end = start + timedelta(milliseconds=41)
    found = history.on_hand(item, CLERK, start=start, end=end, buckets=41)
    assert [bucket.movements for bucket in found.buckets] == [1] * 40
    assert [bucket.start for bucket in found.buckets] == [
        start + timedelta(milliseconds=n) for n in range(1, 41)
    ]


def test_history_begins_with_the_registration(
    history: HistoryService, item: UUID, sync: SyncService
) -> None:
    record(sync, item, ("INBOUND", 5), ("OUTBOUND", 2))
    found = history.on_hand(item, CLERK, start=None, end=None, buckets=1)
    assert (found.opening, found.closing) == (0, 3)
    (bucket,) = found.buckets
    assert (bucket.first, bucket.lowest, bucket.highest, bucket.last) == (5, 3, 5, 3)
    assert (bucket.movements, bucket.counts) == (2, 0)


def test_period_without_a_movement_has_the_quantity_of_then(
    history: HistoryService, item: UUID, sync: SyncService, clock: Clock
) -> None:
    early = clock.now - timedelta(days=2)
    record(sync, item, ("INBOUND", 5))
    clock.now += timedelta(days=1)
    quiet = clock.now
    clock.now += timedelta(days=1)
    record(sync, item, ("OUTBOUND", 2))

    def quantities(start: datetime, end: datetime) -> tuple[float, float]:
        found = history.on_hand(item, CLERK, start=start, end=end, buckets=10)
        assert found.buckets == []
        return found.opening, found.closing

    assert quantities(quiet, quiet + timedelta(hours=1)) == (5, 5)
    assert quantities(early, early + timedelta(hours=1)) == (0, 0)
    assert quantities(clock.now + timedelta(hours=1), clock.now + timedelta(hours=2)) == (3, 3)


def test_scales_are_compared_as_quantities(
    history: HistoryService, items: ItemService, sync: SyncService
) -> None:
    flour = register(items, "FLOUR", scale=3)
    record(sync, flour, ("INBOUND", 2.5), ("OUTBOUND", 1.125))
    found = history.on_hand(flour, CLERK, start=None, end=None, buckets=1)
    (bucket,) = found.buckets
    assert (bucket.first, bucket.lowest, bucket.last) == (2.5, 1.375, 1.375)


def test_covered_movement_changes_no_quantity(
    history: HistoryService, item: UUID, sync: SyncService, clock: Clock
) -> None:
    record(sync, item, ("COUNT", 8))
    before = clock.now
    clock.now += timedelta(hours=1)
    late = (before - timedelta(hours=1)).isoformat()
    record(sync, item, ("INBOUND", 5), occurredAt=late)
    found = history.on_hand(item, CLERK, start=before + timedelta(minutes=1), end=None, buckets=100)
    assert (found.opening, found.closing) == (8, 8)


def test_empty_period_is_refused(history: HistoryService, item: UUID, clock: Clock) -> None:
    with pytest.raises(Invalid):
        history.on_hand(item, CLERK, start=clock.now, end=clock.now, buckets=1)


def test_events_of_the_item_and_its_codes_are_told_newest_first(
    history: HistoryService, items: ItemService, item: UUID, sync: SyncService
) -> None:
    register(items, "OTHER")
    record(sync, item, ("INBOUND", 5))
    items.assign_code(item, "4006381333931", 12, CLERK)
    items.discontinue(item, CLERK)
    found = history.changes(item, CLERK, before=None, limit=10)
    kinds = [(type(one), getattr(one, "kind", None)) for one in found]
    assert kinds == [
        (ItemChange, "ItemDiscontinued"),
        (CodeChange, "CodeAssigned"),
        (Movement, None),
        (ItemChange, "ItemRegistered"),
    ]
    first = history.changes(item, CLERK, before=None, limit=3)
    rest = history.changes(item, CLERK, before=first[-1].position, limit=3)
    assert [*first, *rest] == list(found)


def test_history_elsewhere_is_unknown(history: HistoryService, item: UUID) -> None:
    stranger = caller(Role.MANAGER, "annex")
    with pytest.raises(UnknownItem):
        history.changes(item, stranger, before=None, limit=1)
    with pytest.raises(UnknownItem):
        history.on_hand(item, stranger, start=None, end=None, buckets=1)
