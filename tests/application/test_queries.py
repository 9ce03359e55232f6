"""Bounded reads: every query uses an index, and has a time limit."""

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.items import ItemService
from application.ledger.ledger import Ledger, replay
from application.persistence.cancellation import Cancellation, cancelled_by
from application.persistence.errors import ReadCancelled
from application.persistence.filters import ItemFilter, MovementFilter, RejectedFilter
from application.recording.sync import SyncService
from domain.errors import UnknownVersion
from domain.item_details import ItemDetails
from domain.stock_item import StockItem
from tests.support.builders import CLERK, Clock, element, register
from tests.support.endless import endless
from tests.support.ledger_checks import execute


def test_read_is_ended_from_another_thread(ledger: Ledger, items: ItemService) -> None:
    tea = register(items)
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.cancel)
    timer.start()
    with cancelled_by(cancellation):
        with pytest.raises(ReadCancelled):
            endless(ledger)
        with pytest.raises(ReadCancelled):  # Cancelled: no later read begins.
            ledger.recorder.select_item(tea)
    timer.join()
    assert ledger.recorder.select_item(tea) is not None  # The connection can be reused.


def test_end_that_comes_too_late_ends_nobody_else_s_read(
    ledger: Ledger, items: ItemService
) -> None:
    tea = register(items)
    cancellation = Cancellation()
    with cancelled_by(cancellation):
        assert ledger.recorder.select_item(tea) is not None
    cancellation.cancel()
    assert ledger.recorder.select_item(tea) is not None


PLACES = [f"place-{n}" for n in range(12)]


@pytest.fixture
def spread(ledger: Ledger, sync: SyncService, items: ItemService) -> Ledger:
    """A ledger with an uneven number of movements and rejections per location."""
    stock = [register(items, "TEA", place) for place in PLACES]
    for turn in range(5):
        batch = [
            element("INBOUND" if number % 3 else "ADJUST", item, 1)
            for number, item in enumerate(stock[:-1])
            for _ in range(30 if number == turn else number % 3)
        ]
        sync.sync(batch, CLERK)
        sync.sync([element("OUTBOUND", item, 10**6 + turn) for item in stock[::2]], CLERK)
    return ledger


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    places=st.sets(st.sampled_from([*PLACES, "nowhere"])),
    limit=st.integers(1, 60),
    before=st.none() | st.integers(0, 300),
    type=st.sampled_from([None, "INBOUND", "ADJUST"]),
)
def test_page_of_several_locations_is_that_of_all_without_the_others(
    spread: Ledger, places: set[str], limit: int, before: int | None, type: str | None
) -> None:
    reader = spread.recorder
    everything = reader.select_movements(MovementFilter(type=type), before=before, limit=10**6)
    page = reader.select_movements(
        MovementFilter(locations=frozenset(places), type=type), before=before, limit=limit
    )
    assert page == [row for row in everything if row.location in places][:limit]
    after = before or 0
    changes = reader.select_changes(None, after=after, upto=10**6, limit=10**6)
    some = reader.select_changes(frozenset(places), after=after, upto=10**6, limit=limit)
    assert some == [change for change in changes if change.location in places][:limit]
    all_rejected = reader.select_rejected(RejectedFilter(), before=None, limit=10**6)
    rejected = reader.select_rejected(
        RejectedFilter(locations=frozenset(places)), before=None, limit=limit
    )
    assert rejected == [row for row in all_rejected if row.location in places][:limit]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    number=st.integers(0, len(PLACES) - 1),
    places=st.none() | st.sets(st.sampled_from([*PLACES, "nowhere"])),
    limit=st.integers(1, 60),
    before=st.none() | st.integers(0, 300),
    type=st.sampled_from([None, "INBOUND", "ADJUST"]),
)
def test_page_of_an_item_is_that_of_all_without_the_others(
    spread: Ledger, number: int, places: set[str] | None, limit: int, before: int | None, type: str
) -> None:
    reader = spread.recorder
    levels = reader.select_items(ItemFilter(), after=None, limit=100)
    item = levels[number].item_id
    everything = reader.select_movements(MovementFilter(type=type), before=before, limit=10**6)
    wanted = MovementFilter(
        item_id=item, type=type, locations=None if places is None else frozenset(places)
    )
    assert (
        reader.select_movements(wanted, before=before, limit=limit)
        == [
            row
            for row in everything
            if row.item_id == item and (places is None or row.location in places)
        ][:limit]
    )


def _replaced_by(details: ItemDetails, _: ItemDetails) -> ItemDetails:
    return details


@pytest.fixture
def long_lived(
    ledger: Ledger, sync: SyncService, items: ItemService, clock: Clock
) -> tuple[Any, list[StockItem]]:
    """An item with many events, and its state after each of them."""
    tea = register(items)
    for turn in range(6):
        sync.sync([element("INBOUND", tea, n + 1) for n in range(7)], CLERK)
        clock.now += timedelta(hours=1)
        details = ItemDetails(name=f"Tea {turn}", unit="box")
        items.change_details(tea, partial(_replaced_by, details), CLERK)
        sync.sync([element("COUNT", tea, turn)], CLERK)
        items.discontinue(tea, CLERK)
        if turn < 5:
            items.reactivate(tea, CLERK)
    events = list(ledger.events.get(originator_id=tea))
    states = [replay(iter(events[: n + 1])) for n in range(len(events))]  # type: ignore[arg-type]
    return tea, [state for state in states if state is not None]


def visible_state(item: StockItem) -> dict[str, Any]:
    """The state without the registration time, which no answer contains."""
    return {name: value for name, value in vars(item).items() if name != "_created_on"}


def test_item_at_each_version_and_moment_is_that_of_its_replay(
    long_lived: tuple[Any, list[StockItem]], items: ItemService
) -> None:
    tea, states = long_lived
    for number, state in enumerate(states, 1):
        assert visible_state(items.at_version(tea, number, CLERK)) == visible_state(state)
        last = [one for one in states if one.modified_on == state.modified_on][-1]
        assert visible_state(items.as_of(tea, state.modified_on, CLERK)) == visible_state(last)
    first = states[0].modified_on
    with pytest.raises(UnknownVersion):
        items.as_of(tea, first - timedelta(microseconds=1), CLERK)
    with pytest.raises(UnknownVersion):
        items.at_version(tea, len(states) + 1, CLERK)
    assert visible_state(
        items.as_of(tea, datetime(2100, 1, 1, tzinfo=UTC), CLERK)
    ) == visible_state(states[-1])


def test_item_of_the_past_is_right_where_the_read_model_is_damaged(
    ledger: Ledger, long_lived: tuple[Any, list[StockItem]], items: ItemService
) -> None:
    tea, states = long_lived
    execute(ledger, "DELETE FROM item_changes")
    assert visible_state(items.at_version(tea, 20, CLERK)) == visible_state(states[19])


def test_look_into_the_past_reads_few_of_an_item_s_events(
    ledger: Ledger, sync: SyncService, items: ItemService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A binary search over the versions reads few events."""
    tea = register(items)
    sync.sync([element("INBOUND", tea, 1) for _ in range(2_000)], CLERK)
    read = 0
    select = ledger.recorder.select_events

    def counting(*arguments: Any, **options: Any) -> Any:
        nonlocal read
        found = select(*arguments, **options)
        read += len(found)
        return found

    monkeypatch.setattr(ledger.recorder, "select_events", counting)
    moment = ledger.recorder.select_events(tea, gt=999, lte=1000)
    items.as_of(tea, ledger.mapper.to_base(moment[0]).timestamp, CLERK)
    items.at_version(tea, 2_000, CLERK)
    assert read < 24
