"""Stock-takes that arrive late, on every backend, with the history that they need."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from application.items import ItemService
from application.ledger import ledger as ledger_module
from application.ledger.ledger import Ledger
from application.persistence.filters import MovementFilter
from application.recording.sync import SyncService
from application.recording.sync_result import StockTake
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import codes, on_hand


@pytest.fixture
def tea(items: ItemService, sync: SyncService, clock: Clock) -> UUID:
    """An item with 20 on hand since 8 o'clock."""
    clock.now = at(8)
    tea = register(items)
    sync.sync([element("INBOUND", tea, 20)], CLERK)
    return tea


def at(hour: float) -> datetime:
    return Clock().now.replace(hour=0) + timedelta(hours=hour)


def happened(hour: float) -> dict[str, Any]:
    return {"occurredAt": at(hour).isoformat()}


def test_a_late_count_leaves_what_was_sold_since(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    clock.now = at(10)
    sync.sync([element("OUTBOUND", tea, 1, **happened(9.9)) for _ in range(3)], CLERK)
    clock.now = at(11)
    count = element("COUNT", tea, 17, **happened(9))
    for _ in range(2):
        (synced,) = sync.sync([count], CLERK).synced
        assert synced.count == StockTake(expected=20, counted=17, delta=-3)
        assert synced.on_hand == 14
    assert on_hand(ledger, tea) == 14


def test_a_batch_may_hold_the_count_and_what_was_before_and_after_it(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    clock.now = at(12)
    result = sync.sync(
        [
            element("OUTBOUND", tea, 2, **happened(10)),
            element("COUNT", tea, 17, **happened(9)),
            element("OUTBOUND", tea, 1, **happened(8.5)),
            element("COUNT", tea, 12, **happened(11)),
            element("OUTBOUND", tea, 1, **happened(10.5)),
            element("OUTBOUND", tea, 1),
        ],
        CLERK,
    )
    assert [synced.on_hand for synced in result.synced] == [18, 15, 15, 12, 12, 11]
    covered = [synced.covered_at for synced in result.synced]
    assert covered == [None, None, at(9), None, at(11), None]
    journal = ledger.recorder.select_movements(MovementFilter(), before=None, limit=10)
    assert sum(movement.delta for movement in journal if movement.covered_at is None) == 11


def test_history_is_read_as_far_back_as_it_takes(
    ledger: Ledger,
    sync: SyncService,
    clock: Clock,
    tea: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "EVENTS_PER_HISTORY_READ", 3)
    for hour in range(9, 20):
        clock.now = at(hour)
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    clock.now = at(21)
    counts = [element("COUNT", tea, 20, **happened(hour + 0.5)) for hour in (14, 8, 11)]
    result = sync.sync(counts, CLERK)
    assert [synced.count and synced.count.expected for synced in result.synced] == [14, 20, 17]


def test_a_count_needs_no_look_back_where_nothing_came_since(
    ledger: Ledger,
    sync: SyncService,
    clock: Clock,
    tea: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_history(*_: object) -> None:
        pytest.fail("the past was read")

    monkeypatch.setattr(ledger, "history", read_history)
    clock.now = at(11)
    (synced,) = sync.sync([element("COUNT", tea, 17, **happened(9))], CLERK).synced
    assert synced.on_hand == 17


def test_a_count_in_the_future_is_invalid_and_the_answer_tells_the_time(
    sync: SyncService, clock: Clock, tea: UUID
) -> None:
    clock.now = at(11)
    result = sync.sync([element("COUNT", tea, 17, **happened(12))], CLERK)
    assert codes(result) == ["INVALID"]
    assert result.failed[0].rejection.details["field"] == "occurredAt"
    assert result.server_time == clock.now


def test_what_is_in_the_end_does_not_depend_on_who_syncs_first(
    ledger: Ledger, items: ItemService, sync: SyncService, clock: Clock
) -> None:
    clock.now = at(8)
    shelves = [register(items, f"SKU-{n}") for n in range(6)]
    sync.sync([element("INBOUND", shelf, 100) for shelf in shelves], CLERK)
    day = [
        ("OUTBOUND", 5, 9), ("COUNT", 90, 10), ("INBOUND", 7, 11), ("OUTBOUND", 2, 12),
        ("COUNT", 93, 13), ("ADJUST", -1, 14), ("OUTBOUND", 3, 15),
    ]  # fmt: skip
    clock.now = at(20)
    for seed, shelf in enumerate(shelves):
        arriving = random.Random(seed).sample(day, len(day))
        for kind, quantity, hour in arriving:
            assert not sync.sync([element(kind, shelf, quantity, **happened(hour))], CLERK).failed
    assert [on_hand(ledger, shelf) for shelf in shelves] == [89] * 6


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.recording.histories.MAX_PAST_EVENTS_PER_ITEM", 10)
    monkeypatch.setattr("application.recording.histories.MAX_PAST_EVENTS_PER_COMMIT", 25)


@pytest.mark.usefixtures("short_memory")
def test_count_from_too_many_movements_back_is_refused(
    sync: SyncService, items: ItemService, clock: Clock
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 50)], CLERK)
    moment = clock.now
    for _ in range(9):
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    near = sync.sync([element("COUNT", tea, 48, occurredAt=moment.isoformat())], CLERK)
    assert near.synced[0].count == (50, 48, -2)
    for _ in range(3):
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    far = sync.sync([element("COUNT", tea, 48, occurredAt=moment.isoformat())], CLERK)
    assert far.failed[0].rejection.code == "INVALID"
    assert far.failed[0].rejection.details["field"] == "occurredAt"


@pytest.mark.usefixtures("short_memory")
def test_movement_from_before_a_count_far_back_is_covered(
    ledger: Ledger, sync: SyncService, items: ItemService, clock: Clock
) -> None:
    tea = register(items)
    before = clock.now
    sync.sync([element("COUNT", tea, 50)], CLERK)
    for _ in range(20):
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    late = sync.sync([element("OUTBOUND", tea, 40, occurredAt=before.isoformat())], CLERK)
    assert late.synced[0].on_hand == 30
    assert late.synced[0].covered_at is not None
    assert on_hand(ledger, tea) == 30


@pytest.mark.usefixtures("short_memory")
def test_commit_reads_so_much_history_and_no_more(
    ledger: Ledger, sync: SyncService, items: ItemService, clock: Clock
) -> None:
    """The elements beyond the limit are retryable, and the next batch records them."""
    stock = [register(items, f"SKU-{n}") for n in range(4)]
    before = clock.now
    sync.sync([element("COUNT", one, 50) for one in stock], CLERK)
    for _ in range(9):
        sync.sync([element("OUTBOUND", one, 1) for one in stock], CLERK)
    late = [element("OUTBOUND", one, 1, occurredAt=before.isoformat()) for one in stock]
    first = sync.sync(late, CLERK)
    assert codes(first) == ["CONFLICT", "CONFLICT"]
    assert all(one.rejection.retryable for one in first.failed)
    rest = [late[one.index] for one in first.failed]
    assert codes(sync.sync(rest, CLERK)) == []
    assert [on_hand(ledger, one) for one in stock] == [41, 41, 41, 41]


@pytest.mark.usefixtures("short_memory")
def test_count_after_a_movement_from_far_back_expects_what_was_there(
    sync: SyncService, items: ItemService, clock: Clock
) -> None:
    """The first count after the movement is beyond the history limit; a later one is within it."""
    tea = register(items)
    before = clock.now
    sync.sync([element("COUNT", tea, 50)], CLERK)
    for _ in range(15):
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    between = clock.now
    for _ in range(2):
        sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    sync.sync([element("COUNT", tea, 33)], CLERK)
    sync.sync([element("OUTBOUND", tea, 7, occurredAt=before.isoformat())], CLERK)
    late = sync.sync([element("COUNT", tea, 35, occurredAt=between.isoformat())], CLERK)
    assert late.synced[0].count == StockTake(expected=35, counted=35, delta=0)
