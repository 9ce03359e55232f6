"""Sync of a batch: each transaction once, and only broken invariants are refused."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence.filters import MovementFilter
from application.recording.sync import SyncService
from domain.errors import InsufficientStock, UnknownItem
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    on_hand,
    only_failure,
)


def test_sync_batch_success(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    batch = [
        element("INBOUND", tea, 24),
        element("INBOUND", cup, 10),
        element("OUTBOUND", tea, 3),
        element("ADJUST", cup, -1),
        element("COUNT", tea, 20),
    ]

    result = sync.sync(batch, CLERK)

    assert not result.failed
    assert [s.index for s in result.synced] == [0, 1, 2, 3, 4]
    assert {s.status for s in result.synced} == {"recorded"}
    assert [s.on_hand for s in result.synced] == [24, 10, 21, 9, 20]
    assert [s.version for s in result.synced] == [2, 2, 3, 3, 4]
    assert [s.position for s in result.synced] == [3, 4, 5, 6, 7]
    assert result.position == 7
    assert (on_hand(ledger, tea), on_hand(ledger, cup)) == (20, 9)
    assert_read_models_equal_replay(ledger)


def test_sync_duplicate_ignore(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    tea = register(items)
    batch = [element("INBOUND", tea, 24), element("OUTBOUND", tea, 3)]

    first, second = sync.sync(batch, CLERK), sync.sync(batch, CLERK)

    assert not second.failed
    assert {s.status for s in second.synced} == {"duplicate"}
    for before, after in zip(first.synced, second.synced, strict=True):
        assert (after.version, after.on_hand, after.position, after.synced_at) == (
            before.version,
            before.on_hand,
            before.position,
            before.synced_at,
        )
    assert second.position == first.position
    assert len(all_events(ledger)) == 1 + len(batch)
    assert on_hand(ledger, tea) == 21


def test_sync_partial_fail(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    tea, cup = register(items), register(items, "CUP-01")
    batch = [
        element("INBOUND", tea, 5),
        element("OUTBOUND", cup, 1),
        element("OUTBOUND", tea, 2),
    ]

    result = sync.sync(batch, CLERK)

    assert [s.index for s in result.synced] == [0, 2]
    (failed,) = result.failed
    assert failed.index == 1
    assert failed.rejection == InsufficientStock(on_hand=0, requested=1)
    assert (on_hand(ledger, tea), on_hand(ledger, cup)) == (3, 0)


def test_rejected_transaction_changes_nothing_for_those_behind_it(
    sync: SyncService, items: ItemService
) -> None:
    tea = register(items)
    batch = [
        element("INBOUND", tea, 5),
        element("OUTBOUND", tea, 6),
        element("OUTBOUND", tea, 5),
        element("OUTBOUND", tea, 1),
    ]
    result = sync.sync(batch, CLERK)
    assert [s.index for s in result.synced] == [0, 2]
    assert [f.index for f in result.failed] == [1, 3]


def test_batch_may_hold_nothing(sync: SyncService, items: ItemService) -> None:
    register(items)
    result = sync.sync([], CLERK)
    assert (result.synced, result.failed, result.position) == ([], [], 1)


def test_caller_is_recorded(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    sync.sync([element("INBOUND", register(items), 5)], CLERK)
    (movement,) = ledger.recorder.select_movements(MovementFilter(), before=None, limit=10)
    assert movement.actor == "clerk"


def test_unknown_item_is_refused(sync: SyncService) -> None:
    nobody = uuid4()
    failed = only_failure(sync.sync([element("INBOUND", nobody, 1)], CLERK))
    assert failed.rejection == UnknownItem(nobody)


GOOD = {"localId": str(UUID(int=7)), "type": "INBOUND", "itemId": str(UUID(int=8)), "quantity": 1}

MALFORMED: list[tuple[Any, str]] = [
    (None, "transaction"),
    ([], "transaction"),
    ([GOOD], "transaction"),
    ("INBOUND", "transaction"),
    (7, "transaction"),
    (True, "transaction"),
    ({}, "localId"),
    (GOOD | {"localId": None}, "localId"),
    (GOOD | {"localId": "not-a-uuid"}, "localId"),
    (GOOD | {"localId": 7}, "localId"),
    (GOOD | {"type": "x" * 33}, "type"),
    (GOOD | {"type": "to steal"}, "type"),
    (GOOD | {"type": ""}, "type"),
    (GOOD | {"type": None}, "type"),
    (GOOD | {"type": []}, "type"),
    (GOOD | {"itemId": "7"}, "itemId"),
    (GOOD | {"itemId": {}}, "itemId"),
    ({name: GOOD[name] for name in ("localId", "type", "itemId")}, "quantity"),
    (GOOD | {"quantity": "1.x"}, "quantity"),
    (GOOD | {"quantity": 0.0000001}, "quantity"),
    (GOOD | {"quantity": "1_000"}, "quantity"),
    (GOOD | {"quantity": "\u0661"}, "quantity"),
    (GOOD | {"quantity": "NaN"}, "quantity"),
    (GOOD | {"quantity": "1e999"}, "quantity"),
    (GOOD | {"quantity": True}, "quantity"),
    (GOOD | {"quantity": None}, "quantity"),
    (GOOD | {"quantity": -1}, "quantity"),
    (GOOD | {"quantity": 0}, "quantity"),
    (GOOD | {"quantity": 2**53}, "quantity"),
    (GOOD | {"quantity": 10**400}, "quantity"),
    (GOOD | {"quantity": float("inf")}, "quantity"),
    (GOOD | {"quantity": float("nan")}, "quantity"),
    (GOOD | {"type": "ADJUST", "quantity": 0}, "quantity"),
    (GOOD | {"note": "\ud800"}, "note"),
    (GOOD | {"note": "a\0b"}, "note"),
    (GOOD | {"note": ["\ud800"]}, "note"),
    (GOOD | {"device": float("nan")}, "device"),
    (GOOD | {"occurredAt": "\ud800"}, "occurredAt"),
    (GOOD | {"occurredAt": "yester\0day"}, "occurredAt"),
    (GOOD | {"age": float("nan")}, "age"),
    (GOOD | {"colour": float("inf")}, "colour"),
    (GOOD | {"localId": str(UUID(int=0))}, "localId"),
    (GOOD | {"localId": str(UUID(int=2**128 - 1)).upper()}, "localId"),
    (GOOD | {"local_id": str(UUID(int=9))}, "localId"),
    (GOOD | {"requires": 7}, "requires"),
    (GOOD | {"type": "COUNT", "occurredAt": "2026-01-08T09:14:03"}, "occurredAt"),
    (GOOD | {"type": "COUNT", "occuredAt": "2026-01-08T09:14:03Z"}, "occuredAt"),
]


@pytest.mark.parametrize(("malformed", "field"), MALFORMED)
def test_malformed_element_fails_alone_and_names_its_field(
    sync: SyncService, items: ItemService, ledger: Ledger, malformed: Any, field: str
) -> None:
    tea = register(items)
    result = sync.sync([malformed, element("INBOUND", tea, 5)], CLERK)
    (failed,) = result.failed
    assert (failed.index, failed.rejection.code) == (0, "INVALID")
    assert failed.rejection.details["field"] == field
    assert len(str(failed.rejection.details["problem"])) < 300
    assert [s.index for s in result.synced] == [1]
    assert on_hand(ledger, tea) == 5


def test_malformed_element_is_named_by_its_ids_where_they_can_be_read(sync: SyncService) -> None:
    failed = only_failure(sync.sync([GOOD | {"quantity": -1}], CLERK))
    assert (failed.local_id, failed.item_id) == (UUID(int=7), UUID(int=8))
    failed = only_failure(sync.sync([{"local_id": str(UUID(int=7)), "itemId": 3}], CLERK))
    assert (failed.local_id, failed.item_id) == (UUID(int=7), None)


def test_snake_case_is_understood(sync: SyncService, items: ItemService, ledger: Ledger) -> None:
    tea = register(items)
    batch = [
        {
            "local_id": str(uuid4()),
            "type": "INBOUND",
            "item_id": str(tea),
            "quantity": 5,
            "occurred_at": "2026-01-08T09:14:03+09:00",
        }
    ]
    assert not sync.sync(batch, CLERK).failed
    (movement,) = ledger.recorder.select_movements(MovementFilter(), before=None, limit=10)
    assert movement.occurred_at is not None
    assert movement.occurred_at.isoformat() == "2026-01-08T00:14:03+00:00"


def test_fields_of_newer_devices_are_ignored(sync: SyncService, items: ItemService) -> None:
    batch = [element("INBOUND", register(items), 5, colour="red")]
    assert not sync.sync(batch, CLERK).failed
