"""Labels from older versions, not normalised, are read in normal form and keep their item ids."""

import logging
from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.maintenance.upgrade import warn_of_items_alike
from application.persistence.filters import ItemFilter
from application.projections import PROJECTIONS
from application.recording.sync import SyncService
from application.tables.access import ApiKey
from domain import events
from domain.stock_item import NAMESPACE, StockItem
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import assert_read_models_equal_replay, on_hand

TYPED, KEPT = "Zu\u0308rich", "Z\u00fcrich"


@pytest.fixture
def old(ledger: Ledger) -> UUID:
    """An item registered by an older version, which did not normalise labels."""
    item = StockItem._create(
        events.ItemRegistered,
        id=uuid5(NAMESPACE, f"{TYPED}\x1fTEA"),
        timestamp=datetime(2026, 1, 8, tzinfo=UTC),
        location=TYPED,
        sku="TEA",
        name="Tea",
        unit="box",
        safety_stock=0,
        on_hand=0,
        actor="somebody",
    )
    with ledger.recorder.unit_of_work() as unit_of_work:
        (event,) = item.collect_events()
        assert isinstance(event, events.ItemRegistered)
        assert TYPED.encode() in ledger.mapper.to_stored_event(event).state
        ledger.append(unit_of_work, [event])
    for projection in PROJECTIONS:
        rebuild(ledger, projection, lambda *_: None)
    return item.id


def test_older_item_keeps_its_id_and_is_found_in_the_kept_form(
    ledger: Ledger, sync: SyncService, old: UUID
) -> None:
    (level,) = ledger.recorder.select_items(
        ItemFilter(locations=frozenset({KEPT})), after=None, limit=10
    )
    assert (level.item_id, level.location) == (old, KEPT)
    assert sync.sync([element("INBOUND", old, 5)], CLERK).synced[0].on_hand == 5
    assert_read_models_equal_replay(ledger)


def test_items_alike_are_both_listed_and_named_at_the_start(
    ledger: Ledger, items: ItemService, old: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    others = [register(items, sku, KEPT) for sku in ("CUP", "TEA", "ZZZ")]
    listed, after = [], None
    while page := ledger.recorder.select_items(
        ItemFilter(locations=frozenset({KEPT})), after=after, limit=1
    ):
        listed += [level.item_id for level in page]
        after = (page[-1].location, page[-1].sku, page[-1].item_id)
    assert sorted(listed) == sorted([old, *others])
    assert len(ledger.recorder.select_items(ItemFilter(), after=after, limit=9)) == 0
    with caplog.at_level(logging.WARNING, "stockledger"):
        warn_of_items_alike(ledger)
    named = {record.getMessage().split()[1] for record in caplog.records}
    assert named == {str(old), str(others[1])}
    assert on_hand(ledger, old) == 0


def test_keys_locations_are_read_in_the_kept_form() -> None:
    now = datetime(2026, 1, 8, tzinfo=UTC)
    names = f'["{TYPED}", "main"]'
    key = ApiKey("id", "digest", "name", "device", names, now, "boss", None, None)
    assert key.locations == [KEPT, "main"]
