"""Rejected transactions are kept until a person or a later sync closes them."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.audit import AuditTrail
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.persistence.filters import AuditFilter, RejectedFilter
from application.projections import PROJECTIONS
from application.projections.projection import Recorded
from application.recording.rejected_element import MAX_EXCERPT_BYTES
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import AlreadyRecorded, UnknownRejection
from application.recording.retries import Correction, RetryOptions
from application.recording.sync import SyncService
from application.review import ReviewService
from application.status import StatusService
from application.tables.rejected import RejectedTransaction
from domain.actor import Actor
from domain.errors import Invalid
from tests.support.access import ADMIN, DEVICE, caller
from tests.support.builders import CLERK, Clock, element, local_id_of, register
from tests.support.ledger_checks import codes, on_hand

MANAGER = caller(Role.MANAGER, "main")
RETENTION = timedelta(days=30)


@pytest.fixture
def store() -> RejectedTransactionStore:
    return RejectedTransactionStore(RETENTION)


@pytest.fixture
def sync(ledger: Ledger, clock: Clock, store: RejectedTransactionStore) -> SyncService:
    return SyncService(ledger, clock, store)


@pytest.fixture
def review(
    ledger: Ledger, clock: Clock, sync: SyncService, store: RejectedTransactionStore
) -> ReviewService:
    return ReviewService(ledger.recorder, sync, store, AuditTrail(ledger.recorder, clock), clock)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def kept(ledger: Ledger, **wanted: Any) -> list[RejectedTransaction]:
    return list(ledger.recorder.select_rejected(RejectedFilter(**wanted), before=None, limit=1_000))


def test_what_is_rejected_is_kept_with_its_content(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3, note="Frau Müller", occurredAt="2026-01-08T08:00:00+00:00")
    for _ in range(2):
        sync.sync([sale], DEVICE)
    (row,) = kept(ledger)
    assert row.location == "main"
    assert (row.code, row.details) == ("INSUFFICIENT_STOCK", {"on_hand": 0, "requested": 3})
    assert (row.actor, row.key_id, row.device) == ("a device", "k1", "a device")
    assert row.status == "open"
    assert row.first_rejected_at < row.rejected_at == clock.now


def test_sent_with_other_content_it_is_another_one_to_look_at(
    ledger: Ledger, sync: SyncService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale, sale | {"quantity": 4}, sale], CLERK)
    assert [row.local_id for row in kept(ledger)] == [local_id_of(sale)] * 2
    sync.sync([element("INBOUND", tea, 3), sale], CLERK)
    assert [row.status for row in kept(ledger, status="open")] == ["open"]
    sync.sync([sale | {"quantity": 4}], CLERK)
    (row,) = kept(ledger, status="open")
    assert row.code == "LOCAL_ID_REUSED"


def test_what_is_recorded_later_is_resolved(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], CLERK)
    sync.sync([element("INBOUND", tea, 3), sale], DEVICE)
    (row,) = kept(ledger)
    assert (row.status, row.closed_at, row.closed_by) == ("resolved", clock.now, "clerk")


@pytest.mark.parametrize(
    "malformed",
    [
        {"localId": "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01", "quantity": "three"},
        {"note": "\0\ud800" + "x" * 10_000},
        ["not", "an", "object"],
        None,
        7.5,
    ],
)
def test_malformed_ones_are_kept_too(
    ledger: Ledger, sync: SyncService, review: ReviewService, malformed: object
) -> None:
    for _ in range(2):
        sync.sync([malformed], DEVICE)
    (row,) = kept(ledger)
    assert (row.code, row.malformed, row.location) == ("INVALID", True, "main")
    assert 0 < len(row.element) <= MAX_EXCERPT_BYTES
    with pytest.raises(Invalid):
        review.retry(row.rejection_id, MANAGER)
    assert review.dismiss(row.rejection_id, "a test", MANAGER, ADMIN).status == "dismissed"


def test_a_place_that_the_sender_may_not_know_is_not_told(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    there = register(items, location="annex")
    sync.sync([element("INBOUND", there, 3)], DEVICE)
    (row,) = kept(ledger)
    assert (row.code, row.location) == ("UNKNOWN_ITEM", "main")


def test_whoever_has_no_business_there_does_not_take_a_rejection_away(
    ledger: Ledger, sync: SyncService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    sync.sync([sale], caller(Role.DEVICE, "annex"))
    (row,) = kept(ledger)
    assert (row.location, row.code, row.actor) == ("main", "INSUFFICIENT_STOCK", "a device")


def test_who_has_business_there_takes_it_over(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], caller(Role.DEVICE, "annex"))
    assert [row.location for row in kept(ledger)] == ["annex"]
    sync.sync([sale], DEVICE)
    assert [(row.location, row.code) for row in kept(ledger)] == [("main", "INSUFFICIENT_STOCK")]


def test_malformed_ones_of_two_senders_are_two_and_come_back_when_they_were_dismissed(
    ledger: Ledger, sync: SyncService, review: ReviewService
) -> None:
    other = Principal(Actor("another", "k2"), Role.DEVICE, frozenset({"annex"}))
    for sender in (DEVICE, other):
        sync.sync([{}, {}], sender)
    assert sorted(str(row.location) for row in kept(ledger)) == ["annex", "main"]
    (mine,) = kept(ledger, locations=frozenset({"main"}))
    review.dismiss(mine.rejection_id, "a test", MANAGER, ADMIN)
    sync.sync([{}], DEVICE)
    assert len(kept(ledger, status="open")) == 2


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *product(["localId", "itemId", "occurredAt", "type", "reason"], ["\0", "\ud800"]),
        *product(["localId", "itemId", "type"], ["x" * 1_000_000]),
    ],
)
def test_nothing_that_is_sent_keeps_the_rest_from_being_recorded(
    ledger: Ledger, sync: SyncService, tea: UUID, field: str, text: str
) -> None:
    result = sync.sync(
        [element("INBOUND", tea, 1), element("INBOUND", tea, 1) | {field: text}], CLERK
    )
    assert len(result.synced) == 1
    assert codes(result) == ["INVALID"]
    (row,) = kept(ledger)
    assert len(row.message) + len(row.detail_object) < 1_000


def test_other_transaction_under_the_same_name_is_not_told(
    ledger: Ledger, sync: SyncService, items: ItemService, tea: UUID
) -> None:
    there = register(items, location="annex")
    sent = element("INBOUND", there, 7)
    sync.sync([sent, sent | {"itemId": str(tea)}], CLERK)
    (row,) = kept(ledger)
    assert (row.location, row.code, row.details) == ("main", "LOCAL_ID_REUSED", {})
    assert str(there) not in row.message


def test_a_rejection_can_be_dismissed_once_with_a_reason(
    ledger: Ledger, sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    with pytest.raises(Invalid):
        review.dismiss(local_id_of(sale), " ", MANAGER, ADMIN)
    for reason in ("it was counted", "again"):
        row = review.dismiss(local_id_of(sale), reason, MANAGER, ADMIN)
        assert (row.status, row.closed_by, row.closing_reason) == (
            "dismissed", "a manager", "it was counted",
        )  # fmt: skip
    (entry,) = AuditTrail(ledger.recorder).entries(AuditFilter(), before=None, limit=10)
    assert (entry.action, entry.actor) == ("REJECTION_DISMISSED", "the boss")
    assert str(local_id_of(sale)) in entry.detail
    sync.sync([sale], DEVICE)
    assert [row.status for row in kept(ledger)] == ["dismissed"]


def test_what_was_recorded_after_all_can_not_be_dismissed(
    sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], CLERK)
    sync.sync([element("INBOUND", tea, 3)], DEVICE)
    with pytest.raises(AlreadyRecorded):
        review.dismiss(local_id_of(sale), "too late", MANAGER, ADMIN)


def test_nobody_closes_what_they_may_not_see(
    sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    elsewhere = caller(Role.MANAGER, "annex")
    for unknown, who in [(local_id_of(sale), elsewhere), (uuid4(), MANAGER)]:
        with pytest.raises(UnknownRejection):
            review.dismiss(unknown, "mine", who, ADMIN)
        with pytest.raises(UnknownRejection):
            review.retry(unknown, who)


def test_retry_sends_it_again_as_it_was_sent(
    ledger: Ledger, sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3, note="from the window", occurredAt="2026-01-08T08:00:00Z")
    sync.sync([sale], DEVICE)
    assert codes(review.retry(local_id_of(sale), MANAGER)) == ["INSUFFICIENT_STOCK"]
    sync.sync([element("INBOUND", tea, 5)], DEVICE)
    (synced,) = review.retry(local_id_of(sale), MANAGER).synced
    assert (synced.status, synced.on_hand) == ("recorded", 2)
    (recorded,) = StatusService(ledger).statuses([local_id_of(sale)], MANAGER)
    assert isinstance(recorded, Recorded)
    event = recorded.event
    assert (event.note, event.device, event.actor) == ("from the window", "a device", "a manager")
    assert event.occurred_at is not None
    assert [row.status for row in kept(ledger)] == ["resolved"]


def test_retry_may_come_after_an_adjustment(
    ledger: Ledger, sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    found = Correction(local_id=uuid4(), quantity=4, reason="found in the back room")
    result = review.retry(local_id_of(sale), MANAGER, RetryOptions(correction=found))
    assert [synced.status for synced in result.synced] == ["recorded"] * 2
    for again in (found, replace(found, local_id=uuid4())):
        with pytest.raises(AlreadyRecorded):
            review.retry(local_id_of(sale), MANAGER, RetryOptions(correction=again))
    assert on_hand(ledger, tea) == 1


def test_adjustment_that_does_not_help_is_not_recorded(
    ledger: Ledger, sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    too_few = Correction(local_id=uuid4(), quantity=2)
    result = review.retry(local_id_of(sale), MANAGER, RetryOptions(correction=too_few))
    assert (codes(result), result.synced) == (["INSUFFICIENT_STOCK"], [])
    with pytest.raises(Invalid):
        review.retry(
            local_id_of(sale),
            MANAGER,
            RetryOptions(correction=replace(too_few, local_id=local_id_of(sale))),
        )
    assert on_hand(ledger, tea) == 0


def test_transaction_is_not_recorded_without_the_adjustment_that_it_came_with(
    ledger: Ledger, sync: SyncService, review: ReviewService, tea: UUID
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    sync.sync([element("INBOUND", tea, 3)], DEVICE)
    with pytest.raises(Invalid, match=r"adjustment\.quantity"):
        review.retry(
            local_id_of(sale),
            MANAGER,
            RetryOptions(correction=Correction(local_id=uuid4(), quantity=0)),
        )
    assert on_hand(ledger, tea) == 3


def test_adjustment_is_not_recorded_where_the_transaction_is_already(
    ledger: Ledger,
    sync: SyncService,
    review: ReviewService,
    tea: UUID,
    store: RejectedTransactionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two people work on the same rejection at once."""
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    with monkeypatch.context() as patched:
        patched.setattr(store, "resolve", lambda *_: None)
        sync.sync([element("INBOUND", tea, 3), sale], DEVICE)
    result = review.retry(
        local_id_of(sale),
        MANAGER,
        RetryOptions(correction=Correction(local_id=uuid4(), quantity=3)),
    )
    assert [synced.status for synced in result.synced] == ["duplicate"]
    assert on_hand(ledger, tea) == 0


def test_retry_of_what_was_recorded_meanwhile_resolves_it(
    ledger: Ledger,
    sync: SyncService,
    review: ReviewService,
    tea: UUID,
    store: RejectedTransactionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sale = element("OUTBOUND", tea, 3)
    sync.sync([sale], DEVICE)
    with monkeypatch.context() as patched:
        patched.setattr(store, "resolve", lambda *_: None)
        sync.sync([element("INBOUND", tea, 3), sale], DEVICE)
    assert [synced.status for synced in review.retry(local_id_of(sale), MANAGER).synced] == [
        "duplicate"
    ]
    assert [row.status for row in kept(ledger)] == ["resolved"]


def test_closed_ones_are_forgotten_after_a_time_and_open_ones_never(
    ledger: Ledger, sync: SyncService, review: ReviewService, clock: Clock, tea: UUID
) -> None:
    opened, dismissed, resolved = (element("OUTBOUND", tea, n) for n in (3, 4, 5))
    sync.sync([opened, dismissed, resolved], DEVICE)
    review.dismiss(local_id_of(dismissed), "it was counted", MANAGER, ADMIN)
    sync.sync([element("INBOUND", tea, 5), resolved], DEVICE)
    clock.now += RETENTION - timedelta(minutes=1)
    sync.sync([element("INBOUND", tea, 1)], DEVICE)
    sync.sync([element("OUTBOUND", tea, 8)], DEVICE)
    assert {row.local_id for row in kept(ledger)} >= {local_id_of(dismissed), local_id_of(resolved)}
    clock.now += timedelta(minutes=2)
    sync.sync([element("INBOUND", tea, 1)], DEVICE)
    sync.sync([element("OUTBOUND", tea, 9)], DEVICE)
    left = {row.local_id for row in kept(ledger)}
    assert local_id_of(opened) in left
    assert not left & {local_id_of(dismissed), local_id_of(resolved)}


def test_rejections_survive_a_rebuild(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    sync.sync([element("OUTBOUND", tea, 3)], DEVICE)
    before = kept(ledger)
    for projection in PROJECTIONS:
        rebuild(ledger, projection, lambda *_: None)
    assert kept(ledger) == before


def test_they_are_listed_the_newest_first_and_filtered(
    ledger: Ledger, sync: SyncService, review: ReviewService, items: ItemService, tea: UUID
) -> None:
    cup = register(items, "CUP", "annex")
    for quantity in range(1, 6):
        sync.sync([element("OUTBOUND", tea, quantity)], DEVICE)
    sync.sync([element("OUTBOUND", cup, 7), element("OUTBOUND", uuid4(), 8)], CLERK)
    found: list[RejectedTransaction] = []
    before = None
    while page := ledger.recorder.select_rejected(RejectedFilter(), before=before, limit=2):
        found += page
        before = (page[-1].first_rejected_at, page[-1].rejection_id)
    assert found == kept(ledger)
    assert len(found) == 7
    assert len(kept(ledger, locations=frozenset({"main"}))) == 5
    assert len(kept(ledger, code="UNKNOWN_ITEM")) == 1
    assert len(kept(ledger, item_id=cup)) == 1
    assert len(kept(ledger, actor="clerk")) == 2
    assert len(kept(ledger, device="a device")) == 5
    assert len(kept(ledger, rejected_from=found[0].first_rejected_at)) == 2


def test_clock_that_is_ahead_for_a_moment_makes_nothing_forgotten(
    ledger: Ledger, sync: SyncService, review: ReviewService, clock: Clock, tea: UUID
) -> None:
    dismissed = element("OUTBOUND", tea, 4)
    sync.sync([dismissed], DEVICE)
    review.dismiss(local_id_of(dismissed), "it was counted", MANAGER, ADMIN)
    clock.now += timedelta(days=3_650)
    sync.sync([element("INBOUND", tea, 1), element("OUTBOUND", tea, 8)], DEVICE)
    assert local_id_of(dismissed) in {row.local_id for row in kept(ledger)}


def test_sender_with_too_many_open_rejections_keeps_them_itself(
    ledger: Ledger, clock: Clock, tea: UUID, review: ReviewService
) -> None:
    sync = SyncService(ledger, clock, RejectedTransactionStore(max_open=3))
    sales = [element("OUTBOUND", tea, n + 100) for n in range(5)]
    result = sync.sync([*sales, {"localId": "nonsense"}, element("INBOUND", tea, 2)], DEVICE)
    assert codes(result) == ["INSUFFICIENT_STOCK"] * 3 + ["TOO_MANY_REJECTIONS"] * 3
    assert [one.rejection.retryable for one in result.failed] == [False] * 3 + [True] * 3
    assert result.failed[3].rejection.details["rejected_as"] == "INSUFFICIENT_STOCK"
    assert len(result.synced) == 1
    assert len(kept(ledger)) == 3
    again = sync.sync(sales, DEVICE)  # The same three do not count twice.
    assert codes(again) == ["INSUFFICIENT_STOCK"] * 3 + ["TOO_MANY_REJECTIONS"] * 2
    assert codes(sync.sync([element("OUTBOUND", tea, 99)], CLERK)) == ["INSUFFICIENT_STOCK"]
    review.dismiss(local_id_of(sales[0]), "dealt with", MANAGER, ADMIN)
    assert codes(sync.sync(sales[3:], DEVICE)) == ["INSUFFICIENT_STOCK", "TOO_MANY_REJECTIONS"]


def test_same_sale_twice_in_a_batch_that_is_not_kept_is_told_so_twice(
    ledger: Ledger, clock: Clock, tea: UUID
) -> None:
    sync = SyncService(ledger, clock, RejectedTransactionStore(max_open=1))
    sync.sync([element("OUTBOUND", tea, 50)], DEVICE)
    sale = element("OUTBOUND", tea, 60)
    assert codes(sync.sync([sale, sale], DEVICE)) == ["TOO_MANY_REJECTIONS"] * 2
