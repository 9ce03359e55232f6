"""/sync/rejections and /sync/status."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.support.api import register, sync
from tests.support.builders import element


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def rejected(api: TestClient, **params: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        more = params | {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get("/sync/rejections", params=more).raise_for_status().json()
        found += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_rejection_is_as_documented(api: TestClient, tea: UUID) -> None:
    sale = element("OUTBOUND", tea, 3, note="from the window", device="scanner-7")
    sync(api, sale)
    (row,) = rejected(api, status="open")
    UUID(row.pop("rejectionId"))
    assert row.pop("firstRejectedAt") == row.pop("rejectedAt")
    assert row == {
        "localId": sale["localId"],
        "itemId": str(tea),
        "location": "main",
        "sku": "TEA-250",
        "name": "Tea",
        "transaction": sale,
        "code": "INSUFFICIENT_STOCK",
        "message": "3 requested, 0 on hand",
        "details": {"onHand": 0, "requested": 3},
        "actor": "anonymous",
        "keyId": None,
        "device": "scanner-7",
        "movedAt": None,
        "status": "open",
        "closedAt": None,
        "closedBy": None,
        "reason": None,
    }


def test_lists_are_paged_and_filtered(api: TestClient, tea: UUID) -> None:
    sync(api, *(element("OUTBOUND", tea, n) for n in range(1, 6)), {"quantity": "many"})
    assert len(rejected(api)) == 6
    assert len(rejected(api, code="INSUFFICIENT_STOCK", itemId=str(tea), location="main")) == 5
    assert rejected(api, status="dismissed") == rejected(api, device="scanner-7") == []


@pytest.mark.parametrize(
    "key",
    ["[1,2]", f'["0001-01-01T00:00:00+14:00","{UUID(int=7)}"]', f'[{10**15},"{UUID(int=7)}"]'],
)
def test_forged_cursor_is_invalid(api: TestClient, key: str) -> None:
    cursor = base64.urlsafe_b64encode(key.encode()).decode()
    answer = api.get("/sync/rejections", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "cursor")


def test_a_person_works_through_them(api: TestClient, tea: UUID) -> None:
    missing, mistake = element("OUTBOUND", tea, 3), element("OUTBOUND", tea, 300)
    sync(api, missing, mistake)
    url = f"/sync/rejections/{mistake['localId']}/dismiss"
    assert api.post(url, json={"reason": ""}).json()["details"]["field"] == "reason"
    row = api.post(url, json={"reason": "a slip of the finger"}).raise_for_status().json()
    assert (row["status"], row["reason"]) == ("dismissed", "a slip of the finger")

    url = f"/sync/rejections/{missing['localId']}/retry"
    assert api.post(url).json()["failed"][0]["code"] == "INSUFFICIENT_STOCK"
    adjustment = {"localId": str(uuid4()), "quantity": 3, "reason": "found in the back room"}
    answer = api.post(url, json={"adjustment": adjustment}).raise_for_status().json()
    assert [synced["onHand"] for synced in answer["synced"]] == [3, 0]
    assert rejected(api, status="open") == []

    again = api.post(f"/sync/rejections/{missing['localId']}/dismiss", json={"reason": "late"})
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_RECORDED")
    unknown = api.post(f"/sync/rejections/{uuid4()}/retry")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_REJECTION")


def test_status_of_what_was_sent(api: TestClient, tea: UUID) -> None:
    count, sale, never = element("COUNT", tea, 3), element("OUTBOUND", tea, 5), str(uuid4())
    synced = sync(api, count, sale)["synced"][0]
    asked = {"localIds": [never, sale["localId"], count["localId"]]}
    unknown, failed, recorded = api.post("/sync/status", json=asked).json()["statuses"]
    assert unknown == {"localId": never, "status": "unknown"}
    assert failed.pop("rejectedAt").endswith("Z")
    assert failed == {
        "localId": sale["localId"],
        "status": "rejected",
        "itemId": str(tea),
        "code": "INSUFFICIENT_STOCK",
        "message": "5 requested, 3 on hand",
        "details": {"onHand": 3, "requested": 5},
        "dismissed": False,
    }
    del synced["index"]
    assert recorded == synced


@pytest.mark.parametrize("ids", [["not-a-uuid"], "x", [str(UUID(int=7))] * 10_001])
def test_status_of_what_can_not_be_asked_for_is_a_problem(api: TestClient, ids: object) -> None:
    answer = api.post("/sync/status", json={"localIds": ids})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_many_are_dismissed_by_a_filter(
    api: TestClient, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.review.MAX_REVIEWED_PER_CALL", 3)
    broken = [element("OUTBOUND", tea, n, device="broken") for n in range(1, 6)]
    sync(api, *broken, element("OUTBOUND", tea, 9, device="good"))
    dismissal = {"reason": "the scanner was broken", "filter": {"device": "broken"}}
    url = "/sync/rejections/dismiss"
    pages = [api.post(url, json=dismissal).json()]
    while pages[-1]["nextCursor"]:
        cursor = pages[-1]["nextCursor"]
        pages.append(api.post(url, json={**dismissal, "cursor": cursor}).json())
    assert [[row["status"] for row in page["items"]] for page in pages] == [
        ["dismissed"] * 3,
        ["dismissed"] * 2,
    ]
    assert api.post(url, json=dismissal).json() == {"items": [], "nextCursor": None}
    assert [row["device"] for row in rejected(api, status="open")] == ["good"]
    assert {row["reason"] for row in rejected(api, status="dismissed")} == {
        "the scanner was broken"
    }
    trail = api.get("/audit?action=REJECTION_DISMISSED").json()["items"]
    assert [entry["detail"].split(",")[0] for entry in trail] == ["2 at once", "3 at once"]


def test_misspelt_filter_dismisses_nothing(api: TestClient, tea: UUID) -> None:
    sync(api, element("OUTBOUND", tea, 1))
    for body in (
        {"reason": "oops", "filter": {"devise": "broken"}},
        {"reason": "oops"},
        {"reason": " ", "filter": {}},
        {"reason": "oops", "filter": {"from": "yesterday"}},
    ):
        assert api.post("/sync/rejections/dismiss", json=body).status_code == 422
    assert len(rejected(api, status="open")) == 1
