"""Damaged events: an unreadable event fails only the calls that need it."""

from uuid import UUID

import pytest
from eventsourcing.persistence import MapperDeserialisationError

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.parsing.batch import parse_batch
from application.projections import PROJECTIONS
from application.recording.sync import SyncService
from application.status import StatusService
from domain.errors import LedgerDamaged
from domain.stock_item import item_id
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import codes, execute, on_hand

DAMAGES = {
    "no JSON": "'not JSON at all'",
    "no text": "X'FFFEFD'",
    "cut short": "substr(state, 1, 20)",
    "of another type": "'{\"timestamp\": 5}'",
}
POSTGRES = {
    "no JSON": "'not JSON at all'::bytea",
    "no text": r"'\xFFFEFD'::bytea",
    "cut short": "substr(state, 1, 20)",
    "of another type": "'{\"timestamp\": 5}'::bytea",
}


def damage(ledger: Ledger, how: str, where: str) -> None:
    """Damages events, as the next start of the server finds them: nothing is in memory."""
    ledger.items.clear()
    if "sqlite" in type(ledger.recorder).__module__:
        execute(ledger, f"UPDATE stored_events SET state = CAST({DAMAGES[how]} AS BLOB) {where}")
        return
    with ledger.recorder.datastore.own_connection() as connection:  # type: ignore[attr-defined]
        where = where.replace("rowid", "notification_id")
        connection.execute(f"UPDATE stored_events SET state = {POSTGRES[how]} {where}")


@pytest.mark.parametrize("how", DAMAGES)
def test_batch_with_a_damaged_event_is_decided_element_by_element(
    ledger: Ledger, sync: SyncService, items: ItemService, how: str
) -> None:
    stock = [register(items, f"SKU-{n}") for n in range(5)]
    sent = [element("INBOUND", one, 5) for one in stock for _ in range(2)]
    before = sync.sync(sent, CLERK)
    damaged = before.synced[4]
    damage(ledger, how, f"WHERE rowid = {damaged.position}")
    new = [element("INBOUND", one, 1) for one in stock]
    again = sync.sync([*sent, *new], CLERK)
    assert codes(again) == ["LEDGER_DAMAGED"]
    assert again.failed[0].local_id == damaged.local_id
    assert not again.failed[0].rejection.retryable
    duplicates = [one for one in again.synced if one.status == "duplicate"]
    assert len(duplicates) == 9
    assert len(again.synced) == 14
    assert on_hand(ledger, stock[0]) == 11


@pytest.mark.parametrize("how", DAMAGES)
def test_item_whose_last_event_is_damaged_fails_alone(
    ledger: Ledger, sync: SyncService, items: ItemService, how: str
) -> None:
    tea, cup = register(items, "TEA"), register(items, "CUP")
    last = sync.sync([element("INBOUND", tea, 5), element("INBOUND", cup, 5)], CLERK).synced[0]
    damage(ledger, how, f"WHERE rowid = {last.position}")
    result = sync.sync([element("OUTBOUND", tea, 1), element("OUTBOUND", cup, 1)], CLERK)
    assert codes(result) == ["LEDGER_DAMAGED"]
    assert result.synced[0].on_hand == 4


@pytest.mark.parametrize("how", DAMAGES)
def test_item_that_cannot_be_read_is_neither_registered_nor_described(
    ledger: Ledger, sync: SyncService, items: ItemService, how: str
) -> None:
    tea, cup = register(items, "TEA"), register(items, "CUP")
    last = sync.sync([element("INBOUND", tea, 5)], CLERK).position
    damage(ledger, how, f"WHERE rowid = {last}")
    wanted = [{"location": "main", "sku": sku, "codes": [f"{sku}-1"]} for sku in ("TEA", "NEW")]
    wanted.append({"location": "main", "sku": "CUP"})
    result = sync.submit(parse_batch([], items=wanted), CLERK).result()
    assert [one.status for one in result.items] == ["failed", "registered", "known"]
    assert result.items[0].rejection == LedgerDamaged(tea)
    with pytest.raises(LedgerDamaged):
        items.assign_code(tea, "TEA-1", 1, CLERK)
    with pytest.raises(LedgerDamaged):
        items.discontinue(tea, CLERK)
    assert [one.code for one in ledger.recorder.select_codes([tea, item_id("main", "NEW")])] == [
        "NEW-1"
    ]
    assert items.assign_code(cup, "TEA-1", 1, CLERK)[1]


def test_late_movement_whose_history_is_damaged_fails_alone(
    ledger: Ledger, sync: SyncService, items: ItemService, clock: Clock
) -> None:
    tea = register(items)
    moment = clock.now.isoformat()
    first = sync.sync([element("INBOUND", tea, 5)], CLERK).synced[0]
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    damage(ledger, "no JSON", f"WHERE rowid = {first.position}")
    result = sync.sync(
        [element("COUNT", tea, 5, occurredAt=moment), element("INBOUND", tea, 1)], CLERK
    )
    assert codes(result) == ["LEDGER_DAMAGED"]
    assert result.synced[0].on_hand == 11


def test_status_tells_of_the_others(ledger: Ledger, sync: SyncService, items: ItemService) -> None:
    sent = [element("INBOUND", register(items), 1) for _ in range(9)]
    damaged = sync.sync(sent, CLERK).synced[3]
    damage(ledger, "no JSON", f"WHERE rowid = {damaged.position}")
    ids = [UUID(one["localId"]) for one in sent]
    statuses = StatusService(ledger).statuses(ids, CLERK)
    assert [one is None for one in statuses] == [n == 3 for n in range(9)]


def test_rebuild_says_which_event_it_is(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    tea = register(items)
    position = sync.sync([element("INBOUND", tea, 1)], CLERK).position
    damage(ledger, "no JSON", f"WHERE rowid = {position}")
    with pytest.raises(MapperDeserialisationError, match=rf"event 2 of item {tea}"):
        rebuild(ledger, PROJECTIONS[1], lambda *_: None)
