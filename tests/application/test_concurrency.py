"""Concurrency: many threads on one ledger."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay, on_hand


def test_same_batch_from_many_connections_is_recorded_once(
    ledger: Ledger, items: ItemService
) -> None:
    ids = [register(items, f"SKU-{n}") for n in range(5)]
    batch = [element("INBOUND", item_id, n) for item_id in ids for n in range(1, 5)]

    def send(_: int) -> SyncResult:
        return SyncService(ledger).sync(batch, CLERK)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(send, range(8)))

    answers = [
        [(s.local_id, s.on_hand, s.version, s.position, s.synced_at) for s in result.synced]
        for result in results
    ]
    assert all(answer == answers[0] for answer in answers)
    statuses = Counter(s.status for result in results for s in result.synced)
    assert statuses == {"recorded": len(batch), "duplicate": 7 * len(batch)}
    assert [on_hand(ledger, item_id) for item_id in ids] == [10] * 5
    assert_read_models_equal_replay(ledger)


def test_last_units_are_sold_once(ledger: Ledger, items: ItemService) -> None:
    tea = register(items)
    SyncService(ledger).sync([element("INBOUND", tea, 10)], CLERK)

    def sell(_: int) -> SyncResult:
        return SyncService(ledger).sync([element("OUTBOUND", tea, 1)], CLERK)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(sell, range(30)))

    assert sum(len(result.synced) for result in results) == 10
    refused: list[Any] = [f.rejection.code for result in results for f in result.failed]
    assert refused == ["INSUFFICIENT_STOCK"] * 20
    assert on_hand(ledger, tea) == 0
    assert_read_models_equal_replay(ledger)


def test_item_is_registered_once(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: register(ItemService(ledger)), range(16)))
    assert len(set(ids)) == 1
    assert len(all_events(ledger)) == 1
