"""Common behaviour of all endpoints: wrong or missing parameters, and HTTP rules."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from application.access.roles import Role
from interface.api.app import create_app
from interface.api.middleware.authentication import is_public
from interface.settings import Settings
from tests.support.access import new_key
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.routes import ROUTES, bearer, body_for
from tests.support.server import JSON_TYPE

EVERY_ROUTE = [*ROUTES, ("GET", "/health/live"), ("GET", "/health/ready")]
READS = [route for route in EVERY_ROUTE if route[0] == "GET"]
WITH_A_BODY = [route for route in ROUTES if body_for(*route, UUID(int=7)) is not None]


@pytest.fixture
def tea(api: TestClient) -> UUID:
    return register(api)


def url_of(path: str, item_id: UUID) -> str:
    url = path.format(item_id=item_id, local_id=uuid4(), key_id="none")
    return f"{url}?after=9-0123456789ab" if path == "/sync/stream" else url


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_unknown_parameters_are_refused(api: TestClient, tea: UUID, method: str, path: str) -> None:
    body = body_for(method, path, tea)
    answer = api.request(method, url_of(path, tea), params={"nonsense": 1}, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert answer.json()["details"]["field"] == "nonsense"
    assert api.get("/movements").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/items/{tea}?asof=2026-01-08T00:00:00Z", "asOf"),
        ("/movements?refrence=x", "reference"),
        ("/movements?typ=COUNT", "type"),
        ("/items?belowsafetystock=true", "belowSafetyStock"),
        ("/sync/rejections?itemid=x", "itemId"),
        ("/sync/changes?aftr=x", "after"),
    ],
)
def test_nearest_parameter_is_named(api: TestClient, tea: UUID, path: str, meant: str) -> None:
    problem = api.get(path.format(tea=tea)).json()
    assert problem["code"] == "INVALID"
    assert f"did you mean {meant}?" in problem["detail"]


def test_snake_case_is_understood_in_queries(api: TestClient, tea: UUID) -> None:
    before = "2020-01-01T00:00:00Z"
    assert api.get(f"/items/{tea}", params={"as_of": before}).json()["code"] == "UNKNOWN_VERSION"
    assert api.get("/items", params={"below_safety_stock": "true"}).json()["items"] == []
    assert api.get("/sync/rejections", params={"item_id": "x"}).json()["details"] == {
        "field": "itemId",
        "problem": "must be a UUID",
    }


@pytest.mark.parametrize("query", ["limit=1&limit=2", "as_of=x&asOf=y", "location=a&location=a"])
def test_parameter_that_is_given_twice_is_refused(api: TestClient, tea: UUID, query: str) -> None:
    path = f"/items/{tea}" if "as" in query.split("=", maxsplit=1)[0] else "/items"
    assert "more than once" in api.get(f"{path}?{query}").json()["detail"]


@pytest.mark.parametrize(("method", "path"), WITH_A_BODY)
@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_body_without_its_type_is_told_which_one(
    api: TestClient, tea: UUID, method: str, path: str, media_type: str | None
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    body = json.dumps(body_for(method, path, tea))
    answer = api.request(method, url_of(path, tea), content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Content-Type: application/json" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), WITH_A_BODY)
def test_unknown_field_of_a_request_is_refused_and_of_an_element_told(
    api: TestClient, tea: UUID, method: str, path: str
) -> None:
    body = {**(body_for(method, path, tea) or {}), "nonsens": 1}
    answer = api.request(method, url_of(path, tea), json=body)
    if path in {"/sync/transactions", "/items/{item_id}/movements"}:
        assert answer.is_success
        assert [one["field"] for one in answer.json()["warnings"]] == ["nonsens"]
    else:
        assert (answer.status_code, answer.json()["details"]["field"]) == (422, "nonsens")


@pytest.mark.parametrize(("method", "path"), WITH_A_BODY)
def test_body_that_is_no_json_is_told_where(
    api: TestClient, tea: UUID, method: str, path: str
) -> None:
    answer = api.request(method, url_of(path, tea), content='{\n "a": 1,}', headers=JSON_TYPE)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "MALFORMED_BODY")
    assert (problem["details"]["line"], problem["details"]["column"]) == (2, 9)
    assert problem["details"]["reason"]


TELL_THE_TIME = {"/health/ready", "/session", "/items/{item_id}/history"}
"""Their answers differ from moment to moment."""


@pytest.mark.parametrize(("method", "path"), READS)
def test_head_is_answered_like_get(api: TestClient, tea: UUID, method: str, path: str) -> None:
    url = url_of(path, tea)
    got, head = api.get(url), api.head(url)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Content-Encoding"):
        if path not in TELL_THE_TIME:
            assert head.headers.get(name) == got.headers.get(name)


def test_head_of_a_stream_ends(api: TestClient) -> None:
    head = api.head("/sync/stream")
    assert (head.status_code, head.headers["Content-Type"].split(";")[0]) == (
        200,
        "text/event-stream",
    )


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_slash_at_the_end_means_nothing(api: TestClient, tea: UUID, method: str, path: str) -> None:
    url, _, query = url_of(path, tea).partition("?")
    body = body_for(method, path, tea)
    plain = api.request(method, f"{url}?{query}".rstrip("?"), json=body)
    slashed = api.request(method, f"{url}/?{query}".rstrip("?"), json=body, follow_redirects=False)
    assert (slashed.status_code, plain.status_code) in {
        (plain.status_code, plain.status_code),
        (200, 201),  # the second time it is a duplicate
    }


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sync/status", {"localIds": [str(UUID(int=7)), "x"]}, "localIds[1]"),
        ("/sync/status", {}, "localIds"),
        ("/sync/rejections/dismiss", {"reason": "a", "filter": {"itemId": "x"}}, "filter.itemId"),
        (
            f"/sync/rejections/{UUID(int=9)}/retry",
            {"adjustment": {"localId": str(UUID(int=8)), "quantity": "many"}},
            "adjustment.quantity",
        ),
        ("/items", {"location": "a", "sku": "b", "name": "c"}, "unit"),
        ("/items", {"location": "a", "sku": "b", "name": "c", "unit": 5}, "unit"),
        ("/keys", {"name": "a", "role": "god"}, "role"),
        ("/keys", {"name": "a", "role": "device", "locations": ["a", 5]}, "locations[1]"),
    ],
)
def test_errors_name_the_path(api: TestClient, path: str, body: Any, field: str) -> None:
    problem = api.post(path, json=body).json()
    assert (problem["code"], problem["details"]["field"]) == ("INVALID", field)
    assert problem["detail"].startswith(f"{field}: must") or "required" in problem["detail"]
    assert "Input" not in problem["detail"]


@pytest.mark.parametrize(("method", "path"), WITH_A_BODY)
def test_no_odd_json_breaks_a_request(api: TestClient, tea: UUID, method: str, path: str) -> None:
    good = json.dumps(body_for(method, path, tea))[:-1]
    more = "" if good == "{" else ", "
    for odd in (
        '"\\ud800": 1',
        '"a": "\\ud800"',
        '"a": NaN',
        '"\\u0000": 1e400',
        f'"a": {"[" * 3000}',
    ):
        body = f"{good}{more}{odd}}}"
        answer = api.request(method, url_of(path, tea), content=body, headers=JSON_TYPE)
        assert answer.status_code in {200, 201, 422}, odd
    for whole in (b"null", b"[1]", b"7", b'"x"', b"NaN", b'{"\xff": 1}'):
        answer = api.request(method, url_of(path, tea), content=whole, headers=JSON_TYPE)
        assert answer.status_code == 422, whole


@pytest.mark.parametrize(
    "odd", ['"sentAt": NaN', '"sentAt": "\\ud800"', '"x": NaN', '"\\ud800": 1']
)
def test_nothing_beside_the_elements_refuses_them(api: TestClient, tea: UUID, odd: str) -> None:
    body = f'{{{odd}, "transactions": [{json.dumps(element("INBOUND", tea, 1))}]}}'
    answer = api.post("/sync/transactions", content=body, headers=JSON_TYPE).json()
    assert (len(answer["synced"]), len(answer["warnings"])) == (1, 1)


def test_numbers_and_ids_in_any_spelling_in_every_request(api: TestClient) -> None:
    item = {"location": "main", "sku": "X", "name": "x", "unit": "y", "safetyStock": 5.0}
    made = api.post("/items", content=json.dumps(item), headers=JSON_TYPE)
    assert (made.status_code, made.json()["safetyStock"]) == (201, 5)
    asked = {"local_ids": ["{6F1C2F0E-8C43-4A57-9D0B-5A8D2F9A3B01}"]}
    assert api.post("/sync/status", json=asked).json()["statuses"][0]["status"] == "unknown"
    assert api.get(made.headers["Location"]).json() == made.json()


def test_what_was_made_has_its_place(api: TestClient, tea: UUID) -> None:
    moved = api.post(f"/items/{tea}/movements", json=element("INBOUND", tea, 5))
    assert api.get(moved.headers["Location"]).json()["onHand"] == 5
    key = api.post("/keys", json={"name": "a", "role": "admin"})
    assert api.get(key.headers["Location"]).json()["keyId"] == key.json()["keyId"]


@pytest.mark.parametrize("wanted", ["gzip", "gzip, deflate, br", "identity", "br, gzip;q=0"])
def test_answers_are_packed_for_who_wants_it(api: TestClient, wanted: str) -> None:
    items = [{"location": "main", "sku": f"S{n}"} for n in range(50)]
    api.post("/sync/transactions", json={"items": items}).raise_for_status()
    answer = api.get("/items", headers={"Accept-Encoding": wanted})
    assert answer.headers.get("Content-Encoding") == ("gzip" if wanted.startswith("gzip") else None)
    assert len(answer.json()["items"]) == 50
    known = {"Accept-Encoding": wanted, "If-None-Match": answer.headers["ETag"]}
    again = api.get("/items", headers=known)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP"])
@pytest.mark.parametrize("cut", [1, 7, 1_000])
def test_packed_bodies_of_several_members(api: TestClient, tea: UUID, name: str, cut: int) -> None:
    batch = json.dumps({"transactions": [element("INBOUND", tea, 1)]}).encode()
    parts = [batch[start : start + cut] for start in range(0, len(batch), cut)]
    packed = b"".join(map(gzip.compress, parts)) + b"\0" * 20
    headers = JSON_TYPE | {"Content-Encoding": name}
    chunks = iter([packed[start : start + 100] for start in range(0, len(packed), 100)])
    answer = api.post("/sync/transactions", content=chunks, headers=headers)
    assert len(answer.json()["synced"]) == 1


@pytest.mark.parametrize("damage", ["cut", "tail", "many", "raw"])
def test_packed_body_that_is_damaged_is_refused(api: TestClient, damage: str) -> None:
    good = gzip.compress(b'{"transactions": []}')
    body = {
        "cut": good[:-3],
        "tail": good + b"junk",
        "many": gzip.compress(b" ") * 1_001 + good,
        "raw": zlib.compress(b'{"transactions": []}'),
    }[damage]
    headers = JSON_TYPE | {"Content-Encoding": "gzip"}
    answer = api.post("/sync/transactions", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED_BODY")


def test_emulator_is_told_what_is_allowed(api: TestClient) -> None:
    answer = api.get("/items", headers={"Host": "10.0.2.2:8000"})
    assert (answer.status_code, answer.json()["code"]) == (400, "UNKNOWN_HOST")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "localhost" in answer.json()["detail"]
    for name in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert api.get("/items", headers={"Host": name}).status_code == 200


@pytest.fixture
def guarded(tmp_path: Any) -> Iterator[TestClient]:
    """The API with CORS for browsers, and with HSTS."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'guarded.db'}",
        cors_origins=["https://shop.example"],
        rate_limit="10/minute",
        hsts=3600,
    )
    with TestClient(create_app(settings), base_url="https://testserver") as client:
        services = client.app.state.services  # type: ignore[attr-defined]
        client.headers.update(bearer(new_key(services.keys, Role.ADMIN)))
        yield client


def test_tls_is_insisted_on_only_where_it_is_switched_on(
    api: TestClient, guarded: TestClient
) -> None:
    header = "Strict-Transport-Security"
    assert header not in api.get("/items").headers
    assert guarded.get("/health/live").headers[header] == "max-age=3600"
    assert header not in guarded.get("http://testserver/health/live").headers


def test_browsers_of_allowed_origins_may_send_what_event_sources_send(
    guarded: TestClient,
) -> None:
    wanted = "authorization,cache-control,last-event-id,traceparent,x-request-id"
    answer = guarded.options(
        "/sync/stream",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": wanted,
        },
    )
    assert answer.status_code == 200
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in wanted.split(","))
    shown = guarded.get("/items", headers={"Origin": "https://shop.example"}).headers
    assert "RateLimit" in shown["Access-Control-Expose-Headers"]


def test_what_is_left_of_the_limit_is_told(guarded: TestClient) -> None:
    answers = [guarded.get("/items") for _ in range(11)]
    assert {one.headers["RateLimit-Policy"] for one in answers} == {'"requests";q=10;w=60'}
    left = [one.headers["RateLimit"].split(";")[1] for one in answers]
    assert left == [*(f"r={n}" for n in range(9, -1, -1)), "r=0"]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_docs_need_nothing_from_elsewhere(api: TestClient) -> None:
    page = api.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy + page.text.replace("http-equiv", "")
    for part in page.text.split('"'):
        if part.startswith("/docs/"):
            assert is_public(part)
            assert api.get(part).status_code == 200


def test_discontinued_items_are_not_to_be_restocked(api: TestClient, tea: UUID) -> None:
    api.patch(f"/items/{tea}", json={"safetyStock": 5}).raise_for_status()
    assert len(api.get("/items?belowSafetyStock=true").json()["items"]) == 1
    api.post(f"/items/{tea}/discontinue").raise_for_status()
    assert api.get("/items?belowSafetyStock=true").json()["items"] == []
    assert len(api.get("/items?active=false").json()["items"]) == 1
    assert api.get("/items?active=true").json()["items"] == []


def test_search_finds_other_scripts_in_any_case(api: TestClient) -> None:
    item = {"location": "main", "sku": "Ч-1", "name": "Зелёный чай", "unit": "box"}
    api.post("/items", json=item).raise_for_status()
    for text in ("Чай", "ЧАЙ", "зелЁный", "ч-1"):
        assert len(api.get("/items", params={"q": text}).json()["items"]) == 1
    assert api.get("/items", params={"q": "%"}).json()["items"] == []


def test_labels_are_asked_for_in_any_form(api: TestClient) -> None:
    item = {"location": "Zu\u0308rich", "sku": "A\u00a01", "name": "a", "unit": "b"}
    made = api.post("/items", json=item).json()
    assert (made["location"], made["sku"]) == ("Z\u00fcrich", "A 1")
    for location in ("Zu\u0308rich", "Z\u00fcrich"):
        found = api.get("/items", params={"location": location, "sku": "A\u00a01"}).json()
        assert [one["itemId"] for one in found["items"]] == [made["itemId"]]


def test_what_cannot_be_reconstructed_is_recorded_and_shown(api: TestClient, tea: UUID) -> None:
    described = {
        "reason": "Supplier-Return",
        "scanned": "]C10109501101530003",
        "metadata": {"till": "3", "Kasse": "süd"},
        "unitCost": {"amount": 1.50, "currency": "eur"},
        "entered": {"quantity": "2", "unit": "carton", "per": 12},
    }
    answer = sync(api, element("INBOUND", tea, 24, **described), element("OUTBOUND", tea, 1))
    assert [row.get("warnings") for row in answer["synced"]] == [None, None]
    shown = described | {
        "reason": "supplier-return",
        "unitCost": {"amount": "1.5", "currency": "EUR"},
        "entered": {"quantity": 2, "unit": "carton", "per": 12},
    }
    sale, delivery = api.get("/movements").json()["items"]
    assert {name: delivery[name] for name in shown} == shown
    assert not sale.keys() & {"scanned", "metadata", "unitCost", "entered"}
    change = api.get("/sync/changes").json()["items"][-2]["transaction"]
    assert {name: change[name] for name in shown} == shown


def test_rejected_transaction_keeps_its_descriptions(api: TestClient, tea: UUID) -> None:
    described = {"scanned": "4006381333931", "entered": {"quantity": 1, "unit": "ct", "per": 12}}
    sold = element("OUTBOUND", tea, 12, **described, metadata={"till": "3"})
    sync(api, sold)
    sync(api, element("INBOUND", tea, 12))
    assert api.get("/movements").json()["items"][0]["metadata"] == {"till": "3"}
    assert api.get("/movements").json()["items"][0]["scanned"] == "4006381333931"


def test_journal_is_filtered_by_reference(api: TestClient, tea: UUID) -> None:
    sync(api, *(element("INBOUND", tea, n, reference=f"po:{n % 2}") for n in range(1, 6)))
    for path in ("/movements", f"/items/{tea}/movements"):
        found = api.get(path, params={"reference": "po:0"}).json()["items"]
        assert [one["quantity"] for one in found] == [4, 2]
