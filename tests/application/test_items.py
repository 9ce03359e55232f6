"""Items: register, change, discontinue, reactivate, and read past versions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from domain.errors import Invalid, ItemDiffers, UnknownItem, UnknownVersion
from domain.item_details import ItemDetails
from tests.support.builders import CLERK, Clock, element, register, registration
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay

DETAILS = ItemDetails(name="Green tea", unit="box", safety_stock=5)


def test_registering_twice_meets_the_same_item(items: ItemService, ledger: Ledger) -> None:
    first, is_new = items.register(registration("main", "TEA-250", DETAILS), CLERK)
    assert is_new
    second, is_new = items.register(registration("main", "TEA-250", DETAILS), CLERK)
    assert not is_new
    assert second.id == first.id
    assert len(all_events(ledger)) == 1


def test_registering_with_other_details_is_refused(items: ItemService) -> None:
    item, _ = items.register(registration("main", "TEA-250", DETAILS), CLERK)
    with pytest.raises(ItemDiffers) as refused:
        items.register(registration("main", "TEA-250", replace(DETAILS, unit="tin")), CLERK)
    assert refused.value == ItemDiffers(item.id, **item.shown_details)


def test_life_cycle_is_in_the_read_models(items: ItemService, ledger: Ledger) -> None:
    tea = register(items)
    items.change_details(tea, lambda details: replace(details, name="Black tea"), CLERK)
    items.discontinue(tea, CLERK)
    items.discontinue(tea, CLERK)
    level = ledger.recorder.select_item(tea)
    assert level is not None
    assert (level.name, level.active, level.version) == ("Black tea", False, 3)
    items.reactivate(tea, CLERK)
    assert_read_models_equal_replay(ledger)


def test_details_out_of_bounds_change_nothing(items: ItemService, ledger: Ledger) -> None:
    tea = register(items)
    with pytest.raises(Invalid, match="name"):
        items.change_details(tea, lambda details: replace(details, name=""), CLERK)
    assert len(all_events(ledger)) == 1


def test_unknown_item_can_not_be_changed_or_looked_at(items: ItemService, clock: Clock) -> None:
    nobody = uuid4()
    calls: list[Callable[[], object]] = [
        lambda: items.discontinue(nobody, CLERK),
        lambda: items.reactivate(nobody, CLERK),
        lambda: items.change_details(nobody, lambda details: details, CLERK),
        lambda: items.at_version(nobody, 1, CLERK),
        lambda: items.as_of(nobody, clock.now, CLERK),
    ]
    for call in calls:
        with pytest.raises(UnknownItem):
            call()


def test_item_as_it_was(
    items: ItemService, sync: SyncService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.items.EVENTS_PER_REPLAY_READ", 2)
    before = clock.now
    tea = register(items)
    times = [clock.now]
    for quantity in [5, 10, 20, 40]:
        sync.sync([element("INBOUND", tea, quantity)], CLERK)
        times.append(clock.now)

    for version, on_hand in enumerate([0, 5, 15, 35, 75], start=1):
        assert items.at_version(tea, version, CLERK).on_hand == on_hand
        assert items.as_of(tea, times[version - 1], CLERK).version == version
        half_a_second = timedelta(milliseconds=500)
        assert items.as_of(tea, times[version - 1] + half_a_second, CLERK).on_hand == on_hand
    with pytest.raises(UnknownVersion):
        items.at_version(tea, 6, CLERK)
    with pytest.raises(UnknownVersion):
        items.as_of(tea, before, CLERK)
