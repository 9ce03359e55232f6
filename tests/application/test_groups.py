"""Groups: what belongs together is recorded together, or not at all."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.audit import AuditTrail, Origin
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence.filters import RejectedFilter
from application.recording.decide import MAX_GROUP_SIZE
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.retries import Correction, RetryOptions
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.review import ReviewService
from domain.actor import Actor
from domain.errors import Invalid
from tests.support.builders import CLERK, Clock, element, local_id_of, register, void_of
from tests.support.ledger_checks import assert_read_models_equal_replay, on_hand

MANAGER = Principal(Actor("manager"), Role.MANAGER, frozenset({"main"}))
MORNING = datetime(2026, 1, 8, 7, tzinfo=UTC)
GROUP = str(UUID(int=7, version=4))


@pytest.fixture
def sync(ledger: Ledger) -> SyncService:
    return SyncService(ledger, Clock())


@pytest.fixture
def review(ledger: Ledger, sync: SyncService) -> ReviewService:
    recorder = ledger.recorder
    return ReviewService(recorder, sync, RejectedTransactionStore(), AuditTrail(recorder))


@pytest.fixture
def shelf(ledger: Ledger, sync: SyncService) -> UUID:
    """An item with 3 on hand."""
    shelf = register(ItemService(ledger, lambda: MORNING), "SHELF")
    sync.sync([element("INBOUND", shelf, 3)], CLERK)
    return shelf


@pytest.fixture
def store_room(ledger: Ledger) -> UUID:
    return register(ItemService(ledger, lambda: MORNING), "STORE")


def transfer(quantity: int, source: UUID, target: UUID, **more: Any) -> list[dict[str, Any]]:
    return [
        element("OUTBOUND", source, quantity, group=GROUP, **more),
        element("INBOUND", target, quantity, group=GROUP, **more),
    ]


def told(result: SyncResult) -> list[str]:
    found: dict[int, str] = {one.index: one.status for one in result.synced}
    found |= {one.index: one.rejection.code for one in result.failed}
    return [found[index] for index in sorted(found)]


def test_transfer_is_recorded_as_a_whole_or_not_at_all(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    refused = sync.sync(transfer(5, shelf, store_room), CLERK)
    assert told(refused) == ["INSUFFICIENT_STOCK", "GROUP_FAILED"]
    assert refused.failed[1].rejection.details == {"group": GROUP, "index": 0}
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (3, 0)
    moved = sync.sync(transfer(3, shelf, store_room), CLERK)
    assert told(moved) == ["recorded", "recorded"]
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (0, 3)
    assert_read_models_equal_replay(ledger)


def test_others_of_the_batch_are_not_affected(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    out, into = transfer(5, shelf, store_room)
    result = sync.sync(
        [element("OUTBOUND", shelf, 1), out, element("INBOUND", store_room, 2), into], CLERK
    )
    assert told(result) == ["recorded", "INSUFFICIENT_STOCK", "recorded", "GROUP_FAILED"]
    assert result.failed[1].rejection.details["index"] == 1
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (2, 2)
    assert_read_models_equal_replay(ledger)


def test_what_raises_an_item_comes_before_what_lowers_it(
    sync: SyncService, ledger: Ledger, store_room: UUID
) -> None:
    result = sync.sync(
        [
            element("OUTBOUND", store_room, 4, group=GROUP),
            element("ADJUST", store_room, -1, group=GROUP),
            element("ADJUST", store_room, 3, group=GROUP),
            element("INBOUND", store_room, 2, group=GROUP),
        ],
        CLERK,
    )
    assert told(result) == ["recorded"] * 4
    assert on_hand(ledger, store_room) == 0


@pytest.mark.parametrize("group", [{}, {"group": GROUP}])
def test_each_keeps_its_place_among_equal_moments(
    sync: SyncService, ledger: Ledger, store_room: UUID, group: dict[str, Any]
) -> None:
    """The count has seen the sale, which is before it in the list."""
    result = sync.sync(
        [
            element("OUTBOUND", store_room, 5, **group),
            element("COUNT", store_room, 3, **group),
            element("INBOUND", store_room, 1, **group),
        ],
        CLERK,
    )
    assert told(result) == ["recorded"] * 3
    assert on_hand(ledger, store_room) == 4


def test_group_that_is_sent_again_keeps_its_places(
    sync: SyncService, ledger: Ledger, store_room: UUID
) -> None:
    late = element("INBOUND", UUID(int=9), 1, group=GROUP)
    group = [
        element("OUTBOUND", store_room, 5, group=GROUP),
        element("COUNT", store_room, 3, group=GROUP),
    ]
    sync.sync([*group, late], CLERK)
    assert told(sync.sync(group, CLERK)) == ["recorded"] * 2
    assert on_hand(ledger, store_room) == 3


@pytest.mark.parametrize("close", ["dismiss", "elsewhere"])
def test_no_part_of_a_group_is_retried_alone(
    sync: SyncService, review: ReviewService, ledger: Ledger, shelf: UUID, close: str
) -> None:
    annex = register(ItemService(ledger, lambda: MORNING), "ANNEX", "annex")
    sent = transfer(5, shelf, annex)
    sync.sync(sent, CLERK)
    name, boss = local_id_of(sent[1]), Principal(Actor("boss"), Role.ADMIN)
    if close == "dismiss":
        review.dismiss(local_id_of(sent[0]), "no", boss, Origin(boss.actor))
        rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=5)
        assert {row.status for row in rows} == {"dismissed"}
        told_again = told(review.retry(name, boss))
        assert sorted(told_again) == ["GROUP_FAILED", "INSUFFICIENT_STOCK"]
    else:
        there = Principal(Actor("manager"), Role.MANAGER, frozenset({"annex"}))
        with pytest.raises(Invalid, match="not at your locations"):
            review.retry(name, there)
        done = review.retry_all(RejectedFilter(), None, there)
        assert [row.rejection and row.rejection.code for row in done.rows] == ["INVALID"]
    assert (on_hand(ledger, shelf), on_hand(ledger, annex)) == (3, 0)


def test_group_is_kept_by_its_device_as_a_whole(
    ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    sync = SyncService(ledger, Clock(), RejectedTransactionStore(max_open=1))
    result = sync.sync(transfer(5, shelf, store_room), CLERK)
    assert told(result) == ["TOO_MANY_REJECTIONS"] * 2
    assert all(one.rejection.retryable for one in result.failed)


def test_group_of_a_busy_item_may_be_sent_again_as_a_whole(
    sync: SyncService, shelf: UUID, store_room: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.recording.histories.MAX_PAST_EVENTS_PER_COMMIT", 0)
    late = element("COUNT", shelf, 1, group=GROUP, occurredAt="2026-01-08T08:00:00Z")
    result = sync.sync([late, element("INBOUND", store_room, 1, group=GROUP)], CLERK)
    assert told(result) == ["CONFLICT", "GROUP_FAILED"]
    assert all(one.rejection.retryable for one in result.failed)


def test_bulk_retry_of_a_group_answers_each_of_it_once(
    sync: SyncService, review: ReviewService, ledger: Ledger, shelf: UUID
) -> None:
    group = [element("INBOUND", shelf, 1, group=GROUP) for _ in range(MAX_GROUP_SIZE + 1)]
    sync.sync(group, CLERK)
    done = review.retry_all([local_id_of(one) for one in group], None, MANAGER)
    assert len(done.rows) == len(group)
    assert {row.status for row in done.rows} == {"failed"}
    assert on_hand(ledger, shelf) == 3


def test_transfer_back_and_forth_within_one_item(
    sync: SyncService, ledger: Ledger, shelf: UUID
) -> None:
    assert told(sync.sync(transfer(50, shelf, shelf), CLERK)) == ["recorded", "recorded"]
    assert on_hand(ledger, shelf) == 3


def test_group_that_is_sent_again_is_a_duplicate(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    sent = transfer(2, shelf, store_room)
    sync.sync(sent, CLERK)
    assert told(sync.sync(sent, CLERK)) == ["duplicate", "duplicate"]
    more = element("OUTBOUND", shelf, 9, group=GROUP)
    assert told(sync.sync([*sent, more], CLERK)) == ["duplicate", "duplicate", "INSUFFICIENT_STOCK"]
    assert told(sync.sync([more, *sent], CLERK)) == ["INSUFFICIENT_STOCK", "duplicate", "duplicate"]


def test_group_is_content(sync: SyncService, shelf: UUID, store_room: UUID) -> None:
    sent = transfer(2, shelf, store_room)
    sync.sync(sent, CLERK)
    alone = {name: value for name, value in sent[0].items() if name != "group"}
    assert told(sync.sync([alone], CLERK)) == ["LOCAL_ID_REUSED"]


@pytest.mark.parametrize("broken", [{"quantity": "two"}, {"type": "SHIP"}, {"occurredAt": 5}])
def test_malformed_member_breaks_its_group(
    sync: SyncService, ledger: Ledger, shelf: UUID, broken: dict[str, Any]
) -> None:
    group = [
        element("INBOUND", shelf, 1, group=GROUP),
        element("COUNT", shelf, 2, group=GROUP) | broken,
    ]
    own_code = "UNSUPPORTED" if "type" in broken else "INVALID"
    result = sync.sync(group, CLERK)
    assert told(result) == ["GROUP_FAILED", own_code]
    assert result.failed[0].rejection.details["index"] == 1
    assert on_hand(ledger, shelf) == 3


@pytest.mark.parametrize("group", ["none", 5, ["x"]])
def test_group_must_be_a_uuid(sync: SyncService, shelf: UUID, group: object) -> None:
    assert told(sync.sync([element("INBOUND", shelf, 1, group=group)], CLERK)) == ["INVALID"]


def test_group_has_a_limit(sync: SyncService, ledger: Ledger, shelf: UUID) -> None:
    group = [element("INBOUND", shelf, 1, group=GROUP) for _ in range(MAX_GROUP_SIZE + 1)]
    assert set(told(sync.sync(group, CLERK))) == {"INVALID"}
    assert told(sync.sync(group[:-1], CLERK)) == ["recorded"] * MAX_GROUP_SIZE
    assert on_hand(ledger, shelf) == 3 + MAX_GROUP_SIZE


def test_group_is_not_judged_again_by_itself(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    sent = transfer(5, shelf, store_room)
    result = sync.sync([*sent, element("INBOUND", shelf, 2)], CLERK)
    assert told(result) == ["INSUFFICIENT_STOCK", "GROUP_FAILED", "recorded"]
    sync.sync([element("INBOUND", shelf, 2)], CLERK)
    assert on_hand(ledger, shelf) == 7
    assert told(sync.sync(sent, CLERK)) == ["recorded", "recorded"]


@pytest.mark.parametrize("member", [0, 1])
def test_person_retries_the_whole_group(
    sync: SyncService,
    review: ReviewService,
    ledger: Ledger,
    shelf: UUID,
    store_room: UUID,
    member: int,
) -> None:
    sent = transfer(5, shelf, store_room)
    sync.sync(sent, CLERK)
    name = local_id_of(sent[member])
    assert sorted(told(review.retry(name, MANAGER))) == ["GROUP_FAILED", "INSUFFICIENT_STOCK"]
    adjust = Correction(local_id=uuid4(), quantity=1)
    short = review.retry(name, MANAGER, RetryOptions(correction=adjust))
    assert short.synced == []
    assert on_hand(ledger, shelf) == 3
    result = review.retry(name, MANAGER, RetryOptions(override="it was on the way"))
    assert told(result) == ["recorded", "recorded"]
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (-2, 5)
    rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=5)
    assert {row.status for row in rows} == {"resolved"}
    assert_read_models_equal_replay(ledger)


def test_bulk_retry_takes_whole_groups(
    sync: SyncService, review: ReviewService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    sent = transfer(5, shelf, store_room)
    sync.sync(sent, CLERK)
    sync.sync([element("INBOUND", shelf, 2)], CLERK)
    done = review.retry_all([local_id_of(sent[1])], None, MANAGER)
    assert sorted(row.status for row in done.rows) == ["recorded", "recorded"]
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (0, 5)


def test_member_is_voided_alone_with_a_warning(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    out, into = transfer(2, shelf, store_room)
    sync.sync([out, into], CLERK)
    result = sync.sync([void_of(into)], CLERK)
    (warning,) = result.warnings[0]
    assert (warning.code, warning.field) == ("PART_OF_GROUP", "voids")
    assert (on_hand(ledger, shelf), on_hand(ledger, store_room)) == (1, 0)


def test_groups_of_several_batches_in_one_commit_do_not_mix(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    first = sync.submit(parse_batch(transfer(2, shelf, store_room)), CLERK)
    second = sync.submit(parse_batch(transfer(2, shelf, store_room)), CLERK)
    assert told(first.result()) == ["recorded", "recorded"]
    assert told(second.result()) == ["INSUFFICIENT_STOCK", "GROUP_FAILED"]


def test_group_that_fails_leaves_the_history_of_its_items_alone(
    sync: SyncService, ledger: Ledger, shelf: UUID, store_room: UUID
) -> None:
    """The stock-take of the failed group must not be seen by the one after it."""
    late = {"occurredAt": "2026-01-08T08:00:00Z"}
    result = sync.sync(
        [
            element("COUNT", shelf, 9, group=GROUP, **late),
            element("OUTBOUND", store_room, 1, group=GROUP),
            element("COUNT", shelf, 1, **late),
        ],
        CLERK,
    )
    assert told(result) == ["GROUP_FAILED", "INSUFFICIENT_STOCK", "recorded"]
    assert result.synced[0].count is not None
    assert result.synced[0].count.expected == 0
    assert on_hand(ledger, shelf) == 4
    assert_read_models_equal_replay(ledger)
