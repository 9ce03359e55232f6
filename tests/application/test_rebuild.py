"""Rebuild of read models: during writes, after damage, and after a killed rebuild."""

from contextlib import closing
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.utils import get_topic

from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import Rebuilt, has_leftovers, rebuild
from application.maintenance.upgrade import BackgroundUpgrade
from application.parsing.items import Registration
from application.persistence.filters import ItemFilter
from application.projections import PROJECTIONS
from application.projections.movements import Movements
from application.projections.projection import Projection
from application.projections.stock_levels import StockLevels
from application.recording.sync import SyncService
from domain.item_details import ItemDetails
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, element, register, void_of
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    execute,
    on_hand,
)


def silently(ledger: Ledger, projection: Projection) -> Rebuilt:
    return rebuild(ledger, projection, lambda *_: None)


def read_at_a_time(monkeypatch: pytest.MonkeyPatch, events: int) -> None:
    for chunk in ("EVENTS_PER_CHUNK", "EVENTS_PER_LONG_CHUNK"):
        monkeypatch.setattr(f"application.maintenance.rebuild.{chunk}", events)


@pytest.fixture
def tea(items: ItemService, sync: SyncService) -> Any:
    tea = register(items)
    register(items, "CUP-01")
    sync.sync([element("INBOUND", tea, n) for n in range(1, 11)], CLERK)
    return tea


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.table.name)
def test_rebuild_of_a_sound_ledger_differs_in_nothing(
    ledger: Ledger, tea: Any, projection: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_at_a_time(monkeypatch, 3)
    result = silently(ledger, projection)
    assert (result.name, result.position) == (projection.table.name, 12)
    assert result.differences.total == 0
    assert_read_models_equal_replay(ledger)


@pytest.mark.parametrize("events", range(1, 9))
@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.table.name)
def test_rebuild_comes_to_the_same_wherever_its_chunks_end(
    ledger: Ledger,
    items: ItemService,
    sync: SyncService,
    projection: Projection,
    events: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    sync.sync([element("INBOUND", item, 5) for item in (tea, cup, tea)], CLERK)
    items.change_details(tea, lambda _: ItemDetails(name="Tee", unit="Dose"), CLERK)
    sync.sync([element("OUTBOUND", item, 1) for item in (tea, cup)], CLERK)
    items.discontinue(cup, CLERK)
    sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    items.reactivate(cup, CLERK)
    items.discontinue(tea, CLERK)
    read_at_a_time(monkeypatch, events)
    assert silently(ledger, projection).differences.total == 0
    assert_read_models_equal_replay(ledger)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.table.name)
def test_projection_names_the_topics_that_it_makes_something_of(
    ledger: Ledger, items: ItemService, sync: SyncService, projection: Projection
) -> None:
    tea = register(items)
    sent = [element(kind, tea, 3) for kind in ("INBOUND", "OUTBOUND", "ADJUST")]
    sync.sync([*sent, void_of(sent[0])], CLERK)
    items.change_details(tea, lambda _: ItemDetails(name="Tee", unit="Dose"), CLERK)
    items.discontinue(tea, CLERK)
    items.reactivate(tea, CLERK)
    items.register(Registration("main", "NEW", None, None, None), caller(Role.DEVICE, "main"))
    items.confirm(item_id("main", "NEW"), CLERK)
    items.assign_code(tea, "T", 12, CLERK)
    items.retire_code(tea, "T", CLERK)
    topics = {get_topic(type(found.event)): found for found in all_events(ledger)}
    made_of = {topic for topic, found in topics.items() if projection.project([found])}
    assert len(topics) == 11
    assert made_of == set(projection.topics) or not projection.topics


def test_rebuild_puts_damaged_stock_levels_right_and_says_what_was_wrong(
    ledger: Ledger, tea: Any
) -> None:
    execute(ledger, "UPDATE stock_levels SET on_hand = 1000 WHERE sku = 'TEA-250'")
    execute(ledger, "DELETE FROM stock_levels WHERE sku = 'CUP-01'")
    execute(
        ledger,
        f"INSERT INTO stock_levels SELECT '{UUID(int=0).hex}', location, 'GHOST', name, unit, "
        "safety_stock, on_hand, version, active, updated_at, position, search_text, scale, floor, "
        "provisional_by FROM stock_levels",
    )
    found = silently(ledger, StockLevels()).differences
    assert (found.missing, found.surplus, found.changed) == (1, 1, 1)
    ((key, *sample),) = found.samples
    assert (UUID(str(key)), *sample) == (tea, "on_hand", 1000, 55)
    assert_read_models_equal_replay(ledger)


def test_rebuild_puts_a_damaged_journal_right(ledger: Ledger, tea: Any) -> None:
    execute(ledger, "DELETE FROM movements WHERE position = 5")
    execute(ledger, "UPDATE movements SET quantity = 99 WHERE position = 7")
    found = silently(ledger, Movements()).differences
    assert (found.missing, found.surplus, found.changed) == (1, 0, 1)
    assert_read_models_equal_replay(ledger)


def test_rebuild_makes_a_table_that_is_gone(ledger: Ledger, tea: Any) -> None:
    execute(ledger, "DROP TABLE movements")
    assert silently(ledger, Movements()).differences.missing == 10
    assert_read_models_equal_replay(ledger)


def test_rebuild_of_an_empty_ledger(ledger: Ledger) -> None:
    assert silently(ledger, StockLevels()).position == 0


def test_rebuild_can_be_repeated(ledger: Ledger, tea: Any, sync: SyncService) -> None:
    for _ in range(3):
        for projection in PROJECTIONS:
            silently(ledger, projection)
        sync.sync([element("INBOUND", tea, 1)], CLERK)
    assert_read_models_equal_replay(ledger)


class Killed(Exception):
    """Simulates the end of the rebuild process, as the database sees it."""


def test_rebuild_that_was_killed_half_way_has_changed_nothing_and_can_be_run_again(
    ledger: Ledger, tea: Any, sync: SyncService, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_at_a_time(monkeypatch, 3)

    def kill(position: int, head: int) -> None:
        if position >= 6:
            raise Killed

    with pytest.raises(Killed):
        rebuild(ledger, StockLevels(), kill)
    assert_read_models_equal_replay(ledger)
    sync.sync([element("INBOUND", tea, 1)], CLERK)
    assert silently(ledger, StockLevels()).differences.total == 0
    assert_read_models_equal_replay(ledger)


def test_rebuild_while_writes_go_on_loses_none_of_them(
    ledger: Ledger, tea: Any, sync: SyncService, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_at_a_time(monkeypatch, 5)
    before = on_hand(ledger, tea)
    stop = Event()
    written = 0
    sizes: list[int] = []

    def write() -> None:
        nonlocal written
        while not stop.is_set() and written < 400:
            sync.sync([element("INBOUND", tea, 1)], CLERK)
            written += 1

    def read() -> None:
        while not stop.is_set():
            levels = ledger.recorder.select_items(ItemFilter(), after=None, limit=10)
            sizes.append(len(levels))

    threads = [Thread(target=write), Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        results = [silently(ledger, projection) for projection in PROJECTIONS for _ in range(4)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert written > 0
    assert set(sizes) == {2}
    assert [result.differences for result in results if result.differences.total] == []
    assert on_hand(ledger, tea) == before + written
    assert_read_models_equal_replay(ledger)


def test_what_a_killed_rebuild_left_behind_is_dropped_by_the_next_server(ledger: Ledger) -> None:
    (first, *_) = PROJECTIONS
    with ledger.recorder.unit_of_work() as unit_of_work:
        unit_of_work.create_table(first.table.replaced())
        unit_of_work.create_table(first.table.shadow())
    with closing(BackgroundUpgrade(ledger)) as upgrade:
        upgrade.start()
        assert upgrade.waits_for is None
    assert not has_leftovers(ledger)
