"""/sync/changes: the first copy, changes, and both directions in one request."""

import threading
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from tests.support.api import register, sync
from tests.support.builders import element

ELSEWHERE = "7-0123456789ab"


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def changes(api: TestClient, **params: Any) -> dict[str, Any]:
    page: dict[str, Any] = api.get("/sync/changes", params=params).raise_for_status().json()
    return page


def test_page_is_as_documented(api: TestClient, tea: UUID) -> None:
    sent = element("COUNT", tea, 5, device="scanner-7")
    sync(api, sent)
    page = changes(api)
    assert page["nextAfter"].startswith("2-")
    assert (page["hasMore"], page["head"]) == (False, 2)
    registered, counted = page["items"]
    assert registered.pop("recordedAt").endswith("Z")
    assert counted.pop("recordedAt").endswith("Z")
    common = {
        "itemId": str(tea),
        "location": "main",
        "sku": "TEA-250",
        "actor": "anonymous",
        "keyId": None,
    }
    assert registered == common | {
        "position": 1,
        "kind": "ItemRegistered",
        "version": 1,
        "onHand": 0,
        "transaction": None,
        "details": {"name": "Tea", "unit": "box", "safetyStock": 0, "scale": 0, "floor": 0}
        | {"provisional": False},
    }
    assert counted == common | {
        "position": 2,
        "kind": "Adjusted",
        "version": 2,
        "onHand": 5,
        "details": None,
        "transaction": {
            "localId": sent["localId"],
            "type": "COUNT",
            "quantity": 5,
            "delta": 5,
            "coveredAt": None,
            "reason": None,
            "note": None,
            "reference": None,
            "device": "scanner-7",
            "occurredAt": None,
        },
    }


def test_place_in_no_ledger_of_ours_asks_for_a_new_first_copy(api: TestClient, tea: UUID) -> None:
    for path in ("/sync/changes", "/sync/stream"):
        gone = api.get(path, params={"after": ELSEWHERE})
        assert (gone.status_code, gone.json()["code"]) == (410, "UNKNOWN_POSITION")
        assert gone.json()["details"] == {"head": 1}
        assert "first copy" in gone.json()["detail"]
        invalid = api.get(path, params={"after": "10442"})
        assert (invalid.status_code, invalid.json()["details"]["field"]) == (422, "after")


@pytest.mark.parametrize("wrong", [{"limit": 1_001}, {"wait": 31}, {"wait": -1}])
def test_bounds(api: TestClient, wrong: dict[str, Any]) -> None:
    assert api.get("/sync/changes", params=wrong).json()["code"] == "INVALID"


def test_waiting_ends_as_soon_as_something_comes(api: TestClient, tea: UUID) -> None:
    after = changes(api)["nextAfter"]
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: found.append(changes(api, after=after, wait=30, location="main"))
    )
    waiting.start()
    time.sleep(0.3)
    register(api, "CUP-01")
    sync(api, element("INBOUND", tea, 5))
    waiting.join(20)
    assert [change["kind"] for change in found[0]["items"]][:1] == ["ItemRegistered"]


def test_waiting_ends_when_nothing_comes(api: TestClient, tea: UUID) -> None:
    after = changes(api)["nextAfter"]
    page = changes(api, after=after, wait=0.2)
    assert (page["items"], page["nextAfter"]) == ([], after)


def test_first_copy_and_what_follows_it_are_all_there_is(api: TestClient) -> None:
    """During the read, items are registered before and after the current page, and goods move."""
    ids = {sku: register(api, sku) for sku in ("B", "D", "F", "H")}
    copied: dict[str, dict[str, Any]] = {}
    params: dict[str, Any] = {"limit": 1}
    for new in "ACEGI":
        page = api.get("/items", params=params).raise_for_status().json()
        for item in page["items"]:
            assert item["sku"] not in copied
            copied[item["sku"]] = item
        ids[new] = register(api, new)
        sync(api, *(element("INBOUND", item, 1) for item in ids.values()))
        params = {"limit": 1, "cursor": page["nextCursor"]}
    assert set("BDFH") <= set(copied)
    for change in changes(api, after=page["nextAfter"], limit=1_000)["items"]:
        if change["version"] > copied.get(change["sku"], {"version": 0})["version"]:
            copied.setdefault(change["sku"], {}).update(
                version=change["version"], onHand=change["onHand"]
            )
    now = api.get("/items").raise_for_status().json()["items"]
    assert {item["sku"]: (item["version"], item["onHand"]) for item in now} == {
        sku: (item["version"], item["onHand"]) for sku, item in copied.items()
    }


def test_both_ways_in_one_request(api: TestClient, tea: UUID) -> None:
    after = changes(api)["nextAfter"]
    sync(api, element("INBOUND", tea, 5))
    mine = element("OUTBOUND", tea, 1)
    body = {"transactions": [mine], "after": after}
    answer = api.post("/sync/transactions", json=body).raise_for_status().json()
    page = answer["changes"]
    assert [change["onHand"] for change in page["items"]] == [5, 4]
    assert page["items"][1]["transaction"]["localId"] == mine["localId"]
    assert not page["hasMore"]
    assert page == changes(api, after=after)
    body = {"transactions": [], "after": after, "limit": 1}
    answer = api.post("/sync/transactions", json=body).raise_for_status().json()
    assert (len(answer["changes"]["items"]), answer["changes"]["hasMore"]) == (1, True)
    assert answer["changes"]["nextAfter"].startswith(f"{page['items'][0]['position']}-")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"after": ELSEWHERE}, "UNKNOWN_POSITION"),
        ({"after": "here"}, "INVALID"),
        ({"after": 7}, "INVALID"),
        ({"after": "0", "limit": 0}, "INVALID"),
        ({"after": "0", "limit": "many"}, "INVALID"),
    ],
)
def test_batch_stands_where_changes_can_not_be_told(
    api: TestClient, tea: UUID, asked: dict[str, Any], code: str
) -> None:
    sent = {"transactions": [element("INBOUND", tea, 5)]} | asked
    answer = api.post("/sync/transactions", json=sent).raise_for_status().json()
    assert [synced["onHand"] for synced in answer["synced"]] == [5]
    assert answer["changesProblem"]["code"] == code
    assert "changes" not in answer


def test_nobody_asked_nobody_is_told(api: TestClient, tea: UUID) -> None:
    answer = sync(api, element("INBOUND", tea, 5, localId=str(uuid4())))
    assert not {"changes", "changesProblem"} & answer.keys()
