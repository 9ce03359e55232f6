"""Reference client: its file, its retries and its copy of the stock."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi.testclient import TestClient

from interface.client import ClientError, RequestFailed, StockClient, Unreachable
from interface.client.store import SCHEMA_VERSION
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.server import TIMEOUT_SECONDS

NewDevice = Callable[..., StockClient]

RECORD_AND_HANG = """
import sys, time
from uuid import UUID
from interface.client import StockClient
device = StockClient(sys.argv[1], url="http://127.0.0.1:1")
for quantity in range(1, 4):
    print(device.record("OUTBOUND", UUID(int=7), quantity), flush=True)
time.sleep(60)
"""


@pytest.fixture
def new_device(tmp_path: Path) -> Iterator[NewDevice]:
    opened: list[StockClient] = []

    def make(transport: httpx2.BaseTransport, name: str = "a", **how: object) -> StockClient:
        how = {"attempts": 3, "first_pause": 0.001} | how
        device = StockClient(
            tmp_path / f"{name}.db",
            url="http://testserver",
            transport=transport,
            **how,  # type: ignore[arg-type]
        )
        opened.append(device)
        return device

    yield make
    for device in opened:
        device.close()


@pytest.fixture
def device(api: TestClient, new_device: NewDevice) -> StockClient:
    return new_device(api._transport)


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


Answer = httpx2.Response | Exception | Callable[[], httpx2.Response]


class Unpacked(httpx2.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"not packed at all"


def torn() -> httpx2.Response:
    """An answer whose body is not gzip, although its header says so."""
    return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=Unpacked())


def answering(*answers: Answer) -> tuple[httpx2.MockTransport, list[str]]:
    """A fake server that gives these answers in turn, and the list of requested paths."""
    left, asked = list(answers), []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found() if callable(found) else found

    return httpx2.MockTransport(answer), asked


def problem(status: int, code: str) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "detail": "no", "details": {}})


def test_what_is_recorded_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "handheld.db"
    with subprocess.Popen(
        [sys.executable, "-c", RECORD_AND_HANG, str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        recorded = [UUID(process.stdout.readline().strip()) for _ in range(3)]
        process.kill()
        process.wait(TIMEOUT_SECONDS)
    with StockClient(file, url="http://127.0.0.1:1") as device:
        assert [pending.local_id for pending in device.pending()] == recorded
        assert [pending.quantity for pending in device.pending()] == [1, 2, 3]
        synchronous = device._store.run("PRAGMA synchronous")[0][0]
        assert synchronous == 2  # FULL: a commit is on the disk


def test_what_is_no_json_is_not_taken_for_it_would_block_the_rest(device: StockClient) -> None:
    with pytest.raises(ValueError, match="int or a Decimal"):
        device.record("INBOUND", uuid4(), float("nan"))  # type: ignore[arg-type]
    assert device.pending() == []


def test_first_sync_brings_the_stock_and_sends_what_is_pending(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    sync(api, element("INBOUND", tea, 5))
    device.record("OUTBOUND", tea, 2, note="gift")
    report = device.sync()
    assert (report.recorded, report.rejected, device.pending()) == (1, 0, [])
    (item,) = device.stock()
    assert (item.location, item.sku, item.name, item.unit) == ("main", "TEA-250", "Tea", "box")
    assert (item.on_hand, item.available, item.active) == (3, 3, True)
    (movement,) = api.get("/movements?type=OUTBOUND").json()["items"]
    assert (movement["note"], movement["delta"]) == ("gift", -2)
    assert movement["occurredAt"] is not None


def test_one_request_both_ways(api: TestClient, new_device: NewDevice, tea: UUID) -> None:
    asked: list[str] = []

    class Counting(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            asked.append(f"{request.method} {request.url.path}")
            return api._transport.handle_request(request)

    device = new_device(Counting())
    device.sync()
    asked.clear()
    sync(api, element("INBOUND", tea, 5))
    device.record("OUTBOUND", tea, 2)
    report = device.sync()
    assert asked == ["POST /sync/transactions"]
    assert (report.recorded, report.changes) == (1, 2)
    assert device.stock()[0].on_hand == 3


def test_stock_takes_what_is_pending_into_account(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    cup = register(api, "CUP-01")
    sync(api, element("INBOUND", tea, 5), element("INBOUND", cup, 5))
    device.sync()
    device.record("OUTBOUND", tea, 2)
    device.record("COUNT", cup, 9)
    device.record("ADJUST", cup, -1)
    device.record("INBOUND", cup, 3)
    device.record("OUTBOUND", uuid4(), 3)
    assert {item.sku: (item.on_hand, item.available) for item in device.stock()} == {
        "CUP-01": (5, 11),
        "TEA-250": (5, 3),
    }


def test_copy_follows_what_happens_to_items(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    device.sync()
    register(api, "CUP-01")
    api.patch(f"/items/{tea}", json={"name": "Tee", "safetyStock": 7}).raise_for_status()
    api.post(f"/items/{tea}/discontinue").raise_for_status()
    device.sync()
    cup, item = device.stock()
    assert (cup.sku, cup.active) == ("CUP-01", True)
    assert (item.name, item.safety_stock, item.active) == ("Tee", 7, False)
    api.post(f"/items/{tea}/reactivate").raise_for_status()
    device.sync()
    assert device.stock()[1].active


def test_rejected_ones_are_listed_and_leave_the_list_when_they_are_recorded_after_all(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    gone, slip, again = (device.record("OUTBOUND", tea, n) for n in (3, 300, 2))
    assert device.sync().rejected == 3
    assert [(one.local_id, one.code) for one in device.rejected()] == [
        (local_id, "INSUFFICIENT_STOCK") for local_id in (gone, slip, again)
    ]
    assert device.rejected()[0].details == {"onHand": 0, "requested": 3}
    assert device.dismiss(slip)
    assert not device.dismiss(slip)
    sync(api, element("INBOUND", tea, 3))
    device.sync()
    assert [one.local_id for one in device.rejected()] == [again]
    assert device.retry(again)
    assert not device.retry(uuid4())
    sync(api, element("INBOUND", tea, 2))
    assert device.sync().recorded == 1
    assert device.rejected() == device.pending() == []
    assert device.stock()[0].on_hand == 0


def test_a_batch_that_is_too_large_is_sent_in_parts(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    """The server of these tests accepts 50 transactions per batch."""
    for _ in range(120):
        device.record("INBOUND", tea, 1)
    assert device.sync().recorded == 120
    assert device.stock()[0].on_hand == 120


def test_place_that_the_ledger_does_not_know_is_left_for_a_new_copy(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    for change in (lambda: None, lambda: device.record("INBOUND", tea, 1)):
        device.sync()
        device._store.bookmark = "7-0123456789ab"
        device._store.replace_stock([])
        change()
        device.sync()
        assert [item.item_id for item in device.stock()] == [tea]


@pytest.mark.parametrize("now", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)])
def test_device_with_a_dead_clock_records_under_ids_of_their_own(
    api: TestClient, new_device: NewDevice, tea: UUID, now: datetime
) -> None:
    dead = new_device(api._transport, clock=lambda: now)
    ids = {dead.record("INBOUND", tea, 1) for _ in range(10)}
    assert {local_id.version for local_id in ids} == {7}
    assert len(ids) == dead.sync().recorded == 10


def test_clock_that_is_off_is_reported(api: TestClient, new_device: NewDevice, tea: UUID) -> None:
    slow = new_device(api._transport, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    assert slow.sync().clock_offset is None
    slow.record("INBOUND", tea, 1)
    offset = slow.sync().clock_offset
    assert offset is not None
    assert abs(offset - timedelta(hours=1)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ConnectError("no network"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
        problem(503, "STORE_UNAVAILABLE"),
        problem(429, "RATE_LIMITED"),
        problem(408, "REQUEST_TIMEOUT"),
        httpx2.Response(502, text="<html>"),
        httpx2.Response(302, headers={"Location": "http://login.example"}),
        httpx2.Response(200, text="<html>Welcome to our free network"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json={"login": "please"}),
        torn,
    ],
    ids=lambda trouble: getattr(trouble, "__name__", repr(trouble)),
)
def test_what_may_pass_is_tried_again_and_then_left(new_device: NewDevice, trouble: Answer) -> None:
    transport, asked = answering(trouble, trouble, trouble)
    device = new_device(transport)
    local_id = device.record("INBOUND", uuid4(), 1)
    with pytest.raises(Unreachable):
        device.sync()
    assert asked == ["/sync/transactions"] * 3
    assert [pending.local_id for pending in device.pending()] == [local_id]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (500, "INTERNAL_ERROR")],
)
def test_what_will_not_pass_is_not_tried_again(
    new_device: NewDevice, status: int, code: str
) -> None:
    transport, asked = answering(problem(status, code))
    device = new_device(transport)
    device.record("INBOUND", uuid4(), 1)
    with pytest.raises(RequestFailed) as refused:
        device.sync()
    assert (refused.value.status, refused.value.code, len(asked)) == (status, code, 1)
    assert len(device.pending()) == 1


def test_pause_is_as_long_as_the_server_asks_for_at_the_least(
    new_device: NewDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    busy = problem(503, "STORE_UNAVAILABLE")
    busy.headers["Retry-After"] = "7"
    transport, _ = answering(busy, httpx2.ConnectError("no network"), problem(401, "NO"))
    with pytest.raises(RequestFailed):
        new_device(transport, first_pause=0.5).sync()
    assert 7 <= pauses[0] <= 7.5
    assert 0 <= pauses[1] <= 1


def test_conflict_stays_pending_for_the_next_sync(new_device: NewDevice) -> None:
    conflict: dict[str, object] = {
        "index": 0, "itemId": None, "code": "CONFLICT", "message": "busy",
        "retryable": True, "details": {},
    }  # fmt: skip

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET" and request.url.path == "/items":
            return httpx2.Response(200, json={"items": [], "nextCursor": None, "nextAfter": "0"})
        changes = {"items": [], "nextAfter": "0", "hasMore": False, "head": 0}
        if request.method == "GET":
            return httpx2.Response(200, json=changes)
        sent = json.loads(request.content)["transactions"]
        failed = [conflict | {"localId": one["localId"]} for one in sent]
        body = {"synced": [], "failed": failed, "position": 0, "serverTime": "2026-01-08T09:00:00Z"}
        return httpx2.Response(200, json=body)

    device = new_device(httpx2.MockTransport(answer))
    local_id = str(device.record("INBOUND", uuid4(), 1))
    device.sync()
    assert [str(pending.local_id) for pending in device.pending()] == [local_id]
    assert device.rejected() == []


SCHEMAS = Path(__file__).parents[1] / "application" / "schemas"


@pytest.mark.parametrize(
    "file", sorted(SCHEMAS.glob("*.device.sqlite")), ids=lambda file: file.name
)
def test_file_of_an_earlier_version_opens_with_its_outbox(file: Path, tmp_path: Path) -> None:
    version = file.name.partition(".")[0]
    known = json.loads((SCHEMAS / f"{version}.json").read_text())["device"]
    shutil.copy(file, tmp_path / "device.db")
    for _ in range(2):
        with StockClient(tmp_path / "device.db", url="http://127.0.0.1:1") as shop:
            assert [str(one.local_id) for one in shop.pending()] == [known["pending"]]
            assert [str(one.local_id) for one in shop.rejected()] == [known["rejected"]]


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    StockClient(tmp_path / "device.db", url="http://127.0.0.1:1").close()
    with closing(sqlite3.connect(tmp_path / "device.db")) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(ClientError, match=f"schema {SCHEMA_VERSION + 1}"):
        StockClient(tmp_path / "device.db", url="http://127.0.0.1:1")


BAD_RECORDS: dict[str, dict[str, Any]] = {
    "a note of 17 MB": {"note": "x" * 17_000_000},
    "a long reference": {"reference": "x" * 201},
    "half a surrogate pair": {"reason": "\ud800"},
    "a NUL": {"note": "a\0b"},
    "no number": {"quantity": "5"},
    "a float": {"quantity": 1.5},
    "too many places": {"quantity": Decimal("0.0000001")},
    "no decimal": {"quantity": Decimal("NaN")},
    "a void": {"type": "VOID"},
    "nothing": {"quantity": 0},
    "too much": {"quantity": 2**53},
    "another type": {"type": "SOLD"},
    "no UUID": {"item_id": "25611397-d162-5417-9427-6c759c4ceb9c"},
}


@pytest.mark.parametrize("what", BAD_RECORDS)
def test_what_no_ledger_takes_is_refused_when_it_is_recorded(
    device: StockClient, what: str
) -> None:
    good = {"type": "OUTBOUND", "item_id": uuid4(), "quantity": 1}
    with pytest.raises(ValueError, match=r"\w"):
        device.record(**good | BAD_RECORDS[what])  # type: ignore[arg-type]
    assert device.pending() == []


def test_what_is_too_large_in_an_old_outbox_keeps_nothing_behind_it(
    api: TestClient, device: StockClient, tea: UUID
) -> None:
    element_ = element("INBOUND", tea, 1, note="x" * 17_000_000, occurredAt="2026-01-08T09:00:00Z")
    device._store.put(element_)
    device.record("INBOUND", tea, 3)
    report = device.sync()
    assert (report.recorded, report.rejected) == (1, 1)
    assert [one.code for one in device.rejected()] == ["BODY_TOO_LARGE"]


PORTALS: dict[str, Any] = {
    "an object": {},
    "a number": 5,
    "null": None,
    "fields of other types": {"synced": 1, "failed": 2, "items": 3},
    "rows of another kind": {"synced": [{}], "failed": [], "serverTime": "2026-01-08T09:00:00Z"},
    "no time": {"synced": [], "failed": [], "serverTime": "now"},
    "a page of another kind": {"items": [{"id": 1}], "nextCursor": None, "nextAfter": "0"},
    "a page without an end": {"items": [], "hasMore": "yes", "nextAfter": "0"},
    "welcome": {"status": "ok", "login": "https://wifi.example"},
}


@pytest.mark.parametrize("what", PORTALS)
def test_answer_of_a_captive_portal_is_none(new_device: NewDevice, what: str) -> None:
    portal = httpx2.MockTransport(lambda _: httpx2.Response(200, json=PORTALS[what]))
    device = new_device(portal)
    with pytest.raises(Unreachable):
        device.sync()
    sale = device.record("OUTBOUND", uuid4(), 1)
    with pytest.raises(Unreachable):
        device.sync()
    assert [one.local_id for one in device.pending()] == [sale]


def test_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    with StockClient(tmp_path / "device.db", url="http://127.0.0.1:1") as device:
        device.record("INBOUND", uuid4(), 1)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("quantity", [10**29, Decimal("1e25"), Decimal("1e400"), Decimal("NaN")])
def test_quantity_that_nobody_can_hold_is_an_error_of_the_caller(
    device: StockClient, tea: UUID, quantity: Any
) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        device.record("INBOUND", tea, quantity)


def test_rejected_sale_is_voided(api: TestClient, device: StockClient, tea: UUID) -> None:
    sale = device.record("OUTBOUND", tea, 3)
    device.sync()
    device.void(sale)
    device.sync()
    sync(api, element("INBOUND", tea, 3))
    device.sync()
    assert device.stock()[0].on_hand == 3
    assert api.get("/sync/rejections?status=open").json()["items"] == []


class TestGroups:
    def test_transfer_is_recorded_together(
        self, api: TestClient, device: StockClient, tea: UUID
    ) -> None:
        store = register(api, "TEA-STORE")
        sync(api, element("INBOUND", tea, 3))
        with device.group() as group:
            device.record("OUTBOUND", tea, 2, group=group)
            device.record("INBOUND", store, 2, group=group)
        assert device.sync().recorded == 2
        assert {item.sku: item.on_hand for item in device.stock()} == {"TEA-250": 1, "TEA-STORE": 2}

    def test_group_that_fails_is_retried_together(
        self, api: TestClient, device: StockClient, tea: UUID
    ) -> None:
        with device.group() as group:
            out = device.record("OUTBOUND", tea, 2, group=group)
            into = device.record("INBOUND", UUID(int=8), 2, group=group)
        assert device.sync().rejected == 2
        codes = {one.local_id: one.code for one in device.rejected()}
        assert codes == {out: "GROUP_FAILED", into: "UNKNOWN_ITEM"}
        assert device.retry(out)
        assert [one.local_id for one in device.pending()] == [out, into]

    def test_block_that_fails_records_nothing(self, device: StockClient, tea: UUID) -> None:
        def transfer() -> None:
            with device.group() as group:
                device.record("OUTBOUND", tea, 2, group=group)
                device.record("INBOUND", tea, -2, group=group)

        with pytest.raises(ValueError, match="out of bounds"):
            transfer()
        assert device.pending() == []

    def test_group_is_never_split(self, api: TestClient, device: StockClient, tea: UUID) -> None:
        """The server of these tests accepts 50 transactions per batch."""
        for size in (40, 30, 50, 1):
            with device.group() as group:
                for _ in range(size):
                    device.record("INBOUND", tea, 1, group=group)
            device.record("INBOUND", tea, 1)
        assert device.sync().recorded == 125

    def test_group_that_is_too_large_for_the_server_does_not_block_others(
        self, api: TestClient, device: StockClient, tea: UUID
    ) -> None:
        with device.group() as group:
            for _ in range(51):
                device.record("INBOUND", tea, 1, group=group)
        device.record("INBOUND", tea, 1)
        report = device.sync()
        assert (report.recorded, report.rejected) == (1, 51)

    def test_nothing_else_is_recorded_within_a_group(self, device: StockClient, tea: UUID) -> None:
        with device.group() as group:
            before = device.record("INBOUND", tea, 1, group=group)
            for alone in (
                lambda: device.record("INBOUND", tea, 1),
                lambda: device.void(before),
                lambda: device.retry(before),
                lambda: device.record("INBOUND", tea, 1, group=uuid4()),
            ):
                with pytest.raises(ValueError, match="in a group block"):
                    alone()
        with pytest.raises(ValueError, match="in a group block"):
            device.record("INBOUND", tea, 1, group=group)
        assert [one.local_id for one in device.pending()] == [before]

    def test_group_has_a_limit(self, device: StockClient, tea: UUID) -> None:
        def too_many() -> None:
            with device.group() as group:
                for _ in range(101):
                    device.record("INBOUND", tea, 1, group=group)

        with pytest.raises(ValueError, match="at most 100"):
            too_many()
        assert device.pending() == []
