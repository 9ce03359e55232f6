"""Judging again: a refusal that was only a matter of order does not stay."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.audit import AuditTrail, Origin
from application.access.errors import Forbidden
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal, principal_of
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import Arrival, parse_batch
from application.persistence.filters import MovementFilter, RejectedFilter
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.retries import Correction, RetryOptions
from application.recording.sync import SyncService
from application.review import ReviewService
from application.tables.rejected import RejectedTransaction
from domain.actor import Actor
from domain.errors import Invalid
from domain.events import MovementRecorded
from domain.item_details import ItemDetails
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import (
    CLERK,
    DAY,
    Clock,
    at,
    element,
    local_id_of,
    register,
    registration,
    void_of,
)
from tests.support.ledger_checks import (
    assert_read_models_equal_replay,
    codes,
    execute,
    on_hand,
)

MANAGER = Principal(Actor("manager"), Role.MANAGER, frozenset({"main"}))
BOSS = Origin(CLERK.actor)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = DAY + timedelta(hours=20)
    return clock


@pytest.fixture
def sync(ledger: Ledger, clock: Clock) -> SyncService:
    return SyncService(ledger, clock)


@pytest.fixture
def items(ledger: Ledger, clock: Clock, sync: SyncService) -> ItemService:
    return ItemService(ledger, clock, follow_up=sync.follow_up)


@pytest.fixture
def review(ledger: Ledger, sync: SyncService, clock: Clock) -> ReviewService:
    recorder = ledger.recorder
    return ReviewService(recorder, sync, RejectedTransactionStore(), AuditTrail(recorder), clock)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def rows(ledger: Ledger, **wanted: Any) -> list[RejectedTransaction]:
    found = ledger.recorder.select_rejected(RejectedFilter(**wanted), before=None, limit=10_000)
    return sorted(found, key=lambda row: row.first_arrival)


def opened(ledger: Ledger) -> list[tuple[UUID | None, str]]:
    return [(row.local_id, row.code) for row in rows(ledger, status="open")]


def event_of(ledger: Ledger, sent: dict[str, Any]) -> MovementRecorded:
    return ledger.recorded_under([local_id_of(sent)])[local_id_of(sent)].event


class TestWithinABatch:
    def test_sale_before_the_delivery_is_recorded(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale, delivery = element("OUTBOUND", tea, 5, **at(10)), element("INBOUND", tea, 5, **at(9))
        result = sync.sync([sale, delivery], CLERK)
        assert [(one.index, one.status, one.on_hand) for one in result.synced] == [
            (0, "recorded", 0),
            (1, "recorded", 5),
        ]
        assert result.failed == []
        assert rows(ledger) == []
        assert event_of(ledger, sale).refused_at is None

    def test_what_still_lacks_stock_is_refused_with_what_there_is_now(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        large, small = element("OUTBOUND", tea, 5, **at(10)), element("OUTBOUND", tea, 2, **at(11))
        result = sync.sync([large, small, element("INBOUND", tea, 3)], CLERK)
        assert [one.index for one in result.synced] == [1, 2]
        (failed,) = result.failed
        assert failed.rejection.details == {"on_hand": 3, "requested": 5}
        (row,) = rows(ledger)
        assert row.details == {"on_hand": 3, "requested": 5}

    def test_the_oldest_goods_come_first(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        late, early = element("OUTBOUND", tea, 3, **at(11)), element("OUTBOUND", tea, 3, **at(10))
        result = sync.sync([late, early, element("INBOUND", tea, 3, **at(9))], CLERK)
        assert [one.index for one in result.synced] == [1, 2]

    def test_item_that_a_later_batch_of_the_commit_registers(
        self, sync: SyncService, ledger: Ledger, clock: Clock
    ) -> None:
        new = item_id("main", "NEW")
        delivery = element("INBOUND", new, 2)
        assert codes(sync.sync([delivery], CLERK)) == ["UNKNOWN_ITEM"]
        item = {"location": "main", "sku": "NEW", "name": "New", "unit": "pc"}
        sync.submit(parse_batch([], items=[item]), CLERK).result()
        assert on_hand(ledger, new) == 2
        assert opened(ledger) == []


class TestStored:
    def test_sale_is_recorded_with_the_delivery_that_came_late(
        self, sync: SyncService, ledger: Ledger, clock: Clock, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5, device="till-1", note="x", **at(10))
        sync.sync([sale], CLERK)
        (refused,) = rows(ledger)
        sync.sync([element("INBOUND", tea, 5, **at(9))], MANAGER)
        assert on_hand(ledger, tea) == 0
        event = event_of(ledger, sale)
        assert (event.actor, event.key_id, event.device) == ("clerk", None, "till-1")
        assert (event.timestamp, event.received_at) == (clock.now, refused.first_rejected_at)
        assert event.refused_at == refused.rejected_at
        (row,) = rows(ledger)
        assert (row.status, row.closed_by, row.waits_for) == ("resolved", "clerk", None)
        assert sync.sync([sale], CLERK).synced[0].status == "duplicate"
        found = ledger.recorder.select_movements(
            MovementFilter(was_refused=True), before=None, limit=5
        )
        assert [one.local_id for one in found] == [local_id_of(sale)]
        assert_read_models_equal_replay(ledger)

    @pytest.mark.parametrize(
        ("raise_it", "left"),
        [
            (lambda tea, _: [element("ADJUST", tea, 5)], 0),
            # It has seen the sale.
            (lambda tea, _: [element("COUNT", tea, 5)], 5),
            (lambda _, sale: [void_of(sale)], 0),
        ],
        ids=["adjustment", "stock-take", "void"],
    )
    def test_everything_that_raises_the_item_admits_it(
        self,
        sync: SyncService,
        ledger: Ledger,
        tea: UUID,
        raise_it: Callable[[UUID, dict[str, Any]], list[dict[str, Any]]],
        left: int,
    ) -> None:
        sold = element("OUTBOUND", tea, 5)
        sync.sync([element("INBOUND", tea, 5), sold], CLERK)
        sale = element("OUTBOUND", tea, 5)
        assert codes(sync.sync([sale], CLERK)) == ["INSUFFICIENT_STOCK"]
        sync.sync(raise_it(tea, sold), CLERK)
        assert on_hand(ledger, tea) == left
        assert opened(ledger) == []

    def test_wider_floor_admits_it(
        self, sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
    ) -> None:
        sales = [element("OUTBOUND", tea, n) for n in (2, 4)]
        sync.sync(sales, CLERK)
        items.change_details(tea, lambda details: replace(details, floor=-3), MANAGER)
        assert on_hand(ledger, tea) == -2
        assert opened(ledger) == [(local_id_of(sales[1]), "INSUFFICIENT_STOCK")]
        items.change_details(tea, lambda details: replace(details, floor=None), MANAGER)
        assert on_hand(ledger, tea) == -6

    def test_registration_and_reactivation_admit_what_waits_for_them(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        new = item_id("main", "NEW")
        sent = [element("INBOUND", new, 3), element("COUNT", new, 2), element("OUTBOUND", new, 1)]
        assert codes(sync.sync(sent, CLERK)) == ["UNKNOWN_ITEM"] * 3
        register(items, "NEW")
        assert on_hand(ledger, new) == 1
        items.discontinue(new, CLERK)
        assert codes(sync.sync([element("INBOUND", new, 7)], CLERK)) == ["ITEM_DISCONTINUED"]
        items.reactivate(new, CLERK)
        assert on_hand(ledger, new) == 8
        assert opened(ledger) == []
        assert_read_models_equal_replay(ledger)

    def test_what_came_before_the_registration_keeps_its_order(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        """The sale fails at the registration, too. It came before the stock-take, which has seen
        it, although all three have one moment."""
        new = item_id("main", "NEW")
        sync.sync([element("OUTBOUND", new, 1, **at(9)), element("COUNT", new, 3, **at(9))], CLERK)
        register(items, "NEW")
        assert on_hand(ledger, new) == 3
        assert opened(ledger) == []

    def test_refused_request_from_before_the_registration_keeps_its_order_too(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        new = item_id("main", "NEW")
        sale = element("OUTBOUND", new, 1, **at(9))
        sync.submit(parse_batch([sale]), CLERK, is_answered=True).result()
        sync.sync([element("COUNT", new, 3, **at(9))], CLERK)
        register(items, "NEW")
        sync.sync([sale], CLERK)
        assert on_hand(ledger, new) == 3

    def test_code_is_that_of_the_latest_judgement(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        new = item_id("main", "NEW")
        sale = element("OUTBOUND", new, 3)
        sync.sync([sale], CLERK)
        register(items, "NEW")
        assert opened(ledger) == [(local_id_of(sale), "INSUFFICIENT_STOCK")]
        sync.sync([element("INBOUND", new, 1)], CLERK)
        (row,) = rows(ledger)
        assert row.details == {"on_hand": 1, "requested": 3}
        sync.sync([element("INBOUND", new, 2)], CLERK)
        assert opened(ledger) == []

    def test_it_is_recorded_once_even_if_its_id_was_used_meanwhile(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 3)
        sync.sync([sale], CLERK)
        sync.sync([element("INBOUND", tea, 3, localId=sale["localId"])], CLERK)
        assert on_hand(ledger, tea) == 3
        assert opened(ledger) == [(local_id_of(sale), "LOCAL_ID_REUSED")]

    def test_dismissed_one_stays_dismissed(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 3)
        sync.sync([sale], CLERK)
        review.dismiss(local_id_of(sale), "never happened", MANAGER, BOSS)
        sync.sync([sale], CLERK)
        sync.sync([element("INBOUND", tea, 3)], CLERK)
        assert on_hand(ledger, tea) == 3
        assert [row.status for row in rows(ledger)] == ["dismissed"]

    def test_dismissed_one_of_an_unknown_item_stays_dismissed(
        self, sync: SyncService, review: ReviewService, items: ItemService, ledger: Ledger
    ) -> None:
        new = item_id("main", "NEW")
        delivery = element("INBOUND", new, 3)
        sync.sync([delivery], CLERK)
        review.dismiss(local_id_of(delivery), "never happened", CLERK, BOSS)
        sync.sync([delivery], CLERK)
        register(items, "NEW")
        assert on_hand(ledger, new) == 0
        assert [row.status for row in rows(ledger)] == ["dismissed"]

    def test_refused_request_is_not_judged_again(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 3)
        sync.submit(parse_batch([sale]), CLERK, is_answered=True).result()
        sync.sync([element("INBOUND", tea, 3)], CLERK)
        assert on_hand(ledger, tea) == 3
        assert opened(ledger) == [(local_id_of(sale), "INSUFFICIENT_STOCK")]
        sync.sync([sale], CLERK)
        assert on_hand(ledger, tea) == 0

    def test_revoked_key_leaves_its_rejections_to_a_person(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID, clock: Clock
    ) -> None:
        keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder), clock)
        grant = Grant(name="till-1", role=Role.DEVICE, locations=("main",))
        good, lost = (keys.create(grant, BOSS).key for _ in range(2))
        sales = [element("OUTBOUND", tea, n) for n in (1, 2)]
        for key, sale in zip((good, lost), sales, strict=True):
            sync.sync([sale], principal_of(key))
        keys.revoke(lost.key_id, BOSS)
        sync.sync([element("INBOUND", tea, 3)], CLERK)
        assert on_hand(ledger, tea) == 2
        assert opened(ledger) == [(local_id_of(sales[1]), "INSUFFICIENT_STOCK")]
        assert event_of(ledger, sales[0]).key_id == good.key_id
        review.retry(local_id_of(sales[1]), MANAGER)
        assert on_hand(ledger, tea) == 0

    def test_rights_are_those_at_the_sending(
        self, sync: SyncService, ledger: Ledger, items: ItemService
    ) -> None:
        """A token has no row that tells its rights later."""
        new = item_id("annex", "NEW")
        sent = element("INBOUND", new, 3)
        somebody = Principal(Actor("somebody"), Role.CLERK, frozenset({"main"}))
        sync.sync([sent], somebody)
        register(items, "NEW", "annex")
        assert on_hand(ledger, new) == 0
        assert opened(ledger) == [(local_id_of(sent), "UNKNOWN_ITEM")]

    @pytest.mark.parametrize("limit", [1, 2, 7])
    def test_more_than_one_commit_judges_follow_in_commits_of_their_own(
        self,
        sync: SyncService,
        ledger: Ledger,
        tea: UUID,
        monkeypatch: pytest.MonkeyPatch,
        limit: int,
    ) -> None:
        monkeypatch.setattr("application.recording.reconsider.MAX_ROWS_PER_COMMIT", limit)
        monkeypatch.setattr("application.recording.sync.MAX_ROWS_PER_COMMIT", limit)
        sync.sync([element("OUTBOUND", tea, 1) for _ in range(10)], CLERK)
        sync.sync([element("INBOUND", tea, 8)], CLERK)
        settle(ledger)
        assert on_hand(ledger, tea) == 0
        assert [code for _, code in opened(ledger)] == ["INSUFFICIENT_STOCK"] * 2
        assert all(row.due_at is None for row in rows(ledger))
        assert_read_models_equal_replay(ledger)

    def test_what_is_due_is_judged_after_a_restart(
        self, sync: SyncService, ledger: Ledger, tea: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.recording.reconsider.MAX_ROWS_PER_COMMIT", 1)
        monkeypatch.setattr(SyncService, "follow_up", lambda _: None)  # As if it was killed.
        sync.sync([element("OUTBOUND", tea, 1) for _ in range(4)], CLERK)
        sync.sync([element("INBOUND", tea, 4)], CLERK)
        assert on_hand(ledger, tea) == 3
        monkeypatch.undo()
        restarted = SyncService(ledger, Clock())
        restarted.follow_up()
        settle(ledger)
        assert on_hand(ledger, tea) == 0

    def test_what_is_due_stays_due_until_it_is_judged(
        self, sync: SyncService, ledger: Ledger, tea: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SyncService, "follow_up", lambda _: None)
        delivery = element("INBOUND", tea, 1)
        sync.sync([void_of(delivery)], CLERK)
        execute(ledger, "UPDATE rejected_transactions SET due_at = first_rejected_at")
        items = [element("INBOUND", tea, 0, localId=delivery["localId"])]
        assert codes(sync.sync(items, CLERK)) == ["INVALID"]
        assert [row.due_at is not None for row in rows(ledger) if not row.malformed] == [True]

    def test_decisions_of_one_commit_are_limited(
        self, sync: SyncService, ledger: Ledger, tea: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.recording.reconsider.MAX_JUDGED_PER_COMMIT", 3)
        sales = [element("OUTBOUND", tea, 1) for _ in range(10)]
        sync.sync([*sales, element("INBOUND", tea, 9)], CLERK)
        settle(ledger)
        assert on_hand(ledger, tea) == 0
        assert len(opened(ledger)) == 1


def settle(ledger: Ledger) -> None:
    """Waits until nothing is due."""
    deadline = time.monotonic() + 30
    while any(row.due_at is not None for row in rows(ledger)):
        assert time.monotonic() < deadline, "something stays due"
        time.sleep(0.01)


class TestVoids:
    def test_void_before_its_original_is_recorded_with_it(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        delivery = element("INBOUND", tea, 5, **at(9))
        assert codes(sync.sync([void_of(delivery)], CLERK)) == ["UNKNOWN_TRANSACTION"]
        result = sync.sync([delivery], CLERK)
        assert result.synced[0].status == "recorded"
        assert on_hand(ledger, tea) == 0
        assert opened(ledger) == []

    def test_void_before_its_original_in_one_batch(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        delivery = element("INBOUND", tea, 5)
        result = sync.sync([void_of(delivery), delivery], CLERK)
        assert [one.index for one in result.synced] == [0, 1]
        assert on_hand(ledger, tea) == 0

    @pytest.mark.parametrize("is_void_first", [False, True])
    def test_void_of_an_open_rejection_closes_both(
        self, sync: SyncService, ledger: Ledger, tea: UUID, is_void_first: bool
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        pair = [sale, void_of(sale)]
        for one in reversed(pair) if is_void_first else pair:
            sync.sync([one], CLERK)
        assert [(row.status, row.closing_reason) for row in rows(ledger)] == [
            ("dismissed", "voided")
        ] * 2
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        assert on_hand(ledger, tea) == 5

    def test_void_of_a_closed_rejection_holds_if_it_is_recorded_after_all(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale, void_of(sale)], CLERK)
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        sync.sync([sale], CLERK)
        assert on_hand(ledger, tea) == 5
        assert {row.status for row in rows(ledger)} == {"resolved"}
        assert_read_models_equal_replay(ledger)

    def test_void_of_a_sale_of_an_unknown_item_closes_both(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        sale = element("OUTBOUND", item_id("main", "NEW"), 1)
        sync.sync([sale], CLERK)
        sync.sync([void_of(sale)], CLERK)
        assert {row.status for row in rows(ledger)} == {"dismissed"}
        new = register(items, "NEW")
        assert on_hand(ledger, new) == 0

    def test_dismissed_void_that_is_sent_again_closes_nothing(
        self, sync: SyncService, review: ReviewService, ledger: Ledger
    ) -> None:
        sale = element("OUTBOUND", item_id("main", "NEW"), 1)
        void = void_of(sale)
        for one in (void, sale):
            sync.sync([one], CLERK)
        review.dismiss(UUID(void["localId"]), "it was sold", CLERK, BOSS)
        sync.sync([void], CLERK)
        assert opened(ledger) == [(local_id_of(sale), "UNKNOWN_ITEM")]

    def test_refused_void_of_a_clerk_who_waits_closes_nothing(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale], CLERK)
        sync.submit(parse_batch([void_of(sale)]), CLERK, is_answered=True).result()
        assert {row.status for row in rows(ledger)} == {"open"}

    def test_nobody_closes_the_rejections_of_others_by_a_void(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        mine, other = (caller(Role.CLERK, "main", key_id=name) for name in ("k1", "k2"))
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale], mine)
        sync.sync([void_of(sale)], other)
        assert [row.status for row in rows(ledger)] == ["open", "open"]

    def test_void_of_another_item_is_refused_when_the_original_comes(
        self, sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
    ) -> None:
        cup = register(items, "CUP")
        delivery = element("INBOUND", tea, 5)
        sync.sync([void_of(delivery, itemId=str(cup))], CLERK)
        sync.sync([delivery], CLERK)
        assert on_hand(ledger, tea) == 5
        assert [code for _, code in opened(ledger)] == ["INVALID"]

    def test_corrected_stock_take_waits_for_its_original(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        wrong = element("COUNT", tea, 71, **at(9))
        right = element("COUNT", tea, 17, corrects=wrong["localId"], **at(12))
        assert codes(sync.sync([right], CLERK)) == ["UNKNOWN_TRANSACTION"]
        sync.sync([wrong, element("OUTBOUND", tea, 1, **at(10))], CLERK)
        assert on_hand(ledger, tea) == 16


class TestSenders:
    def test_waiting_row_stays_its_first_senders(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        mine, other = (
            Principal(Actor(name), Role.CLERK, frozenset({"main"})) for name in ("mine", "other")
        )
        slip = element("INBOUND", tea, 50)
        for who in (mine, other):
            sync.sync([void_of(slip)], who)
        sync.sync([slip], mine)
        assert on_hand(ledger, tea) == 0

    def test_sender_without_the_right_ends_no_waiting(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        correction = element("ADJUST", tea, -5)
        sync.sync([correction], MANAGER)
        device = Principal(Actor("scanner"), Role.DEVICE, frozenset({"main"}))
        assert codes(sync.sync([correction], device)) == ["FORBIDDEN"]
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        assert on_hand(ledger, tea) == 0
        assert event_of(ledger, correction).actor == "manager"

    def test_void_closes_nothing_beyond_its_senders_locations(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        there = Principal(Actor("there"), Role.DEVICE, frozenset({"annex"}))
        lost = {"localId": str(uuid4()), "type": "OUTBOUND", "itemId": "?", "quantity": 1}
        sync.sync([lost], there)
        sync.sync([void_of(lost | {"itemId": str(tea)})], MANAGER)
        assert {row.status for row in rows(ledger)} == {"open"}

    def test_group_and_item_of_another_location_are_not_disclosed(
        self, sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
    ) -> None:
        annex = register(items, "ANNEX", "annex")
        there = element("INBOUND", annex, 1, group=str(uuid4()))
        here = Principal(Actor("here"), Role.MANAGER, frozenset({"main"}))
        early = void_of(there, itemId=str(tea))
        sync.sync([early], here)
        sync.sync([there], CLERK)
        assert opened(ledger) == [(local_id_of(early), "UNKNOWN_TRANSACTION")]
        again = sync.sync([early], here)
        assert not again.warnings


class TestRetry:
    def test_retry_keeps_the_first_arrival(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, clock: Clock, tea: UUID
    ) -> None:
        """Without a time of its own, the sale was before the stock-take, which has seen it."""
        sale = element("OUTBOUND", tea, 5)
        sync.submit(parse_batch([sale]), CLERK, is_answered=True).result()
        sync.sync([element("COUNT", tea, 3)], CLERK)
        review.retry(local_id_of(sale), MANAGER)
        assert on_hand(ledger, tea) == 3
        event = event_of(ledger, sale)
        assert event.received_at == rows(ledger)[0].first_rejected_at
        assert event.refused_at is None
        assert event.actor == MANAGER.actor.name

    def test_sending_it_again_keeps_the_first_arrival_too(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.submit(parse_batch([sale]), CLERK, is_answered=True).result()
        sync.sync([element("COUNT", tea, 3)], CLERK)
        sync.sync([sale], CLERK)
        assert on_hand(ledger, tea) == 3

    def test_sending_it_again_with_another_clock_keeps_its_time(
        self, sync: SyncService, ledger: Ledger, clock: Clock, tea: UUID
    ) -> None:
        """The device's clock was an hour slow, and is set before the second attempt."""
        sync.sync([element("COUNT", tea, 0, **at(8.5))], CLERK)
        sale = element("OUTBOUND", tea, 5, **at(8))
        for slow in (timedelta(hours=1), timedelta()):
            now = clock.now
            arrival = Arrival(now, now - slow, None)
            sent = [sale] if slow else [element("INBOUND", tea, 5, **at(8.75)), sale]
            sync.submit(parse_batch(sent, arrival), CLERK).result()
        assert on_hand(ledger, tea) == 0
        assert event_of(ledger, sale).occurred_at == DAY + timedelta(hours=9)
        assert event_of(ledger, sale).refused_at is None

    def test_what_is_sent_again_and_judged_again_says_so(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale], CLERK)
        refused_at = rows(ledger)[0].rejected_at
        sync.sync([sale, element("INBOUND", tea, 5)], CLERK)
        assert event_of(ledger, sale).refused_at == refused_at

    def test_failed_retry_leaves_the_rejection_to_its_sender(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale], CLERK)
        assert codes(review.retry(local_id_of(sale), MANAGER)) == ["INSUFFICIENT_STOCK"]
        assert rows(ledger)[0].actor == "clerk"
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        assert event_of(ledger, sale).actor == "clerk"

    def test_override_is_the_honest_form_of_a_retry(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5, reason="sold", note="to a friend")
        sync.sync([sale], CLERK)
        override = RetryOptions(override="the delivery note is late")
        with pytest.raises(Forbidden):
            review.retry(local_id_of(sale), caller(Role.CLERK, "main"), override)
        with pytest.raises(Invalid):
            review.retry(local_id_of(sale), MANAGER, RetryOptions(override=" "))
        review.retry(local_id_of(sale), MANAGER, override)
        assert on_hand(ledger, tea) == -5
        event = event_of(ledger, sale)
        assert (event.override, event.reason) == (True, "sold")
        assert event.note == "the delivery note is late\nto a friend"

    def test_reason_of_an_adjustment_may_be_prose(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 5)
        sync.sync([sale], CLERK)
        found = Correction(local_id=uuid4(), quantity=5, reason="In the back room!")
        review.retry(local_id_of(sale), MANAGER, RetryOptions(correction=found))
        adjusted = ledger.recorded_under([found.local_id])[found.local_id].event
        assert (adjusted.reason, adjusted.note) == (None, "In the back room!")

    def test_many_are_retried_at_once_and_answered_one_by_one(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sales = [element("OUTBOUND", tea, n) for n in (1, 2, 3)]
        for sale in sales:
            sync.submit(parse_batch([sale]), CLERK, is_answered=True).result()
        sync.sync([element("INBOUND", tea, 3)], CLERK)
        unknown = uuid4()
        names = [*map(local_id_of, sales), unknown]
        done = review.retry_all(names, None, MANAGER)
        told = {
            row.local_id: (row.status, row.rejection and row.rejection.code) for row in done.rows
        }
        assert told == {
            names[0]: ("recorded", None),
            names[1]: ("recorded", None),
            names[2]: ("failed", "INSUFFICIENT_STOCK"),
            unknown: ("failed", "UNKNOWN_REJECTION"),
        }
        done = review.retry_all(RejectedFilter(), None, MANAGER, "counted on Friday")
        assert [row.status for row in done.rows] == ["recorded"]
        assert on_hand(ledger, tea) == -3
        again = review.retry_all(names[:1], None, MANAGER)
        assert [(row.status, row.rejection and row.rejection.code) for row in again.rows] == [
            ("failed", "ALREADY_RECORDED")
        ]

    def test_many_are_dismissed_by_their_ids(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        sales = [element("OUTBOUND", tea, n) for n in (1, 2, 3)]
        sync.sync(sales, CLERK)
        names = [local_id_of(sale) for sale in sales[:2]]
        for _ in range(2):  # Idempotent.
            done = review.dismiss_all(names, None, "never happened", MANAGER, BOSS)
            assert [row.status for row in done.rows] == ["dismissed"] * 2
        assert opened(ledger) == [(local_id_of(sales[2]), "INSUFFICIENT_STOCK")]


def test_details_of_a_new_item_may_widen_its_floor(
    sync: SyncService, items: ItemService, ledger: Ledger
) -> None:
    new = item_id("main", "NEW")
    sync.sync([element("OUTBOUND", new, 3)], CLERK)
    details = ItemDetails(name="New", unit="pc", floor=None)
    items.register(registration("main", "NEW", details), CLERK)
    assert on_hand(ledger, new) == -3
