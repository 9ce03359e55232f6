"""What is judged again, voided or grouped, over HTTP."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from interface.api.app import create_app
from interface.settings import Settings
from tests.support.api import register, sync
from tests.support.builders import element, void_of


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def ago(hours: int) -> dict[str, str]:
    return {"occurredAt": (datetime.now(UTC) - timedelta(hours=hours)).isoformat()}


def journal(api: TestClient, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get(f"/movements{query}").json()["items"]
    return items


def test_sale_that_came_before_its_delivery_is_told_of(api: TestClient, tea: UUID) -> None:
    sale = element("OUTBOUND", tea, 5, **ago(1))
    assert sync(api, sale)["failed"][0]["code"] == "INSUFFICIENT_STOCK"
    answer = sync(api, element("INBOUND", tea, 5, **ago(2)))
    assert answer["position"] == 3
    (row,) = journal(api, "?wasRefused=true")
    assert row["localId"] == sale["localId"]
    assert row["refusedAt"] == row["receivedAt"]
    (status,) = api.post("/sync/status", json={"localIds": [sale["localId"]]}).json()["statuses"]
    assert (status["status"], status["onHand"]) == ("recorded", 0)
    change = api.get("/sync/changes").json()["items"][-1]
    assert change["transaction"]["localId"] == sale["localId"]
    assert change["transaction"]["refusedAt"] == row["refusedAt"]
    assert api.get("/sync/rejections?status=open").json()["items"] == []


def test_server_judges_at_its_start_what_is_due(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr("application.recording.reconsider.MAX_ROWS_PER_COMMIT", 1)
        killed.setattr("application.recording.sync.SyncService.follow_up", lambda _: None)
        with TestClient(create_app(settings)) as before:
            tea = register(before)
            sync(before, *(element("OUTBOUND", tea, 1) for _ in range(3)))
            sync(before, element("INBOUND", tea, 3))
            assert before.get(f"/items/{tea}").json()["onHand"] == 2
    with TestClient(create_app(settings)) as after:
        deadline = time.monotonic() + 30
        while after.get(f"/items/{tea}").json()["onHand"]:
            assert time.monotonic() < deadline, "something stays due"
            time.sleep(0.01)


def test_clerk_who_waits_for_the_answer_was_told_no(api: TestClient, tea: UUID) -> None:
    sale = element("OUTBOUND", tea, 5)
    assert api.post(f"/items/{tea}/movements", json=sale).status_code == 409
    sync(api, element("INBOUND", tea, 5))
    assert api.get(f"/items/{tea}").json()["onHand"] == 5
    (row,) = api.get("/sync/rejections?status=open").json()["items"]
    assert row["localId"] == sale["localId"]


def test_journal_shows_what_is_voided_and_by_what(api: TestClient, tea: UUID) -> None:
    slip, right = element("INBOUND", tea, 50), element("INBOUND", tea, 5)
    void = void_of(slip)
    sync(api, slip, right, void)
    for path in ("/movements", f"/items/{tea}/movements"):
        rows = {row["localId"]: row for row in api.get(path).json()["items"]}
        assert rows[slip["localId"]]["voidedBy"] == void["localId"]
        assert rows[void["localId"]]["voids"] == slip["localId"]
        assert "voidedBy" not in rows[right["localId"]]


def test_group_is_answered_element_by_element(api: TestClient, tea: UUID) -> None:
    group = {"group": str(uuid4()), "requires": ["group"]}
    answer = sync(
        api,
        element("INBOUND", tea, 1),
        element("OUTBOUND", tea, 5, **group),
        element("INBOUND", uuid4(), 5, **group),
    )
    assert [one["index"] for one in answer["synced"]] == [0]
    assert [(one["index"], one["code"]) for one in answer["failed"]] == [
        (1, "GROUP_FAILED"),
        (2, "UNKNOWN_ITEM"),
    ]
    assert answer["failed"][0]["details"] == {"group": group["group"], "index": 2}


def test_bulk_retry_overrides_the_floor_for_a_reason(api: TestClient, tea: UUID) -> None:
    sales = [element("OUTBOUND", tea, n) for n in (1, 2)]
    register(api, sku="CUP")
    sync(api, *sales)
    url = "/sync/rejections/retry"
    unclear: list[dict[str, Any]] = [{}, {"ids": [], "filter": {}}, {"filter": {"devise": "x"}}]
    for one in [*unclear, {"ids": ["x"]}]:
        assert api.post(url, json=one).status_code == 422
    wrong = {"ids": [sales[0]["localId"]], "override": {"reason": " "}}
    assert api.post(url, json=wrong).json()["details"]["field"] == "reason"
    again = api.post(url, json={"filter": {"code": "INSUFFICIENT_STOCK"}}).json()
    assert [one["status"] for one in again["items"]] == ["failed", "failed"]
    body = {"ids": [one["localId"] for one in sales], "override": {"reason": "note is late"}}
    done = api.post(url, json=body).json()
    assert [one["status"] for one in done["items"]] == ["recorded", "recorded"]
    negative = api.get("/items?negative=true").json()["items"]
    assert [(one["itemId"], one["onHand"]) for one in negative] == [(str(tea), -3)]
    assert {(row["override"], row["note"]) for row in journal(api)} == {(True, "note is late")}
