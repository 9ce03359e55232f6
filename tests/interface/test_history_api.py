"""An item's history, locations and live counts over HTTP."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi.testclient import TestClient

from domain.transaction import void_id
from tests.support.builders import element
from tests.support.routes import ITEM
from tests.support.server import TIMEOUT_SECONDS, post_batch, register, running


@pytest.fixture
def tea(api: TestClient) -> str:
    item_id: str = api.post("/items", json=ITEM).json()["itemId"]
    return item_id


def record(api: TestClient, item: str, type: str, quantity: int) -> dict[str, Any]:
    batch = [element(type, UUID(item), quantity, reason="found")]
    api.post("/sync/transactions", json={"transactions": batch}).raise_for_status()
    return batch[0]


def test_history_of_an_item(api: TestClient, tea: str) -> None:
    for kind, quantity in (("INBOUND", 24), ("OUTBOUND", 4), ("COUNT", 19)):
        record(api, tea, kind, quantity)
    found = api.get(f"/items/{tea}/history?buckets=1").json()
    assert (found["opening"], found["closing"]) == (0, 19)
    (bucket,) = found["buckets"]
    assert {name: bucket[name] for name in ("first", "lowest", "highest", "last")} == {
        "first": 24,
        "lowest": 19,
        "highest": 24,
        "last": 19,
    }
    assert (bucket["movements"], bucket["counts"]) == (3, 1)


@pytest.mark.parametrize(
    "query", ["buckets=0", "buckets=1001", "from=soon", "from=2026-01-02&to=2026-01-01", "x=1"]
)
def test_period_that_makes_no_sense_is_refused(api: TestClient, tea: str, query: str) -> None:
    answer = api.get(f"/items/{tea}/history?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_events_tell_what_was_voided(api: TestClient, tea: str) -> None:
    sent = record(api, tea, "INBOUND", 24)
    api.post(f"/items/{tea}/codes", json={"code": "4006381333931"}).raise_for_status()
    void = {
        "localId": str(void_id(UUID(sent["localId"]))),
        "type": "VOID",
        "voids": sent["localId"],
    }
    api.post(f"/items/{tea}/movements", json=void).raise_for_status()
    page = api.get(f"/items/{tea}/changes").json()
    kinds = [change["kind"] for change in page["items"]]
    assert kinds == ["Voided", "InboundRecorded", "ItemRegistered"]
    assert [change.get("voidedBy") for change in page["items"]] == [None, void["localId"], None]
    assert [code["code"] for code in page["codes"]] == ["4006381333931"]
    assert page["nextCursor"] is None
    first = api.get(f"/items/{tea}/changes?limit=2").json()
    rest = api.get(f"/items/{tea}/changes?limit=2&cursor={first['nextCursor']}").json()
    assert first["items"] + rest["items"] == page["items"]


def test_locations_are_those_with_items(api: TestClient, tea: str) -> None:
    for location in ("annex", "창고"):
        api.post("/items", json=ITEM | {"location": location}).raise_for_status()
    assert api.get("/locations").json() == {"items": ["annex", "main", "창고"]}


def test_stream_tells_the_number_of_open_rejections(database_url: str) -> None:
    with running(database_url) as server:
        tea = register(server.url)
        post_batch(server.url, [element("ADJUST", UUID(tea), -3, reason="lost")])
        url = f"{server.url}/sync/stream?rejections=true"
        seen: list[str] = []
        with httpx2.stream("GET", url, timeout=TIMEOUT_SECONDS) as stream:
            for line in stream.iter_lines():
                if line.startswith('data: {"open":'):
                    seen.append(line)
                    if len(seen) == 2:
                        break
                    post_batch(server.url, [element("ADJUST", UUID(tea), -4, reason="lost")])
    assert seen == ['data: {"open": 1}', 'data: {"open": 2}']
