"""Persistence: promises of every database adapter."""

from pathlib import Path
from uuid import uuid4

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import REBUILD
from application.persistence import environment
from application.persistence.errors import (
    AlreadyRunning,
    StoreUnavailable,
    UnsupportedDatabase,
    WriteConflict,
)
from application.persistence.filters import ItemFilter, MovementFilter
from application.recording.sync import SyncService
from domain.actor import Actor
from domain.stock_item import StockItem
from tests.support.aggregates import load, movement_of
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay, execute
from tests.support.scenario import DETAILS, NOON


def test_events_are_read_in_order_behind_a_position_all_or_of_some_topics(
    ledger: Ledger, items: ItemService, sync: SyncService
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 3), element("OUTBOUND", tea, 1)], CLERK)
    register(items, "CUP-01")
    recorder = ledger.recorder
    everything = recorder.select_notifications(1, 10)
    assert [found.id for found in everything] == [1, 2, 3, 4]
    assert recorder.select_events_after(0, 10) == everything
    assert recorder.select_events_after(1, 2) == everything[1:3]
    assert recorder.select_events_after(4, 10) == []
    some = ["ItemRegistered", "OutboundRecorded"]
    assert [found.id for found in recorder.select_events_after(0, 10, some)] == [1, 3, 4]
    assert [found.id for found in recorder.select_events_after(1, 1, some)] == [3]


def test_taken_version_is_a_lost_race_that_names_its_item(
    ledger: Ledger, items: ItemService
) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    mine, theirs, other = load(ledger, tea), load(ledger, tea), load(ledger, cup)
    with ledger.recorder.unit_of_work() as unit_of_work:
        ledger.append(unit_of_work, [movement_of(theirs, uuid4())])
    with pytest.raises(WriteConflict) as lost, ledger.recorder.unit_of_work() as unit_of_work:
        ledger.append(unit_of_work, [movement_of(other, uuid4()), movement_of(mine, uuid4())])
    assert lost.value.item_ids == {tea}
    assert len(all_events(ledger)) == 3
    assert_read_models_equal_replay(ledger)


def test_taken_local_id_is_a_lost_race_that_names_its_item(
    ledger: Ledger, items: ItemService
) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    key = uuid4()
    tea_item, cup_item = load(ledger, tea), load(ledger, cup)
    with ledger.recorder.unit_of_work() as unit_of_work:
        ledger.append(unit_of_work, [movement_of(tea_item, key)])
    with pytest.raises(WriteConflict) as lost, ledger.recorder.unit_of_work() as unit_of_work:
        ledger.append(unit_of_work, [movement_of(cup_item, key)])
    assert lost.value.item_ids == {cup}


def test_unit_of_work_that_fails_leaves_nothing(ledger: Ledger, items: ItemService) -> None:
    event = movement_of(load(ledger, register(items)), uuid4())

    def fail_after_appending() -> None:
        with ledger.recorder.unit_of_work() as unit_of_work:
            ledger.append(unit_of_work, [event])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_appending()
    assert len(all_events(ledger)) == 1
    assert_read_models_equal_replay(ledger)


def test_the_librarys_own_save_writes_the_read_models_too(ledger: Ledger) -> None:
    item = StockItem.register("main", "TEA-250", DETAILS, by=Actor("manager"), recorded_at=NOON)
    key = uuid4()
    movement_of(item, key)
    recordings = ledger.save(item)
    assert [recording.notification.id for recording in recordings] == [1, 2]
    assert_read_models_equal_replay(ledger)
    again = StockItem.register("main", "CUP-01", DETAILS, by=Actor("manager"), recorded_at=NOON)
    movement_of(again, key)
    with pytest.raises(WriteConflict):
        ledger.save(again)


def test_nothing_is_taken_from_the_process_environment(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_PERSISTENCE_MODULE", "eventsourcing.popo")
    monkeypatch.setenv("CIPHER_KEY", "nonsense")
    with Ledger(environment(database_url, lock_timeout=1)) as ledger:
        assert ledger.recorder.head() == 0


@pytest.mark.parametrize(
    "url", ["", "ledger.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/db"]
)
def test_unsupported_database_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedDatabase):
        environment(url, lock_timeout=1)


def test_unreachable_database_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Ledger(environment(f"sqlite:///{tmp_path}/no/such/folder/l.db", lock_timeout=1))


def test_only_one_rebuild_works_at_a_time(ledger: Ledger) -> None:
    with (
        ledger.recorder.exclusive(REBUILD),
        pytest.raises(AlreadyRunning),
        ledger.recorder.exclusive(REBUILD),
    ):
        pass
    with ledger.recorder.exclusive(REBUILD):
        pass


class TestDamagedReadModels:
    """Damaged read models do not change decisions."""

    @pytest.mark.parametrize(
        "damage",
        [
            "DELETE FROM stock_levels",
            "UPDATE stock_levels SET on_hand = 1000",
            "UPDATE stock_levels SET version = 1",
            "UPDATE stock_levels SET active = NOT active",
        ],
    )
    def test_decisions_come_from_the_events(
        self, ledger: Ledger, sync: SyncService, items: ItemService, damage: str
    ) -> None:
        tea = register(items)
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        execute(ledger, damage)
        result = sync.sync([element("OUTBOUND", tea, 6), element("OUTBOUND", tea, 2)], CLERK)
        assert [f.rejection.details["on_hand"] for f in result.failed] == [5]
        assert [(s.on_hand, s.version) for s in result.synced] == [(3, 3)]


class TestLists:
    def test_stock_list_pages_by_location_and_sku(self, ledger: Ledger, items: ItemService) -> None:
        for location in ["main", "annex"]:
            for sku in ["B", "A", "C"]:
                register(items, sku, location)
        first = ledger.recorder.select_items(ItemFilter(), after=None, limit=4)
        last = first[-1]
        rest = ledger.recorder.select_items(
            ItemFilter(), after=(last.location, last.sku, last.item_id), limit=4
        )
        assert [(level.location, level.sku) for level in [*first, *rest]] == [
            ("annex", "A"),
            ("annex", "B"),
            ("annex", "C"),
            ("main", "A"),
            ("main", "B"),
            ("main", "C"),
        ]

    def test_stock_list_filters(
        self, ledger: Ledger, sync: SyncService, items: ItemService
    ) -> None:
        tea = register(items, "TEA-250")
        register(items, "TEA_2%0", "annex")
        sync.sync([element("INBOUND", tea, 5)], CLERK)

        def skus(wanted: ItemFilter) -> list[str]:
            found = ledger.recorder.select_items(wanted, after=None, limit=10)
            return [level.sku for level in found]

        assert skus(ItemFilter(locations=frozenset({"main"}))) == ["TEA-250"]
        assert skus(ItemFilter(sku="TEA-250")) == ["TEA-250"]
        assert skus(ItemFilter(text="tea")) == ["TEA_2%0", "TEA-250"]
        assert skus(ItemFilter(text="name of tea-2")) == ["TEA-250"]
        assert skus(ItemFilter(text="_2%")) == ["TEA_2%0"]
        assert skus(ItemFilter(below_safety_stock=True)) == ["TEA_2%0"]
        assert skus(ItemFilter(locations=frozenset({"main"}), below_safety_stock=True)) == []

    def test_journal_filters_and_pages_the_newest_first(
        self, ledger: Ledger, sync: SyncService, items: ItemService
    ) -> None:
        tea, cup = register(items), register(items, "CUP-01", "annex")
        for quantity in [1, 2]:
            sync.sync([element("INBOUND", tea, quantity, device="scanner-7")], CLERK)
        sync.sync([element("COUNT", cup, 7)], CLERK)

        def quantities(wanted: MovementFilter, before: int | None = None) -> list[int]:
            found = ledger.recorder.select_movements(wanted, before=before, limit=2)
            return [movement.quantity for movement in found]

        everything = ledger.recorder.select_movements(MovementFilter(), before=None, limit=10)
        assert [m.position for m in everything] == [5, 4, 3]
        assert quantities(MovementFilter()) == [7, 2]
        assert quantities(MovementFilter(), before=4) == [1]
        assert quantities(MovementFilter(item_id=tea)) == [2, 1]
        assert quantities(MovementFilter(locations=frozenset({"annex"}))) == [7]
        assert quantities(MovementFilter(type="COUNT")) == [7]
        assert quantities(MovementFilter(device="scanner-7")) == [2, 1]
        assert quantities(MovementFilter(actor="nobody")) == []
        second = everything[1].recorded_at
        assert quantities(MovementFilter(recorded_from=second)) == [7, 2]
        assert quantities(MovementFilter(recorded_to=second)) == [1]
