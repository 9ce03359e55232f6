"""POST /sync/transactions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.api import request_json
from interface.api.schemas import sync as sync_schema
from interface.api.schemas.sync import SyncResponse
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.server import JSON_TYPE

HOUR = timedelta(hours=1)


def sync_raw(api: TestClient, *batch: str) -> dict[str, Any]:
    body = f'{{"transactions": [{",".join(batch)}]}}'
    answer = api.post("/sync/transactions", content=body, headers=JSON_TYPE)
    result: dict[str, Any] = answer.raise_for_status().json()
    return result


def test_answer_is_as_documented(api: TestClient) -> None:
    tea = register(api)
    good, bad = element("INBOUND", tea, 5), element("OUTBOUND", tea, 7)
    answer = sync(api, good, bad)
    for instant in (answer["synced"][0].pop("syncedAt"), answer.pop("serverTime")):
        assert len(instant) == len("2026-01-08T00:20:11.482Z")
        assert instant.endswith("Z")
    assert answer == {
        "synced": [
            {
                "index": 0,
                "localId": good["localId"],
                "itemId": str(tea),
                "status": "recorded",
                "onHand": 5,
                "version": 2,
                "position": 2,
            }
        ],
        "failed": [
            {
                "index": 1,
                "localId": bad["localId"],
                "itemId": str(tea),
                "code": "INSUFFICIENT_STOCK",
                "message": "7 requested, 5 on hand",
                "retryable": False,
                "details": {"onHand": 5, "requested": 7},
            }
        ],
        "position": 2,
    }


def test_a_count_is_answered_with_what_was_expected(api: TestClient) -> None:
    tea = register(api)
    answer = sync(api, element("INBOUND", tea, 5), element("COUNT", tea, 3))
    assert answer["synced"][1]["count"] == {"expected": 5, "counted": 3, "delta": -2}


def test_answer_is_written_as_the_documented_models_would_write_it(api: TestClient) -> None:
    tea = register(api)
    batch = [
        element("INBOUND", tea, 5, occurredAt=datetime.now(UTC).isoformat()),
        element("COUNT", tea, 4),
        element("INBOUND", tea, 1, occurredAt=(datetime.now(UTC) - HOUR).isoformat()),
        element("OUTBOUND", tea, 99),
        {"localId": None},
    ]
    known_and_unknown = ("0", "1-000000000000")
    answers = [
        api.post("/sync/transactions", json={"transactions": batch, "after": after})
        for after in known_and_unknown
    ]
    for answer in answers:
        modelled = SyncResponse.model_validate_json(answer.content)
        assert json.loads(modelled.model_dump_json(by_alias=True)) == answer.json()
    fields = {field for answer in answers for field in answer.json()}
    assert {"changes", "changesProblem"} <= fields
    assert {"count", "coveredAt"} <= {name for row in answers[0].json()["synced"] for name in row}


def test_same_batch_again_gets_the_same_answer(api: TestClient) -> None:
    batch = [element("INBOUND", register(api), n) for n in range(1, 4)]
    first, second = sync(api, *batch), sync(api, *batch)
    assert [s | {"status": "recorded"} for s in second["synced"]] == first["synced"]
    assert {s["status"] for s in second["synced"]} == {"duplicate"}


@pytest.mark.parametrize(
    ("malformed", "field"),
    [
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":1e400}}', "quantity"),
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":-1e400}}', "quantity"),
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":{digits}}}', "quantity"),
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":1.5}}', "quantity"),
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":NaN}}', "quantity"),
        ('{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":1,"x":NaN}}', "x"),
        ("NaN", "transaction"),
        ('"\\udcff"', "transaction"),
        (
            '{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":1,"note":"\\ud800"}}',
            "note",
        ),
        (
            '{{"localId":"{id}","type":"INBOUND","itemId":"{tea}","quantity":1,"note":"\\u0000"}}',
            "note",
        ),
        ('{{"localId":"\\ud800"}}', "localId"),
        ("null", "transaction"),
        ("[[[[]]]]", "transaction"),
        ("1e999", "transaction"),
    ],
)
def test_element_that_is_odd_json_fails_alone(api: TestClient, malformed: str, field: str) -> None:
    tea = register(api)
    odd = malformed.format(id=uuid4(), tea=tea, digits="9" * 5_000)
    answer = sync_raw(api, odd, json.dumps(element("INBOUND", tea, 5)))
    assert [f["code"] for f in answer["failed"]] == ["INVALID"]
    assert answer["failed"][0]["details"]["field"] == field
    assert [s["onHand"] for s in answer["synced"]] == [5]


TEXT = st.text(st.characters())  # with half surrogate pairs, which JSON can escape
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["localId", "type", "itemId", "quantity", "occurredAt", "note", "reason", "reference", "device"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(junk=st.one_of(JSON, st.dictionaries(FIELDS, JSON)))
def test_whatever_an_element_is_the_rest_is_recorded(api: TestClient, junk: Any) -> None:
    tea = register(api)
    good = element("INBOUND", tea, 1)
    mixed = good | {"localId": str(uuid4())} | junk if isinstance(junk, dict) else junk
    answer = sync_raw(api, json.dumps(mixed), json.dumps(good))
    statuses = sorted([*answer["synced"], *answer["failed"]], key=lambda one: int(one["index"]))
    assert [one["index"] for one in statuses] == [0, 1]
    assert statuses[1]["status"] == "recorded"


# The last body uses up the stack, so finalizers of garbage can fail there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"transactions": null}',
        b'{"transactions": {}}',
        b'{"transactions": [1,]}',
        b"[" * 100_000,
    ],
)
def test_envelope_that_is_no_batch_is_refused_as_a_whole(api: TestClient, body: bytes) -> None:
    answer = api.post("/sync/transactions", content=body, headers=JSON_TYPE)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "MALFORMED_BODY"
    assert api.get("/movements").json()["items"] == []


@pytest.mark.parametrize("size", [0, 1, 3, 4, 9])
@pytest.mark.parametrize("quantity", ["1", '"many"', "1e999", '"\\ud800"', '"\xff"', "1]"])
def test_large_batch_is_read_and_answered_like_a_small_one(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, size: int, quantity: str
) -> None:
    """It is decoded and encoded in parts."""
    tea = register(api)
    texts = [json.dumps(element("INBOUND", tea, 1)) for _ in range(size)]
    if size > 1:
        texts[1] = texts[1].replace('"quantity": 1', f'"quantity": {quantity}')
    body = f'{{"transactions": [{",".join(texts)}]}}'.encode("latin-1")

    def send() -> tuple[int, Any]:
        answer = api.post("/sync/transactions", content=body, headers=JSON_TYPE)
        found = answer.json()
        return answer.status_code, [
            [(row["index"], row["localId"], row.get("code")) for row in found.get(name, ())]
            for name in ("synced", "failed")
        ]

    as_a_whole = send()
    monkeypatch.setattr(request_json, "LARGE_FROM_BYTES", 0)
    monkeypatch.setattr(request_json, "ELEMENTS_PER_PART", 3)
    monkeypatch.setattr(sync_schema, "ROWS_PER_PART", 3)
    assert send() == as_a_whole


def test_batch_over_the_limit_is_refused_as_a_whole(api: TestClient) -> None:
    tea = register(api)
    assert len(sync(api, *[element("INBOUND", tea, 1) for _ in range(50)])["synced"]) == 50
    batch = [element("INBOUND", tea, 1) for _ in range(51)]
    answer = api.post("/sync/transactions", json={"transactions": batch})
    assert answer.status_code == 413
    assert answer.json()["code"] == "BATCH_TOO_LARGE"
    assert answer.json()["details"] == {"limit": 50, "sent": 51}
    assert len(api.get("/movements").json()["items"]) == 50
