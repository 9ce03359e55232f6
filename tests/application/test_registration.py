"""Registration: a batch registers items before its transactions."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

import pytest

from application.access.audit import AuditTrail, Origin
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence.filters import RejectedFilter
from application.projections.stock_levels import StockLevel
from application.recording import registration
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import TooManyRejections
from application.recording.retries import RetryOptions
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.review import ReviewService
from application.tables.rejected import RejectedTransaction
from domain.actor import Actor
from domain.errors import Invalid, TooManyProvisionalItems
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, Clock, HeldClock, element, register
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay, codes, on_hand


def send(sync: SyncService, items: list[Any], *elements: Any, who: Principal = CLERK) -> SyncResult:
    return sync.submit(parse_batch(elements, items=items), who).result()


def item(sku: str, **more: Any) -> dict[str, Any]:
    return {"location": "main", "sku": sku} | more


@pytest.fixture
def review(ledger: Ledger, sync: SyncService, clock: Clock) -> ReviewService:
    audit = AuditTrail(ledger.recorder, clock)
    return ReviewService(ledger.recorder, sync, RejectedTransactionStore(), audit, clock)


def level_of(ledger: Ledger, item: UUID) -> StockLevel:
    level = ledger.recorder.select_item(item)
    assert level is not None
    return level


def assigned(ledger: Ledger, item: UUID) -> dict[str, int]:
    return {one.code: int(one.per) for one in ledger.recorder.select_codes([item])}


def statuses(result: SyncResult) -> list[str]:
    return [one.status for one in result.items]


def test_movements_find_what_their_batch_registers(sync: SyncService, ledger: Ledger) -> None:
    tea, cup = item_id("main", "TEA"), item_id("main", "CUP")
    new = [item("TEA", name="Tea", unit="box", safetyStock=5), item("CUP")]
    moves = [element("INBOUND", tea, 5), element("COUNT", cup, 3), element("OUTBOUND", tea, 2)]
    result = send(sync, new, *moves)
    assert (statuses(result), codes(result)) == (["registered"] * 2, [])
    assert [one.on_hand for one in result.synced] == [5, 3, 3]
    assert [one.version for one in result.synced] == [2, 2, 3]
    cups = ledger.recorder.select_item(cup)
    assert cups is not None
    assert (cups.name, cups.unit, cups.safety_stock, cups.on_hand) == ("CUP", "pc", 0, 3)
    assert_read_models_equal_replay(ledger)
    again = send(sync, new, *moves)
    assert statuses(again) == ["known"] * 2
    assert [one.status for one in again.synced] == ["duplicate"] * 3
    assert len(all_events(ledger)) == 5


def test_each_item_is_answered_by_itself(sync: SyncService, items: ItemService) -> None:
    register(items, "TEA")
    result = send(
        sync,
        [
            item("TEA"),
            item("TEA", name="Other"),
            item("NEW"),
            item("NEW", unit="box"),
            item("BAD\n"),
            {"sku": "NOWHERE"},
            item("N", safetyStock=-1),
            item("M", safetyStock="many"),
            7,
            item("LAST", colour="red"),
        ],
        element("INBOUND", item_id("main", "TEA"), 1),
    )
    assert statuses(result) == [
        "known", "differs", "registered", "differs", *["failed"] * 5, "registered",
    ]  # fmt: skip
    differs = result.items[1].rejection
    assert differs is not None
    assert (differs.code, differs.details["name"]) == ("ITEM_DIFFERS", "Name of TEA")
    fields = [one.rejection.details["field"] for one in result.items[4:9] if one.rejection]
    assert fields == ["sku", "location", "safetyStock", "safetyStock", "item"]
    assert [one.field for one in result.items[9].warnings] == ["colour"]
    assert [one.status for one in result.synced] == ["recorded"]


def test_labels_are_kept_in_their_form(sync: SyncService, ledger: Ledger) -> None:
    (one,) = send(sync, [{"location": "Zu\u0308rich", "sku": "A\u00a01"}]).items
    assert one.item is not None
    assert (one.item.location, one.item.sku) == ("Z\u00fcrich", "A 1")
    assert statuses(send(sync, [{"location": "Z\u00fcrich", "sku": "A 1"}])) == ["known"]


@pytest.mark.parametrize("role", [Role.DEVICE, Role.CLERK])
def test_device_and_clerk_register_provisional_items(
    sync: SyncService, items: ItemService, ledger: Ledger, role: Role
) -> None:
    who = caller(role, "main")
    new = item_id("main", "NEW")
    moves = [element("INBOUND", new, "1.5"), element("OUTBOUND", new, 1)]
    result = send(sync, [item("NEW", name="New", scale=1, floor=-5)], *moves, who=who)
    assert (statuses(result), codes(result)) == (["registered"], [])
    assert [one.code for one in result.items[0].warnings] == ["NOT_ALLOWED"]
    level = level_of(ledger, new)
    assert (level.provisional, level.on_hand, level.floor) == (True, 5, 0)
    assert ledger.repository.get(new).provisional
    items.confirm(new, CLERK)
    items.confirm(new, CLERK)
    assert not level_of(ledger, new).provisional
    assert not ledger.repository.get(new).provisional
    assert len(all_events(ledger)) == 4
    assert_read_models_equal_replay(ledger)


def test_auditor_registers_nothing(sync: SyncService) -> None:
    (one,) = send(sync, [item("NEW")], who=caller(Role.AUDITOR)).items
    assert one.rejection is not None
    assert one.rejection.code == "FORBIDDEN"


def test_what_was_refused_as_unknown_is_recorded_with_the_registration(
    sync: SyncService, ledger: Ledger
) -> None:
    new = item_id("main", "NEW")
    device = Principal(Actor("scanner"), Role.DEVICE, frozenset({"main"}))
    assert codes(send(sync, [], element("INBOUND", new, 3), who=device)) == ["UNKNOWN_ITEM"]
    send(sync, [item("NEW")], who=caller(Role.CLERK, "main"))
    assert on_hand(ledger, new) == 3


def test_manager_describes_and_confirms_a_provisional_item(
    sync: SyncService, ledger: Ledger
) -> None:
    new = item_id("main", "NEW")
    send(sync, [item("NEW")], who=caller(Role.DEVICE, "main"))
    result = send(sync, [item("NEW", name="Green tea", unit="box", scale=2, floor=-3)])
    assert statuses(result) == ["known"]
    level = level_of(ledger, new)
    assert (level.name, level.unit, level.scale, level.floor) == ("Green tea", "box", 2, -300)
    assert not level.provisional
    # From here on, the first details stand for everybody.
    assert statuses(send(sync, [item("NEW", name="Other")])) == ["differs"]
    assert_read_models_equal_replay(ledger)


def test_scale_of_a_provisional_item_that_moved_stays(sync: SyncService, ledger: Ledger) -> None:
    new, device = item_id("main", "NEW"), caller(Role.DEVICE, "main")
    send(sync, [item("NEW")], element("INBOUND", new, 3), who=device)
    (one,) = send(sync, [item("NEW", scale=2)]).items
    assert one.rejection is not None
    assert (one.status, one.rejection.details["field"]) == ("failed", "scale")
    assert level_of(ledger, new).provisional


def test_movement_of_the_same_commit_fixes_the_scale(ledger: Ledger) -> None:
    clock = HeldClock()
    sync = SyncService(ledger, clock)
    sync.submit(parse_batch([]), CLERK)
    assert clock.is_asked.wait(10)
    new, device = item_id("main", "NEW"), caller(Role.DEVICE, "main")
    moves = [element("INBOUND", new, 3)]
    first = sync.submit(parse_batch(moves, items=[item("NEW")]), device)
    second = sync.submit(parse_batch([], items=[item("NEW", scale=2)]), CLERK)
    clock.may_tell.set()
    assert statuses(first.result(10)) == ["registered"]
    (one,) = second.result(10).items
    assert one.rejection == Invalid("scale", "can't change: the item has movements")
    assert (level_of(ledger, new).scale, on_hand(ledger, new)) == (0, 3)


def test_key_registers_a_limited_number_of_provisional_items(
    sync: SyncService, items: ItemService, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "MAX_PROVISIONAL_ITEMS", 3)
    device, other = (caller(Role.DEVICE, "main", key_id=key) for key in ("k1", "k2"))
    found = send(sync, [item("A"), item("B")], who=device)
    found = send(sync, [item("A"), item("C"), item("D")], who=device)
    assert statuses(found) == ["known", "registered", "failed"]
    assert found.items[2].rejection == TooManyProvisionalItems(3)
    assert statuses(send(sync, [item("D")], who=other)) == ["registered"]
    items.confirm(item_id("main", "A"), CLERK)
    assert statuses(send(sync, [item("E")], who=device)) == ["registered"]
    assert statuses(send(sync, [item(f"M{n}") for n in range(9)])) == ["registered"] * 9


def test_two_devices_that_register_one_item_meet(sync: SyncService, ledger: Ledger) -> None:
    tea = item_id("main", "TEA")
    one, other = caller(Role.DEVICE, "main"), caller(Role.CLERK, "main")
    first = send(sync, [item("TEA", name="Tea")], element("INBOUND", tea, 2), who=one)
    second = send(sync, [item("TEA", name="Thee")], element("INBOUND", tea, 3), who=other)
    assert (statuses(first), statuses(second)) == (["registered"], ["differs"])
    assert (level_of(ledger, tea).name, on_hand(ledger, tea)) == ("Tea", 5)


class TestDifferingItems:
    """A request that differs from what stands waits for a manager."""

    DIFFERENT: ClassVar = item("TEA", name="Thee", codes=[{"code": "T", "per": 12}])

    @pytest.fixture
    def tea(self, sync: SyncService) -> UUID:
        send(sync, [item("TEA", name="Tea", unit="box")])
        return item_id("main", "TEA")

    def rows(self, ledger: Ledger) -> Sequence[RejectedTransaction]:
        return ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=9)

    def test_two_devices_with_the_same_request_have_one_row(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        for role in (Role.DEVICE, Role.CLERK, Role.DEVICE):
            found = send(sync, [self.DIFFERENT], who=caller(role, "main"))
            assert statuses(found) == ["differs"]
        (row,) = self.rows(ledger)
        assert (row.code, row.item_id, row.local_id) == ("ITEM_DIFFERS", tea, None)
        assert row.details["name"] == "Tea"
        assert json.loads(row.element) == self.DIFFERENT
        assert assigned(ledger, tea) == {"T": 12}  # The code is free, so the device finds it.

    def test_retry_lets_it_replace_what_stands(
        self, sync: SyncService, ledger: Ledger, review: ReviewService, tea: UUID
    ) -> None:
        send(sync, [self.DIFFERENT], who=caller(Role.DEVICE, "main"))
        (row,) = self.rows(ledger)
        result = review.retry(row.rejection_id, caller(Role.MANAGER, "main"))
        assert statuses(result) == ["known"]
        level = level_of(ledger, tea)
        assert (level.name, level.unit) == ("Thee", "box")
        (row,) = self.rows(ledger)
        assert row.status == "resolved"
        assert_read_models_equal_replay(ledger)

    def test_bulk_retry_takes_items_and_transactions(
        self, sync: SyncService, ledger: Ledger, review: ReviewService, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 1)
        send(sync, [self.DIFFERENT], sale, who=caller(Role.DEVICE, "main"))
        found = review.retry_all(RejectedFilter(), None, caller(Role.MANAGER, "main"))
        assert sorted(one.status for one in found.rows) == ["failed", "recorded"]
        assert level_of(ledger, tea).name == "Thee"

    def test_dismissed_it_stays_dismissed(
        self, sync: SyncService, ledger: Ledger, review: ReviewService, tea: UUID
    ) -> None:
        device = caller(Role.DEVICE, "main")
        send(sync, [self.DIFFERENT], who=device)
        (row,) = self.rows(ledger)
        review.dismiss(row.rejection_id, "it is Tea", CLERK, Origin(CLERK.actor))
        send(sync, [self.DIFFERENT], who=device)
        (row,) = self.rows(ledger)
        assert row.status == "dismissed"
        assert level_of(ledger, tea).name == "Tea"

    def test_row_is_of_the_first_sender(self, sync: SyncService, ledger: Ledger, tea: UUID) -> None:
        seen: list[RejectedTransaction] = []
        for name in ("one", "other"):
            who = Principal(Actor(name, f"key of {name}"), Role.DEVICE, frozenset({"main"}), name)
            send(sync, [self.DIFFERENT], who=who)
            seen += self.rows(ledger)
        first, again = seen
        assert (first.actor, first.key_id, first.device) == ("one", "key of one", "one")
        assert again == first._replace(rejected_at=again.rejected_at)
        assert first.first_rejected_at == first.rejected_at < again.rejected_at

    def test_another_conflict_is_another_row(
        self, sync: SyncService, items: ItemService, ledger: Ledger, review: ReviewService
    ) -> None:
        one, other = register(items, "ONE"), register(items, "OTHER")
        register(items, "MINE")
        items.assign_code(one, "X", 1, CLERK)
        send(sync, [item("MINE", codes=["X"])], who=caller(Role.DEVICE, "main"))
        (row,) = self.rows(ledger)
        review.dismiss(row.rejection_id, "it is One's", CLERK, Origin(CLERK.actor))
        items.retire_code(one, "X", CLERK)
        items.assign_code(other, "X", 1, CLERK)
        send(sync, [item("MINE", codes=["X"])], who=caller(Role.DEVICE, "main"))
        assert sorted(one.status for one in self.rows(ledger)) == ["dismissed", "open"]

    def test_resolved_row_opens_again_when_it_differs_again(
        self,
        sync: SyncService,
        items: ItemService,
        ledger: Ledger,
        review: ReviewService,
        tea: UUID,
    ) -> None:
        device = caller(Role.DEVICE, "main")
        send(sync, [item("TEA", name="Thee")], who=device)
        (row,) = self.rows(ledger)
        review.retry(row.rejection_id, CLERK)
        items.change_details(tea, lambda details: replace(details, name="Tea"), CLERK)
        send(sync, [item("TEA", name="Thee")], who=device)
        (row,) = self.rows(ledger)
        assert row.status == "open"

    def test_retry_that_fails_changes_nothing(
        self,
        sync: SyncService,
        items: ItemService,
        ledger: Ledger,
        review: ReviewService,
        tea: UUID,
    ) -> None:
        items.assign_code(register(items, "ONE"), "X", 1, CLERK)
        device = caller(Role.DEVICE, "main")
        send(sync, [item("TEA", name="Thee", codes=["X"])], who=device)
        before = ledger.recorder.head()
        found = review.retry_all(RejectedFilter(), None, CLERK)
        assert [one.status for one in found.rows] == ["failed"]
        assert ledger.recorder.head() == before
        (row,) = self.rows(ledger)
        with pytest.raises(Invalid, match="options"):
            review.retry(row.rejection_id, CLERK, RetryOptions(override="yes"))

    def test_floor_that_was_passed_over_stays_so(
        self, sync: SyncService, ledger: Ledger, review: ReviewService, tea: UUID
    ) -> None:
        send(sync, [item("TEA", name="Thee", floor=-99)], who=caller(Role.DEVICE, "main"))
        (row,) = self.rows(ledger)
        review.retry(row.rejection_id, CLERK)
        level = level_of(ledger, tea)
        assert (level.name, level.floor) == ("Thee", 0)

    def test_row_beyond_the_limit_is_answered_as_failed(self, ledger: Ledger, tea: UUID) -> None:
        sync = SyncService(ledger, store=RejectedTransactionStore(max_open=1))
        wanted = [item("TEA", name="Thee"), item("TEA", name="Te")]
        result = send(sync, wanted, who=caller(Role.DEVICE, "main"))
        assert sorted(statuses(result)) == ["differs", "failed"]
        (failed,) = (one.rejection for one in result.items if one.status == "failed")
        assert isinstance(failed, TooManyRejections)


def test_manager_registers_at_their_locations(sync: SyncService) -> None:
    there = [item("A"), {"location": "annex", "sku": "A"}]
    result = send(sync, there, who=caller(Role.MANAGER, "main"))
    assert statuses(result) == ["registered", "failed"]


def test_six_thousand_are_one_batch(sync: SyncService, ledger: Ledger) -> None:
    new = [item(f"SKU-{n:05}", name=f"Item {n}") for n in range(6_000)]
    assert set(statuses(send(sync, new))) == {"registered"}
    assert set(statuses(send(sync, new))) == {"known"}
    assert ledger.recorder.head() == 6_000


def test_details_are_compared_at_the_scale_of_the_item(sync: SyncService) -> None:
    device = caller(Role.DEVICE, "main")
    send(sync, [item("KG", scale=3, safetyStock="1.5")])
    result = send(sync, [item("KG", safetyStock="1.5"), item("KG", scale=0)], who=device)
    assert statuses(result) == ["known", "differs"]


def test_discontinued_item_waits_for_nobody(
    sync: SyncService, items: ItemService, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "MAX_PROVISIONAL_ITEMS", 1)
    device = caller(Role.DEVICE, "main")
    send(sync, [item("A")], who=device)
    items.discontinue(item_id("main", "A"), CLERK)
    assert statuses(send(sync, [item("B")], who=device)) == ["registered"]
    items.confirm(item_id("main", "A"), CLERK)
    assert not level_of(ledger, item_id("main", "A")).provisional
    assert_read_models_equal_replay(ledger)
