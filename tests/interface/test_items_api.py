"""/items."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from domain.stock_item import item_id
from tests.support.builders import element

TEA = {"location": "main", "sku": "TEA-250", "name": "Tea", "unit": "box", "safetyStock": 5}
TEA_ID = item_id("main", "TEA-250")


def sync(api: TestClient, *batch: dict[str, Any]) -> None:
    answer = api.post("/sync/transactions", json={"transactions": batch}).raise_for_status()
    assert not answer.json()["failed"]


def test_item_is_registered_once(api: TestClient) -> None:
    first = api.post("/items", json=TEA)
    assert first.status_code == 201
    item = first.json()
    assert {name: item[name] for name in TEA} == TEA
    assert (item["itemId"], item["onHand"], item["version"], item["active"]) == (
        str(TEA_ID),
        0,
        1,
        True,
    )
    second = api.post("/items", json=TEA)
    assert (second.status_code, second.json()) == (200, item)
    third = api.post("/items", json=TEA | {"unit": "tin"})
    assert (third.status_code, third.json()["code"]) == (409, "ITEM_DIFFERS")
    assert third.json()["details"]["unit"] == "box"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"location": ""}, "location"),
        ({"sku": "a\nb"}, "sku"),
        ({"name": None}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"unit": 7}, "unit"),
        ({"safetyStock": -1}, "safetyStock"),
        ({"safetyStock": "many"}, "safetyStock"),
        ({"safetyStock": 0.5}, "safetyStock"),
        ({"scale": 7}, "scale"),
        ({"scale": 0.5}, "scale"),
        ({"floor": 1}, "floor"),
        ({"floor": -0.5}, "floor"),
        ({"safetyStock": 2**53}, "safetyStock"),
    ],
)
def test_registration_out_of_bounds_names_its_field(
    api: TestClient, change: dict[str, Any], field: str
) -> None:
    answer = api.post(
        "/items",
        content=json.dumps(TEA | change),
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert answer.json()["details"]["field"] == field


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "INVALID"),
        (b"[]", "INVALID"),
        (b"null", "INVALID"),
        (b"{", "MALFORMED_BODY"),
        (b"\xff\xfe8", "MALFORMED_BODY"),
        (b"[" * 10_000, "MALFORMED_BODY"),
    ],
)
def test_body_that_is_no_object_is_a_problem(api: TestClient, body: bytes, code: str) -> None:
    api.post("/items", json=TEA)
    for method, path in [("POST", "/items"), ("PATCH", f"/items/{TEA_ID}")]:
        headers = {"content-type": "application/json"}
        answer = api.request(method, path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "bad", [{"name": ""}, {"name": "a\nb"}, {"unit": "x" * 201}, {"safetyStock": -1}, {"floor": 3}]
)
def test_bad_detail_is_invalid_for_a_new_and_for_a_known_item(
    api: TestClient, bad: dict[str, Any]
) -> None:
    for _ in range(2):
        answer = api.post("/items", json=TEA | bad)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert answer.json()["details"]["field"] in bad
        api.post("/items", json=TEA)


def test_snake_case_is_understood(api: TestClient) -> None:
    body = {name: value for name, value in TEA.items() if name != "safetyStock"}
    assert api.post("/items", json=body | {"safety_stock": 9}).json()["safetyStock"] == 9


def test_details_change_alone(api: TestClient) -> None:
    api.post("/items", json=TEA)
    item = api.patch(f"/items/{TEA_ID}", json={"name": "Black tea"}).json()
    assert (item["name"], item["unit"], item["version"]) == ("Black tea", "box", 2)
    for nothing in ({}, {"safetystok": 5}):
        answer = api.patch(f"/items/{TEA_ID}", json=nothing)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert answer.json()["details"]["field"] == "safetystok"
    assert "safetyStock" in answer.json()["detail"]
    assert api.get(f"/items/{TEA_ID}").json() == item
    answer = api.patch(f"/items/{TEA_ID}", json={"name": None})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_discontinued_item_refuses_movements_until_it_is_reactivated(api: TestClient) -> None:
    api.post("/items", json=TEA)
    movement = element("INBOUND", TEA_ID, 5)
    assert api.post(f"/items/{TEA_ID}/discontinue").json()["active"] is False
    answer = api.post(f"/items/{TEA_ID}/movements", json=movement)
    assert (answer.status_code, answer.json()["code"]) == (409, "ITEM_DISCONTINUED")
    assert api.post(f"/items/{TEA_ID}/reactivate").json()["active"] is True
    assert api.post(f"/items/{TEA_ID}/movements", json=movement).status_code == 201


def test_item_as_it_was(api: TestClient) -> None:
    registered = api.post("/items", json=TEA).json()
    sync(api, element("INBOUND", TEA_ID, 5))
    synced = api.get(f"/items/{TEA_ID}").json()
    url = f"/items/{TEA_ID}"
    assert synced["onHand"] == 5
    assert api.get(url, params={"version": 1}).json() == registered
    assert api.get(url, params={"version": 2}).json() == synced
    assert api.get(url, params={"asOf": synced["updatedAt"]}).json() == synced
    for query in ["version=3", "asOf=2000-01-01T00:00:00Z", "asOf=2000-01-01T00:00:00+09:00"]:
        answer = api.get(f"{url}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_VERSION")
    for query in ["version=0", "version=x", f"version={10**30}", "asOf=noon", "asOf=2026-01-01",
                  "version=1&asOf=2026-01-01T00:00:00Z"]:  # fmt: skip
        answer = api.get(f"{url}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_unknown_item_is_not_found(api: TestClient) -> None:
    nobody = uuid4()
    movement = element("INBOUND", nobody, 5)
    for answer in [
        api.get(f"/items/{nobody}"),
        api.get(f"/items/{nobody}?version=1"),
        api.get(f"/items/{nobody}/movements"),
        api.patch(f"/items/{nobody}", json={"name": "x"}),
        api.post(f"/items/{nobody}/discontinue"),
        api.post(f"/items/{nobody}/reactivate"),
        api.post(f"/items/{nobody}/movements", json=movement),
    ]:
        assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_ITEM")
        assert answer.json()["details"] == {"itemId": str(nobody)}


def test_stock_list_in_pages(api: TestClient) -> None:
    skus = [f"SKU-{n:02}" for n in range(25)]
    for sku in skus:
        api.post("/items", json=TEA | {"sku": sku})
    found, cursor, pages = [], None, 0
    while True:
        page = api.get("/items", params={"limit": 10} | ({"cursor": cursor} if cursor else {}))
        body = page.raise_for_status().json()
        found += [item["sku"] for item in body["items"]]
        cursor, pages = body["nextCursor"], pages + 1
        if cursor is None:
            break
    assert (found, pages) == (skus, 3)


def test_stock_list_filters(api: TestClient) -> None:
    api.post("/items", json=TEA)
    api.post("/items", json=TEA | {"sku": "CUP-01", "name": "Cup", "location": "annex"})
    sync(api, element("INBOUND", TEA_ID, 5))

    def skus(**params: str) -> list[str]:
        found = api.get("/items", params=params).raise_for_status().json()["items"]
        return [item["sku"] for item in found]

    assert skus(location="main") == ["TEA-250"]
    assert skus(sku="CUP-01") == ["CUP-01"]
    assert skus(q="te") == ["TEA-250"]
    assert skus(belowSafetyStock="true") == ["CUP-01"]
    assert skus(location="nowhere") == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "cursor=junk", "cursor=W10=", "cursor=é", "location=%00"],
)
def test_bad_page_is_a_problem(api: TestClient, query: str) -> None:
    for path in ["/items", "/movements"]:
        answer = api.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


@pytest.mark.parametrize(
    "forged", ["9" * 30, "-1", "1.5", "true", '["a"]', '["a", 1]', '"\\ud800"', '["a", "\\u0000"]']
)
def test_forged_cursor_is_a_problem(api: TestClient, forged: str) -> None:
    cursor = base64.urlsafe_b64encode(forged.encode()).decode()
    for path in ["/items", "/movements"]:
        answer = api.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


@pytest.mark.parametrize("path", [f"/items/{TEA_ID}", "/items", "/movements", "/sync/changes"])
def test_answer_that_the_client_has_already_is_not_sent_again(api: TestClient, path: str) -> None:
    api.post("/items", json=TEA)
    first = api.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f'"other", {tag.removeprefix("W/")}', "*"):
        again = api.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "private, no-cache"
    assert api.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()
    sync(api, element("INBOUND", TEA_ID, 1))
    changed = api.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_what_is_no_answer_to_a_get_has_no_tag(api: TestClient) -> None:
    assert "ETag" not in api.post("/items", json=TEA).headers
    missing = api.get(f"/items/{uuid4()}", headers={"If-None-Match": "*"})
    assert (missing.status_code, "ETag" in missing.headers) == (404, False)
