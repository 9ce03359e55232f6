"""/movements: single movements, and the journal."""

from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from domain.stock_item import item_id
from tests.support.builders import element
from tests.support.server import JSON_TYPE

TEA = item_id("main", "TEA-250")
URL = f"/items/{TEA}/movements"


@pytest.fixture(autouse=True)
def _tea(api: TestClient) -> None:
    api.post("/items", json={"location": "main", "sku": "TEA-250", "name": "Tea", "unit": "box"})


def test_movement_is_recorded_once(api: TestClient) -> None:
    movement = {"localId": str(uuid4()), "type": "INBOUND", "quantity": 5}
    first, second = api.post(URL, json=movement), api.post(URL, json=movement)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["status"] == "recorded"
    assert second.json() == first.json() | {"status": "duplicate"}


def test_refusals_have_the_codes_of_a_batch(api: TestClient) -> None:
    first = {"localId": str(uuid4()), "type": "INBOUND", "quantity": 5}
    api.post(URL, json=first)
    cases = [
        (element("OUTBOUND", TEA, 6), 409, "INSUFFICIENT_STOCK"),
        (element("INBOUND", TEA, 2**53 - 1), 409, "STOCK_LIMIT_EXCEEDED"),
        (first | {"quantity": 6}, 409, "LOCAL_ID_REUSED"),
        (first | {"quantity": -6}, 422, "INVALID"),
        ({}, 422, "INVALID"),
        ([], 422, "INVALID"),
    ]
    for movement, status, code in cases:
        answer = api.post(URL, json=movement)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.post(URL, content=b"{", headers=JSON_TYPE).json()["code"] == "MALFORMED_BODY"


def test_path_says_which_item(api: TestClient) -> None:
    movement = element("INBOUND", uuid4(), 5)
    assert api.post(URL, json=movement).json()["itemId"] == str(TEA)
    movement = {"localId": str(uuid4()), "type": "INBOUND", "quantity": 5, "item_id": str(uuid4())}
    assert api.post(URL, json=movement).json()["itemId"] == str(TEA)


def test_journal_shows_the_newest_first_in_pages(api: TestClient) -> None:
    for quantity in range(1, 6):
        api.post(URL, json=element("INBOUND", TEA, quantity, device=f"d{quantity}", note="n"))
    found, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get("/movements", params=params).json()
        found += [movement["quantity"] for movement in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == [5, 4, 3, 2, 1]
    movement = api.get("/movements?limit=1").json()["items"][0]
    UUID(movement.pop("localId"))
    assert movement.pop("recordedAt").endswith("Z")
    assert movement == {
        "position": 6,
        "itemId": str(TEA),
        "location": "main",
        "sku": "TEA-250",
        "version": 6,
        "type": "INBOUND",
        "quantity": 5,
        "coveredAt": None,
        "delta": 5,
        "onHand": 15,
        "reason": None,
        "note": "n",
        "reference": None,
        "actor": "anonymous",
        "keyId": None,
        "device": "d5",
        "occurredAt": None,
        "deviceTime": None,
    }


def test_journal_filters(api: TestClient) -> None:
    for quantity in range(1, 4):
        api.post(URL, json=element("INBOUND", TEA, quantity, device=f"d{quantity}"))
    api.post(URL, json=element("COUNT", TEA, 7))
    middle = api.get("/movements").json()["items"][1]["recordedAt"]

    def quantities(url: str) -> list[int]:
        found = api.get(url).raise_for_status().json()["items"]
        return [movement["quantity"] for movement in found]

    assert quantities("/movements?type=COUNT") == [7]
    assert quantities("/movements?device=d2") == [2]
    assert quantities("/movements?location=annex") == []
    assert quantities("/movements?location=main&actor=anonymous&limit=1") == [7]
    assert quantities(f"{URL}?type=INBOUND") == [3, 2, 1]
    assert 7 in quantities(f"/movements?from={middle}")
    assert 7 not in quantities(f"/movements?to={middle}")
    assert quantities("/movements?from=2100-01-01T00:00:00+09:00") == []
    answer = api.get("/movements?type=STEAL")
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "type")
    answer = api.get("/movements?from=noon")
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "from")
