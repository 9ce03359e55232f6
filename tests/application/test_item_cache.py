"""The item cache: what it may be asked for, and when it must be empty."""

from typing import Any
from uuid import UUID

import pytest

from application.items import ItemService
from application.ledger.item_cache import ItemCache
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.persistence.unit_of_work import LockedLevel
from application.recording.sync import SyncService
from domain.item_details import ItemDetails
from domain.stock_item import StockItem
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import assert_read_models_equal_replay, codes, execute, on_hand


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def item(sku: str) -> StockItem:
    details = ItemDetails(name=sku, unit="pc")
    return StockItem.register("main", sku, details, by=CLERK.actor, recorded_at=Clock().now)


def row(of: StockItem) -> LockedLevel:
    return LockedLevel(of.id, of.version, of.on_hand, of.active)


class TestCache:
    def test_item_is_taken_once(self) -> None:
        cache, tea = ItemCache(), item("TEA")
        cache.put([tea])
        assert cache.take([row(tea)]) == {tea.id: tea}
        assert cache.take([row(tea)]) == {}

    def test_item_has_no_pending_events(self) -> None:
        cache, tea = ItemCache(), item("TEA")
        cache.put([tea])
        assert tea.pending_events == []

    @pytest.mark.parametrize("other", [{"version": 2}, {"on_hand": 1}, {"active": False}])
    def test_changed_item_is_not_taken(self, other: dict[str, Any]) -> None:
        cache, tea = ItemCache(), item("TEA")
        cache.put([tea])
        assert cache.take([row(tea)._replace(**other)]) == {}
        assert cache.take([row(tea)]) == {}

    def test_oldest_items_leave(self) -> None:
        cache, all_items = ItemCache(limit=2), [item(sku) for sku in ("A", "B", "C")]
        cache.put(all_items)
        assert [*cache.take(map(row, all_items))] == [one.id for one in all_items[1:]]


def test_items_of_a_commit_that_fails_are_read_again(
    ledger: Ledger, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = SyncService(ledger)
    sync.sync([element("INBOUND", tea, 5)], CLERK)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("application.recording.sync.results_of", fail)
        with pytest.raises(RuntimeError):
            sync.sync([element("OUTBOUND", tea, 5)], CLERK)
    assert codes(sync.sync([element("OUTBOUND", tea, 5)], CLERK)) == []
    assert on_hand(ledger, tea) == 0
    assert_read_models_equal_replay(ledger)


def test_preview_leaves_nothing_in_the_cache(ledger: Ledger, tea: UUID) -> None:
    sync = SyncService(ledger)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    preview = parse_batch([element("OUTBOUND", tea, 5)])
    for _ in range(2):
        assert sync.preview(preview, CLERK).synced[0].on_hand == 0
    assert on_hand(ledger, tea) == 5


def test_stock_list_that_disagrees_sends_the_decision_back_to_the_events(
    ledger: Ledger, tea: UUID
) -> None:
    sync = SyncService(ledger)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    execute(ledger, "UPDATE stock_levels SET on_hand = 999")
    assert codes(sync.sync([element("OUTBOUND", tea, 6)], CLERK)) == ["INSUFFICIENT_STOCK"]


def test_changes_of_another_process_are_seen(ledger: Ledger, database_url: str, tea: UUID) -> None:
    sync = SyncService(ledger)
    with Ledger(environment(database_url, lock_timeout=30)) as other:
        rival = SyncService(other)
        for _ in range(3):
            sync.sync([element("INBOUND", tea, 2)], CLERK)
            rival.sync([element("OUTBOUND", tea, 2)], CLERK)
        ItemService(other).discontinue(tea, CLERK)
    assert codes(sync.sync([element("INBOUND", tea, 1)], CLERK)) == ["ITEM_DISCONTINUED"]
    assert_read_models_equal_replay(ledger)


def test_lost_database_empties_the_cache(
    ledger: Ledger, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another one when it is back: restored from a backup, or repaired."""
    sync = SyncService(ledger)
    sync.sync([element("INBOUND", tea, 5)], CLERK)

    def fail() -> None:
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(ledger.recorder, "unit_of_work", fail)
        with pytest.raises(StoreUnavailable):
            sync.sync([element("OUTBOUND", tea, 5)], CLERK)
    level = ledger.recorder.select_item(tea)
    assert level is not None
    assert ledger.items.take([LockedLevel(tea, level.version, level.on_hand, level.active)]) == {}
