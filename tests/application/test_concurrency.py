"""Concurrency: many threads on one ledger."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence.filters import RejectedFilter
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from domain.stock_item import item_id
from tests.support.builders import CLERK, element, register, void_of
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


def test_no_refusal_misses_what_admits_it(ledger: Ledger) -> None:
    """Movements arrive, in both directions, while their items are registered."""

    def shop(number: int) -> UUID:
        sku = f"SKU-{number}"
        new = item_id("main", sku)
        goods = [
            element("OUTBOUND", new, 2),
            element("INBOUND", new, 1),
            element("INBOUND", new, 1),
        ]
        work: list[Callable[[], Any]] = [
            lambda: register(ItemService(ledger), sku),
            *(partial(SyncService(ledger).sync, [one], CLERK) for one in goods),
            partial(SyncService(ledger).sync, [void_of(goods[0])], CLERK),
        ]
        with ThreadPoolExecutor(len(work)) as pool:
            for done in [pool.submit(one) for one in work]:
                done.result(30)
        return new

    ids = [shop(number) for number in range(15)]
    assert [on_hand(ledger, one) for one in ids] == [2] * len(ids)
    rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=1_000)
    assert {row.status for row in rows} <= {"resolved", "dismissed"}
    assert_read_models_equal_replay(ledger)


def test_refused_sales_are_recorded_once_by_deliveries_at_once(
    ledger: Ledger, items: ItemService
) -> None:
    ids = [register(items, f"SKU-{n}") for n in range(3)]
    SyncService(ledger).sync([element("OUTBOUND", one, 1) for one in ids for _ in range(20)], CLERK)

    def deliver(_: int) -> None:
        SyncService(ledger).sync([element("INBOUND", one, 2) for one in ids], CLERK)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(10)))
    assert [on_hand(ledger, one) for one in ids] == [0] * 3
    rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=1_000)
    assert {row.status for row in rows} == {"resolved"}
    assert_read_models_equal_replay(ledger)
