"""Idempotency: what is a duplicate, and which differences make it another transaction."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from application.access.audit import AuditTrail
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import Arrival, parse_batch
from application.parsing.transactions import TRANSACTION
from application.persistence.filters import MovementFilter, RejectedFilter
from application.projections.movements import Movement
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejection_errors import AlreadyRecorded
from application.recording.retries import Correction, RetryOptions
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.review import ReviewService
from application.tables.rejected import RejectedTransaction
from domain.errors import Invalid, LocalIdReused, Unsupported
from tests.support.access import caller
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import codes, on_hand, only_failure

MANAGER = caller(Role.MANAGER, "main")
DEVICE = caller(Role.DEVICE, "main")
NINE = "2026-01-08T09:00:00+00:00"


@pytest.fixture
def tea(items: ItemService, sync: SyncService) -> UUID:
    item_id = register(items)
    sync.sync([element("INBOUND", item_id, 10)], CLERK)
    return item_id


@pytest.fixture
def review(ledger: Ledger, clock: Clock, sync: SyncService) -> ReviewService:
    store = RejectedTransactionStore()
    return ReviewService(ledger.recorder, sync, store, AuditTrail(ledger.recorder, clock), clock)


def rejections(ledger: Ledger, **wanted: Any) -> list[RejectedTransaction]:
    return list(ledger.recorder.select_rejected(RejectedFilter(**wanted), before=None, limit=100))


def journal(ledger: Ledger) -> list[Movement]:
    return list(ledger.recorder.select_movements(MovementFilter(), before=None, limit=100))


def arrive(
    sync: SyncService, sent: dict[str, Any], received: datetime, **arrival: Any
) -> SyncResult:
    """Submits one element as the API does, with the clocks of server and device."""
    came = Arrival(received, arrival.get("sent_at"), arrival.get("device", DEVICE.device))
    return sync.submit(parse_batch([sent], came), DEVICE).result()


class TestIdempotency:
    def test_recorded_key_with_other_content_is_refused(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        tea, cup = register(items), register(items, "CUP-01")
        first = element("INBOUND", tea, 5)
        sync.sync([first], CLERK)
        changes: list[dict[str, Any]] = [{"quantity": 6}, {"itemId": str(cup)}, {"type": "COUNT"}]
        for change in changes:
            failed = only_failure(sync.sync([first | change], CLERK))
            assert failed.rejection == LocalIdReused(
                type="INBOUND", item_id=tea, quantity=5, occurred_at=None, reference=None
            )
        assert on_hand(ledger, tea) == 5

    def test_other_metadata_is_the_same_content(
        self, sync: SyncService, items: ItemService
    ) -> None:
        first = element("INBOUND", register(items), 5, note="a")
        sync.sync([first], CLERK)
        (again,) = sync.sync([first | {"note": "b", "device": "other"}], CLERK).synced
        assert again.status == "duplicate"

    @pytest.mark.parametrize(("type", "quantity"), [("ADJUST", 2), ("COUNT", 2)])
    def test_adjustments_and_counts_are_known_again(
        self, sync: SyncService, items: ItemService, type: str, quantity: int
    ) -> None:
        tea = register(items)
        first = element(type, tea, quantity)
        other = "COUNT" if type == "ADJUST" else "ADJUST"
        sync.sync([first, element("INBOUND", tea, 7)], CLERK)
        assert sync.sync([first], CLERK).synced[0].status == "duplicate"
        assert codes(sync.sync([first | {"type": other}], CLERK)) == ["LOCAL_ID_REUSED"]

    def test_key_twice_in_one_batch_is_decided_in_order(
        self, sync: SyncService, items: ItemService, ledger: Ledger
    ) -> None:
        tea = register(items)
        first = element("INBOUND", tea, 5)
        result = sync.sync([first, first, first | {"quantity": 6}], CLERK)
        assert [s.status for s in result.synced] == ["recorded", "duplicate"]
        assert result.synced[0].position == result.synced[1].position
        assert codes(result) == ["LOCAL_ID_REUSED"]
        assert on_hand(ledger, tea) == 5

    def test_key_that_failed_is_judged_again(self, sync: SyncService, items: ItemService) -> None:
        tea = register(items)
        sale = element("OUTBOUND", tea, 5)
        assert codes(sync.sync([sale], CLERK)) == ["INSUFFICIENT_STOCK"]
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        assert sync.sync([sale], CLERK).synced[0].status == "duplicate"

    def test_key_that_failed_earlier_in_the_batch_is_judged_again(
        self, sync: SyncService, items: ItemService
    ) -> None:
        tea = register(items)
        sale = element("OUTBOUND", tea, 5)
        result = sync.sync([sale, element("INBOUND", tea, 5), sale], CLERK)
        assert [(s.index, s.status) for s in result.synced] == [
            (0, "duplicate"),
            (1, "recorded"),
            (2, "recorded"),
        ]
        assert result.failed == []

    def test_duplicate_of_a_discontinued_item_is_still_a_duplicate(
        self, sync: SyncService, items: ItemService
    ) -> None:
        tea = register(items)
        first = element("INBOUND", tea, 5)
        sync.sync([first], CLERK)
        items.discontinue(tea, CLERK)
        assert sync.sync([first], CLERK).synced[0].status == "duplicate"
        assert codes(sync.sync([element("INBOUND", tea, 5)], CLERK)) == ["ITEM_DISCONTINUED"]


class TestContent:
    @pytest.mark.parametrize(
        "other",
        [
            {"occurredAt": "2026-01-08T09:00:01Z"},
            {"occurredAt": "gibberish"},
            {"occurredAt": None},
            {"reference": "till-1:8"},
            {"reference": None},
            {"quantity": 2},
        ],
    )
    def test_two_sales_of_one_piece_are_two(
        self, sync: SyncService, ledger: Ledger, tea: UUID, other: dict[str, Any]
    ) -> None:
        sale = element("OUTBOUND", tea, 1, occurredAt=NINE, reference="till-1:7")
        sync.sync([sale], DEVICE)
        assert codes(sync.sync([sale | other], DEVICE)) == ["LOCAL_ID_REUSED"]
        (row,) = rejections(ledger, status="open")
        assert (row.local_id, row.malformed) == (UUID(sale["localId"]), False)
        assert on_hand(ledger, tea) == 9

    @pytest.mark.parametrize(
        "same",
        [
            {"occurredAt": "2026-01-08T18:00:00.000+09:00[Asia/Seoul]"},
            {"quantity": 1.0},
            {"type": "outbound"},
            {"note": "b", "reason": "c", "device": "d"},
            {"age": 3},
            {"requires": ["reference"]},
            {"colour": "red"},
        ],
    )
    def test_other_spelling_or_description_is_the_same(
        self, sync: SyncService, tea: UUID, same: dict[str, Any]
    ) -> None:
        sale = element("OUTBOUND", tea, 1, occurredAt=NINE, reference="till-1:7", note="a")
        sync.sync([sale], DEVICE)
        again = sale | same | {"localId": sale["localId"].upper()}
        assert [one.status for one in sync.sync([again], DEVICE).synced] == ["duplicate"]

    @pytest.mark.parametrize("time", ["", "gibberish", "0001-01-01T00:00:00+09:00", 7, "x" * 99])
    def test_time_that_can_not_be_read_is_compared_as_it_was_sent(
        self, sync: SyncService, ledger: Ledger, tea: UUID, time: object
    ) -> None:
        sale = element("OUTBOUND", tea, 1, occurredAt=time)
        first = sync.sync([sale], DEVICE)
        assert [one.code for one in first.warnings[0]] == ["UNREADABLE"]
        assert journal(ledger)[0].occurred_at is None
        assert sync.sync([sale], DEVICE).synced[0].status == "duplicate"
        other = sync.sync([sale | {"occurredAt": NINE}], DEVICE)
        assert codes(other) == ["LOCAL_ID_REUSED"]

    @pytest.mark.parametrize(
        ("time", "same"), [(1764000000000, 1764000000000.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
    )
    def test_time_that_is_no_text_has_one_spelling(
        self, sync: SyncService, tea: UUID, time: object, same: object
    ) -> None:
        sale = element("OUTBOUND", tea, 1, occurredAt=time)
        sync.sync([sale], DEVICE)
        assert sync.sync([sale | {"occurredAt": same}], DEVICE).synced[0].status == "duplicate"

    def test_the_same_under_any_correction_of_its_clock(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        hour = timedelta(hours=1)
        received = datetime(2026, 1, 8, 9, tzinfo=UTC)
        for sent in (
            element("OUTBOUND", tea, 1, occurredAt="2019-01-01T00:00:00Z"),
            element("OUTBOUND", tea, 1),
            element("OUTBOUND", tea, 1, occurredAt="gibberish"),
        ):
            recorded = arrive(sync, sent | {"age": 60.5}, received)
            assert recorded.synced[0].status == "recorded"
            moved = journal(ledger)[0]
            assert moved.occurred_at == received - timedelta(seconds=60.5)
            for late in (0 * hour, hour):
                again = sent | {"age": 60.5 + late.total_seconds()}
                assert arrive(sync, again, received + late).synced[0].status == "duplicate"
            assert sync.sync([sent], DEVICE).synced[0].status == "duplicate"

    def test_sent_at_puts_right_what_is_off_by_more_than_half_a_minute(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        received = datetime(2026, 1, 8, 9, tzinfo=UTC)
        for off, device, right in [
            (timedelta(days=400), None, True),
            (timedelta(seconds=31), None, True),
            (timedelta(seconds=-31), None, True),
            (timedelta(seconds=30), None, False),
            (timedelta(days=400), "another", False),
            (timedelta(days=400), DEVICE.device, True),
        ]:
            happened = received - timedelta(minutes=10)
            sent = element("OUTBOUND", tea, 1, occurredAt=(happened - off).isoformat())
            sent |= {} if device is None else {"device": device}
            arrive(sync, sent, received, sent_at=received - off)
            row = journal(ledger)[0]
            assert row.occurred_at == (happened if right else happened - off)
            assert row.device_time == ((happened - off).isoformat() if right else None)
            sync.sync([element("INBOUND", tea, 1)], DEVICE)

    def test_kept_rejection_keeps_its_goods_time(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        received = datetime(2026, 1, 8, 9, tzinfo=UTC)
        sale = element("OUTBOUND", tea, 50, occurredAt="2019-01-01T00:00:00Z")
        unsupported = element("TRANSFER", tea, 1)
        for sent in (sale, unsupported):
            arrive(sync, sent | {"age": 60}, received)
        assert {row.moved_at for row in rejections(ledger)} == {received - timedelta(minutes=1)}
        sync.sync([element("INBOUND", tea, 50)], CLERK)
        review.retry(UUID(sale["localId"]), MANAGER)
        row = journal(ledger)[0]
        assert row.occurred_at == received - timedelta(minutes=1)
        assert row.device_time == "2019-01-01T00:00:00+00:00"
        assert sync.sync([sale], DEVICE).synced[0].status == "duplicate"

    def test_first_word_on_its_goods_time_stays(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        received = datetime(2026, 1, 8, 9, tzinfo=UTC)
        slow = timedelta(hours=3)
        sale = element("OUTBOUND", tea, 50, occurredAt=(received - slow).isoformat())
        arrive(sync, sale, received, sent_at=received - slow)
        arrive(sync, sale, received, sent_at=received)
        assert [row.moved_at for row in rejections(ledger)] == [received]

    @pytest.mark.parametrize("nobodys", [UUID(int=0), UUID(int=2**128 - 1)])
    def test_ids_that_are_nobodys_are_refused(
        self, sync: SyncService, tea: UUID, nobodys: UUID
    ) -> None:
        sent = element("OUTBOUND", tea, 1, localId=str(nobodys))
        result = sync.sync([sent, sent | {"quantity": 2}], DEVICE)
        assert codes(result) == ["INVALID", "INVALID"]


class TestReusedId:
    @pytest.fixture
    def reused(self, sync: SyncService, tea: UUID) -> dict[str, Any]:
        """A second sale with the `localId` of the first one."""
        first = element("OUTBOUND", tea, 1, occurredAt=NINE)
        second = first | {"occurredAt": "2026-01-08T09:30:00+00:00"}
        sync.sync([first, second], DEVICE)
        return second

    def test_retry_records_it_under_a_new_id(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, reused: dict[str, Any]
    ) -> None:
        name = UUID(reused["localId"])
        (row,) = rejections(ledger)
        (synced,) = review.retry(name, MANAGER).synced
        assert synced.local_id == uuid5(name, str(row.rejection_id))
        assert synced.on_hand == 8
        assert [one.status for one in rejections(ledger)] == ["resolved"]
        with pytest.raises(AlreadyRecorded):
            review.retry(name, MANAGER)
        assert sync.sync([reused], DEVICE).failed  # still refused: the id belongs to another one

    def test_retry_takes_the_id_that_is_given(
        self, review: ReviewService, ledger: Ledger, reused: dict[str, Any]
    ) -> None:
        name, new = UUID(reused["localId"]), uuid4()
        with pytest.raises(Invalid, match="localId"):
            review.retry(name, MANAGER, RetryOptions(local_id=name))
        (synced,) = review.retry(name, MANAGER, RetryOptions(local_id=new)).synced
        assert synced.local_id == new
        with pytest.raises(AlreadyRecorded):
            review.retry(name, MANAGER, RetryOptions(local_id=uuid4()))
        assert len(journal(ledger)) == 3

    def test_retry_that_fails_leaves_one_row_open(
        self, sync: SyncService, review: ReviewService, ledger: Ledger, tea: UUID
    ) -> None:
        first = element("OUTBOUND", tea, 1)
        sync.sync([first, first | {"quantity": 50}], DEVICE)
        name = UUID(first["localId"])
        assert codes(review.retry(name, MANAGER)) == ["INSUFFICIENT_STOCK"]
        (row,) = rejections(ledger)
        assert (row.status, row.code, row.local_id) == ("open", "LOCAL_ID_REUSED", name)
        found = Correction(local_id=uuid4(), quantity=50)
        assert len(review.retry(name, MANAGER, RetryOptions(correction=found)).synced) == 2
        assert [one.status for one in rejections(ledger)] == ["resolved"]

    def test_others_keep_their_id(
        self, sync: SyncService, review: ReviewService, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 50)
        sync.sync([sale], DEVICE)
        with pytest.raises(Invalid, match="localId"):
            review.retry(UUID(sale["localId"]), MANAGER, RetryOptions(local_id=uuid4()))


class TestPutRight:
    def test_recorded_id_closes_what_was_malformed_under_it(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 1)
        sync.sync([sale | {"quantity": "one"}, sale | {"quantity": None}, {"quantity": 1}], DEVICE)
        assert len(rejections(ledger, status="open")) == 3
        sync.sync([sale], caller(Role.CLERK, "main"))
        (left,) = rejections(ledger, status="open")
        assert left.local_id is None

    def test_it_is_closed_in_the_same_batch_and_when_it_comes_late(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 1)
        for bad in ({"quantity": "one"}, {"quantity": "two"}):
            assert codes(sync.sync([sale | bad, sale], DEVICE)) == ["INVALID"]
            assert codes(sync.sync([sale | bad], DEVICE)) == ["INVALID"]
        assert rejections(ledger, status="open") == []

    def test_it_is_closed_when_the_corrected_one_is_judged_again(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 99)
        sync.sync([sale | {"quantity": "many"}], CLERK)
        assert codes(sync.sync([sale], CLERK)) == ["INSUFFICIENT_STOCK"]
        sync.sync([element("INBOUND", tea, 99)], CLERK)
        assert rejections(ledger, status="open") == []

    def test_stranger_closes_nothing(
        self, sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 1)
        sync.sync([sale | {"quantity": "one"}], DEVICE)
        there = register(items, location="annex")
        other = element("INBOUND", there, 1, localId=sale["localId"])
        sync.sync([other], CLERK)
        assert [row.status for row in rejections(ledger)] == ["open"]

    def test_what_only_a_newer_version_understands_is_kept_whole_and_retried(
        self,
        sync: SyncService,
        review: ReviewService,
        ledger: Ledger,
        tea: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        lot = element("OUTBOUND", tea, 1, requires=["reference", "lot"], lot={"id": "L" * 9_000})
        result = sync.sync([lot], DEVICE)
        assert codes(result) == ["UNSUPPORTED"]
        assert result.failed[0].rejection.details == {"field": "requires", "unknown": "lot"}
        name = UUID(lot["localId"])
        with pytest.raises(Unsupported):
            review.retry(name, MANAGER)
        monkeypatch.setitem(TRANSACTION.accepted, "lot", "lot")  # The server is upgraded.
        (synced,) = review.retry(name, MANAGER).synced
        assert (synced.status, synced.local_id) == ("recorded", name)
        assert [row.status for row in rejections(ledger)] == ["resolved"]

    def test_understood_after_an_upgrade_it_stays_one_row_until_there_is_stock(
        self,
        sync: SyncService,
        review: ReviewService,
        ledger: Ledger,
        tea: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        lot = element("OUTBOUND", tea, 50, requires="lot")
        sync.sync([lot], DEVICE)
        monkeypatch.setitem(TRANSACTION.accepted, "lot", "lot")
        assert codes(review.retry(UUID(lot["localId"]), MANAGER)) == ["INSUFFICIENT_STOCK"]
        (row,) = rejections(ledger)
        assert (row.code, row.malformed, row.status) == ("INSUFFICIENT_STOCK", False, "open")
        sync.sync([element("INBOUND", tea, 50), lot], DEVICE)
        assert [row.status for row in rejections(ledger)] == ["resolved"]

    def test_fact_of_another_type_is_not_closed_with_its_id(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        sale = element("OUTBOUND", tea, 1)
        sync.sync([sale, sale | {"type": "RETURN", "quantity": 5}], DEVICE)
        assert [row.code for row in rejections(ledger, status="open")] == ["UNSUPPORTED"]
        sync.sync([sale], DEVICE)
        assert [row.code for row in rejections(ledger, status="open")] == ["UNSUPPORTED"]

    def test_type_of_a_newer_version_is_unsupported_whatever_else_it_says(
        self, sync: SyncService, tea: UUID
    ) -> None:
        sent = {"localId": str(uuid4()), "type": "SHIP", "transferId": str(uuid4())}
        assert codes(sync.sync([sent], DEVICE)) == ["UNSUPPORTED"]


class TestWarnings:
    @pytest.mark.parametrize(
        ("more", "warned"),
        [
            ({"refrence": "x"}, ("UNKNOWN_FIELD", "refrence")),
            ({"note": "x" * 2_001}, ("CUT", "note")),
            ({"reason": "x" * 65}, ("MOVED", "reason")),
            ({"reason": "found behind the shelf"}, ("MOVED", "reason")),
            ({"reason": ["damaged"]}, ("UNREADABLE", "reason")),
            ({"scanned": "x" * 201}, ("UNREADABLE", "scanned")),
            ({"scanned": "x\0"}, ("UNREADABLE", "scanned")),
            ({"metadata": "a text"}, ("UNREADABLE", "metadata")),
            ({"metadata": {str(n): "" for n in range(21)}}, ("UNREADABLE", "metadata")),
            ({"metadata": {"a": "x" * 4_096}}, ("UNREADABLE", "metadata")),
            ({"metadata": {"a": {"b": "c"}}}, ("UNREADABLE", "metadata")),
            ({"unitCost": {"amount": 1, "currency": "EUR"}}, ("UNREADABLE", "unitCost")),
            ({"entered": {"quantity": 1, "unit": "carton"}}, ("UNREADABLE", "entered")),
            ({"entered": {"quantity": "x", "unit": "ct", "per": 1}}, ("UNREADABLE", "entered")),
            ({"reference": "x" * 201}, ("CUT", "reference")),
            ({"note": {"a": 1}}, ("UNREADABLE", "note")),
            ({"age": -1}, ("UNREADABLE", "age")),
            ({"age": 7_776_001}, ("UNREADABLE", "age")),
            ({"occurredAt": "2026-01-08T09:14:03"}, ("UNREADABLE", "occurredAt")),
            ({"occurred_at": 1767830043}, ("UNREADABLE", "occurredAt")),
        ],
    )
    def test_what_is_no_matter_of_stock_is_told_and_passed_over(
        self, sync: SyncService, tea: UUID, more: dict[str, Any], warned: tuple[str, str]
    ) -> None:
        result = sync.sync([element("INBOUND", tea, 1), element("OUTBOUND", tea, 1) | more], CLERK)
        assert not result.failed
        assert [(one.code, one.field) for one in result.warnings[1]] == [warned]
        assert 0 not in result.warnings

    def test_unknown_fields_are_told_up_to_five(self, sync: SyncService, tea: UUID) -> None:
        many = {f"field{n}": n for n in range(9)}
        result = sync.sync([element("INBOUND", tea, 1) | many], CLERK)
        assert len(result.warnings[0]) == 5

    def test_failed_row_has_its_warnings_too(self, sync: SyncService, tea: UUID) -> None:
        result = sync.sync([element("OUTBOUND", tea, 99, colour="red")], CLERK)
        assert (codes(result), len(result.warnings[0])) == (["INSUFFICIENT_STOCK"], 1)

    def test_texts_that_are_numbers_are_taken(
        self, sync: SyncService, ledger: Ledger, tea: UUID
    ) -> None:
        result = sync.sync([element("INBOUND", tea, 1, reference=1182)], CLERK)
        assert not result.warnings
        assert journal(ledger)[0].reference == "1182"
