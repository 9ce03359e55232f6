"""VOID, corrected stock-takes and returns: mistakes are undone where they were made."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from domain.events import Voided
from domain.transaction import void_id
from tests.support.access import caller
from tests.support.builders import CLERK, DAY, Clock, at, element, local_id_of, register, void_of
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    codes,
    on_hand,
    only_failure,
)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = DAY + timedelta(hours=20)
    return clock


@pytest.fixture
def sync(ledger: Ledger, clock: Clock) -> SyncService:
    return SyncService(ledger, clock)


@pytest.fixture
def items(ledger: Ledger) -> ItemService:
    return ItemService(ledger, lambda: DAY)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def statuses(sync: SyncService, *batch: dict[str, Any], by: Principal = CLERK) -> list[str]:
    result = sync.sync(batch, by)
    assert not result.failed
    return [one.status for one in result.synced]


def test_void_takes_back_what_never_happened(sync: SyncService, ledger: Ledger, tea: UUID) -> None:
    sale = element("OUTBOUND", tea, 4, **at(9))
    statuses(sync, element("INBOUND", tea, 10, **at(8)), sale)
    assert statuses(sync, void_of(sale, note="wrong item")) == ["recorded"]
    assert on_hand(ledger, tea) == 10
    voided = all_events(ledger)[-1].event
    assert isinstance(voided, Voided)
    assert (voided.delta, voided.voids, voided.note) == (4, local_id_of(sale), "wrong item")
    assert voided.happened_at == DAY + timedelta(hours=9)
    assert_read_models_equal_replay(ledger)


def test_transaction_is_voided_once_by_whomever(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 4)
    statuses(sync, element("INBOUND", tea, 10), sale, void_of(sale))
    again = void_of(sale, note="also me", **at(3)) | {"quantity": 4}
    assert statuses(sync, again) == ["duplicate"]
    assert on_hand(ledger, tea) == 10


def test_count_behind_the_original_has_seen_the_truth(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    delivery = element("INBOUND", tea, 10, **at(8))
    statuses(sync, delivery, element("COUNT", tea, 3, **at(9)))
    assert statuses(sync, void_of(delivery)) == ["recorded"]
    assert on_hand(ledger, tea) == 3


def test_void_stands_right_behind_its_original_among_equal_moments(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    """At its own place, behind the count, it would leave -1."""
    delivery = element("INBOUND", tea, 1, **at(1))
    statuses(sync, delivery, element("COUNT", tea, 0, **at(1)), void_of(delivery))
    assert on_hand(ledger, tea) == 0


def test_void_is_exempt_from_the_floor(sync: SyncService, ledger: Ledger, tea: UUID) -> None:
    delivery = element("INBOUND", tea, 5)
    statuses(sync, delivery, element("OUTBOUND", tea, 4), void_of(delivery))
    assert on_hand(ledger, tea) == -4


def test_late_count_does_not_see_what_was_voided(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 2, **at(9))
    statuses(sync, element("INBOUND", tea, 10, **at(8)), sale, void_of(sale))
    (count,) = sync.sync([element("COUNT", tea, 9, **at(10))], CLERK).synced
    assert count.count is not None
    assert (count.count.expected, count.on_hand) == (10, 9)


def test_corrected_count_takes_the_place_of_the_mistaken_one(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    mistaken = element("COUNT", tea, 71, **at(9))
    statuses(sync, mistaken, element("OUTBOUND", tea, 1, **at(9)))
    corrected = element("COUNT", tea, 17, corrects=mistaken["localId"], **at(9.1))
    assert statuses(sync, corrected, corrected) == ["recorded", "duplicate"]
    assert on_hand(ledger, tea) == 16


def test_correction_can_be_corrected(sync: SyncService, ledger: Ledger, tea: UUID) -> None:
    first = element("COUNT", tea, 71)
    second = element("COUNT", tea, 17, corrects=first["localId"])
    third = element("COUNT", tea, 18, corrects=second["localId"])
    statuses(sync, first, element("OUTBOUND", tea, 1), second, third)
    assert on_hand(ledger, tea) == 17


def test_goods_that_came_back_are_goods_in_at_their_own_time(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 2, **at(9))
    back = element("INBOUND", tea, 1, returns=sale["localId"], reason="customer-return", **at(10))
    statuses(sync, element("INBOUND", tea, 2, **at(8)), sale, back)
    assert on_hand(ledger, tea) == 1
    assert all_events(ledger)[-1].event.returns == local_id_of(sale)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"localId": str(uuid4())}, "localId"),
        ({"voids": None}, "voids"),
        ({"voids": "sale"}, "voids"),
        ({"type": "OUTBOUND", "quantity": 1}, "voids"),
    ],
)
def test_malformed_void_is_invalid(
    sync: SyncService, tea: UUID, wrong: dict[str, Any], field: str
) -> None:
    sale = element("OUTBOUND", tea, 1)
    rejection = only_failure(sync.sync([void_of(sale) | wrong], CLERK)).rejection
    assert (rejection.code, rejection.details["field"]) == ("INVALID", field)


@pytest.mark.parametrize("type", ["COUNT", "VOID"])
def test_counts_and_voids_cannot_be_voided(sync: SyncService, tea: UUID, type: str) -> None:
    delivery = element("INBOUND", tea, 5)
    sent = void_of(delivery) if type == "VOID" else element("COUNT", tea, 5)
    statuses(sync, delivery, sent)
    assert only_failure(sync.sync([void_of(sent)], CLERK)).rejection.details["field"] == "voids"


def test_void_of_another_item_is_invalid(sync: SyncService, items: ItemService, tea: UUID) -> None:
    cup = register(items, "CUP")
    delivery = element("INBOUND", tea, 5)
    statuses(sync, delivery)
    wrong = void_of(delivery) | {"itemId": str(cup)}
    assert only_failure(sync.sync([wrong], CLERK)).rejection.details["field"] == "voids"


def test_correction_of_what_is_no_count_is_invalid(sync: SyncService, tea: UUID) -> None:
    delivery = element("INBOUND", tea, 5)
    statuses(sync, delivery)
    for wrong in (
        element("COUNT", tea, 5, corrects=delivery["localId"]),
        element("INBOUND", tea, 5, corrects=delivery["localId"]),
    ):
        assert only_failure(sync.sync([wrong], CLERK)).rejection.details["field"] == "corrects"


def test_void_has_ninety_days(sync: SyncService, clock: Clock, tea: UUID) -> None:
    early, late = element("INBOUND", tea, 5), element("INBOUND", tea, 6)
    statuses(sync, early, late)
    clock.now += timedelta(days=90, seconds=-2)
    statuses(sync, void_of(early))
    clock.now += timedelta(seconds=2)
    assert only_failure(sync.sync([void_of(late)], CLERK)).rejection.details["field"] == "voids"


def test_device_voids_what_its_key_recorded_and_a_manager_anything(
    sync: SyncService, tea: UUID
) -> None:
    device, other = (
        caller(Role.DEVICE, "main", key_id="k1"),
        caller(Role.CLERK, "main", key_id="k2"),
    )
    sales = [element("INBOUND", tea, n) for n in (1, 2)]
    statuses(sync, *sales, by=device)
    refused = sync.sync([void_of(sales[0])], other)
    assert codes(refused) == ["FORBIDDEN"]
    statuses(sync, void_of(sales[0]), by=device)
    statuses(sync, void_of(sales[1]), by=caller(Role.MANAGER, "main", key_id="k3"))


def test_key_voids_what_the_key_before_it_recorded(sync: SyncService, tea: UUID) -> None:
    before = caller(Role.DEVICE, "main", key_id="k1")
    delivery = element("INBOUND", tea, 1)
    statuses(sync, delivery, by=before)
    rotated = caller(Role.DEVICE, "main", key_id="k2", former_key_id="k1")
    assert statuses(sync, void_of(delivery), by=rotated) == ["recorded"]


def test_void_of_what_is_not_recorded_is_kept(sync: SyncService, tea: UUID) -> None:
    rejection = only_failure(sync.sync([void_of(element("INBOUND", tea, 5))], CLERK)).rejection
    assert rejection.code == "UNKNOWN_TRANSACTION"


def test_id_of_a_void_is_fixed_for_ever() -> None:
    """A test vector of docs/sync.md."""
    sale = UUID("a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02")
    assert void_id(sale) == UUID("57239ae6-ee44-56b0-9e66-b03392d329d2")
