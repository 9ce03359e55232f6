"""Access control of the API: every route, every role, every kind of credential."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

from application.access.key_format import mint
from application.access.key_management import Grant
from application.access.roles import GRANTS, Permission, Role
from interface.api.app import create_app
from interface.api.dependencies import Needs
from interface.api.middleware.authentication import is_public
from interface.composition import Services
from interface.settings import Settings
from tests.support.access import ADMIN, new_key, own
from tests.support.builders import element
from tests.support.routes import ITEM, KEY_ID, NOWHERE, ROUTES, bearer, body_for
from tests.support.server import JSON_TYPE


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        rate_limit="100000/minute",
        failed_auth_limit="100/minute",
        max_body=100_000,
    )


@pytest.fixture
def services(api: TestClient) -> Services:
    found: Services = api.app.state.services  # type: ignore[attr-defined]
    return found


@pytest.fixture
def key_of(services: Services) -> Callable[..., dict[str, str]]:
    def make(role: Role, *locations: str) -> dict[str, str]:
        return bearer(new_key(services.keys, role, *(locations or ("main",))))

    return make


@pytest.fixture
def admin(key_of: Callable[..., dict[str, str]]) -> dict[str, str]:
    return key_of(Role.ADMIN)


def register(api: TestClient, admin: dict[str, str], **more: str) -> UUID:
    answer = api.post("/items", json=ITEM | more, headers=admin).raise_for_status()
    return UUID(answer.json()["itemId"])


def declared(route: BaseRoute) -> list[Permission]:
    def needs(dependant: Any) -> Iterator[Permission]:
        if isinstance(dependant.call, Needs):
            yield dependant.call.permission
        for inner in dependant.dependencies:
            yield from needs(inner)

    return list(needs(route.dependant)) if isinstance(route, APIRoute) else []


def test_every_route_declares_what_it_needs_or_is_public() -> None:
    found = {
        (method, context.path): declared(context.original_route)
        for context in iter_route_contexts(create_app(Settings()).routes)
        for method in context.methods or ["any"]
        if not is_public(context.path or "")
    }
    assert found == {place: [permission] for place, (permission, _) in ROUTES.items()}


@pytest.mark.parametrize("role", [Role.DEVICE, Role.CLERK, Role.MANAGER])
def test_no_read_shows_anything_of_another_location(
    role: Role, api: TestClient, admin: dict[str, str], key_of: Any
) -> None:
    """Every route that reads must apply the scope of its caller."""
    here = register(api, admin)
    there = register(api, admin, location="vault", sku="GOLD", name="Gold bars")
    good = element("INBOUND", there, 7, note="of gold")
    bad = element("ADJUST", there, -99, note="of gold")
    batch = [good, bad, element("INBOUND", here, 1, note="of tea")]
    api.post("/sync/transactions", json={"transactions": batch}, headers=admin)
    caller, shown = key_of(role), ""
    for method, path in ROUTES:
        if method != "GET" or path == "/sync/stream":  # A stream does not end.
            continue
        url = path.format(item_id=there, key_id=KEY_ID, local_id=bad["localId"])
        for question in ("", "?location=vault", "?after=0"):
            answer = api.get(url + question, headers=caller)
            shown += answer.text.replace(str(there), "") if str(there) in url else answer.text
    answer = api.post("/sync/status", json={"localIds": [good["localId"]]}, headers=caller)
    assert answer.json()["statuses"] == [{"localId": good["localId"], "status": "unknown"}]
    assert "of tea" in shown
    words = ("GOLD", "Gold", "gold", str(there), good["localId"], bad["localId"])
    assert [word for word in words if word in shown] == []


@pytest.mark.parametrize("role", Role)
def test_role_may_do_what_the_table_says(
    role: Role, api: TestClient, admin: dict[str, str], key_of: Any
) -> None:
    item_id = register(api, admin)
    caller = key_of(role)
    for (method, path), (permission, good) in ROUTES.items():
        url = path.format(item_id=item_id, key_id=KEY_ID, local_id=uuid4())
        answer = api.request(
            method,
            url,
            json=body_for(method, path, item_id),
            headers=caller,
            params=NOWHERE if path == "/sync/stream" else None,
        )
        expected = good if permission in GRANTS[role] else 403
        assert (method, path, answer.status_code) == (method, path, expected)
        if expected == HTTPStatus.FORBIDDEN:
            assert answer.json()["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "role", [role for role in Role if Permission.EVERYWHERE not in GRANTS[role]]
)
def test_item_elsewhere_answers_like_none(
    role: Role, api: TestClient, admin: dict[str, str], key_of: Any
) -> None:
    there, nowhere = register(api, admin, location="annex"), uuid4()
    caller = key_of(role)
    for method, path in ROUTES:
        if "{item_id}" not in path:
            continue
        texts = []
        for item in (there, nowhere):
            url, body = path.format(item_id=item), body_for(method, path, item)
            answer = api.request(method, url, json=body, headers=caller)
            allowed = ROUTES[method, path][0] in GRANTS[role]
            assert (method, path, answer.status_code) == (method, path, 404 if allowed else 403)
            texts.append(answer.text.replace(str(item), "ID"))
        assert texts[0] == texts[1]


@pytest.mark.parametrize("path", ["/items", "/movements", "/sync/changes", "/sync/rejections"])
def test_lists_show_own_locations_alone(
    path: str, api: TestClient, admin: dict[str, str], key_of: Any
) -> None:
    for location in ["main", "annex", "far"]:
        item_id = register(api, admin, location=location)
        sent = [element("INBOUND", item_id, 5), element("OUTBOUND", item_id, 6)]
        api.post(
            "/sync/transactions", json={"transactions": sent}, headers=admin
        ).raise_for_status()

    def shown(headers: dict[str, str]) -> set[str]:
        return {row["location"] for row in api.get(path, headers=headers).json()["items"]}

    assert shown(key_of(Role.CLERK, "main", "far")) == {"main", "far"}
    assert shown(key_of(Role.AUDITOR)) == {"main", "annex", "far"}
    mine = key_of(Role.CLERK, "main")
    for accept in ("application/json", "text/csv", "application/x-ndjson"):
        asked = api.get(f"{path}?location=annex", headers=mine | {"Accept": accept})
        assert (asked.status_code, asked.json()["code"]) == (403, "FORBIDDEN")
        assert asked.headers["Content-Type"] == "application/problem+json"


def expired(services: Services) -> str:
    now = services.keys._clock()
    services.keys._clock = lambda: now - timedelta(days=2)
    grant = Grant(name="old", role=Role.ADMIN, lifetime=timedelta(days=1))
    secret = services.keys.create(grant, ADMIN).secret
    services.keys._clock = lambda: now
    return secret


def revoked(services: Services) -> str:
    issued = services.keys.create(Grant(name="lost", role=Role.ADMIN), ADMIN)
    services.keys.revoke(issued.key.key_id, ADMIN)
    return issued.secret


@pytest.mark.parametrize(
    ("reason", "header"),
    [
        ("missing", lambda services: None),
        ("malformed", lambda services: "Basic dXNlcjpwYXNz"),
        ("malformed", lambda services: "Bearer"),
        ("malformed", lambda services: "Bearer slk_short"),
        ("malformed", lambda services: "Bearer eyJhbGciOiJub25lIn0.e30."),
        ("unknown", lambda services: f"Bearer {mint().key}"),
        ("revoked", lambda services: f"Bearer {revoked(services)}"),
        ("expired", lambda services: f"Bearer {expired(services)}"),
    ],
)
def test_who_shows_nothing_good_is_turned_away(
    reason: str,
    header: Callable[[Services], str | None],
    api: TestClient,
    services: Services,
) -> None:
    credential = header(services)
    headers = {} if credential is None else {"Authorization": credential}
    for method, path in [*ROUTES, ("GET", "/nowhere"), ("PUT", "/items")]:
        answer = api.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert answer.json()["details"] == {"reason": reason}
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/openapi.json", "/docs"])
def test_public_paths_ask_nobody(path: str, api: TestClient) -> None:
    assert api.get(path).status_code == 200


def test_key_is_made_rotated_and_revoked_over_the_api(
    api: TestClient, admin: dict[str, str]
) -> None:
    device = {"name": "scanner-7", "role": "device", "locations": ["main"], "may": ["count"]}
    new = device | {"expiresInDays": 90}
    made = api.post("/keys", json=new, headers=admin)
    assert made.status_code == 201
    assert api.get("/items", headers=bearer(made.json()["key"])).status_code == 200
    key_id = made.json()["keyId"]
    rotated = api.post(f"/keys/{key_id}/rotate", json={"graceHours": 1}, headers=admin).json()
    assert api.get("/items", headers=bearer(rotated["key"])).status_code == 200
    api.post(f"/keys/{rotated['keyId']}/revoke", headers=admin).raise_for_status()
    listed = api.get("/keys", headers=admin).json()["items"]
    assert {row["keyId"]: row["revokedAt"] is None for row in listed}[key_id]
    assert all("key" not in row for row in listed)
    assert [row["may"] for row in listed if row["role"] == "device"] == [["count"]] * 2
    refused = api.post(f"/keys/{rotated['keyId']}/rotate", json={}, headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "KEY_NOT_ACTIVE")
    bad = api.post("/keys", json={"name": "x", "role": "device"}, headers=admin)
    assert (bad.status_code, bad.json()["details"]["field"]) == (422, "locations")


def test_trail_tells_who_was_turned_away_and_why(
    api: TestClient, admin: dict[str, str], key_of: Any
) -> None:
    item_id = register(api, admin, location="annex")
    device = key_of(Role.DEVICE)
    api.get("/items", headers={"X-Request-Id": "ask-1"})
    api.post(f"/items/{item_id}/discontinue", headers=device)
    batch = [element("INBOUND", item_id, 1), element("INBOUND", uuid4(), 1)]
    api.post("/sync/transactions", json={"transactions": batch}, headers=device)
    api.get("/keys", headers=device)
    entries = api.get("/audit", headers=key_of(Role.AUDITOR)).json()["items"]
    shown = [
        (row["action"], row["actor"], row["address"])
        for row in entries
        if row["action"] != "KEY_CREATED"
    ]
    assert shown == [
        ("WRITE_REFUSED", "a device", "testclient"),
        ("WRITE_REFUSED", "a device", "testclient"),
        ("AUTHENTICATION_FAILED", None, "testclient"),
    ]
    batch_row = next(row for row in entries if "batch" in row["detail"])
    assert batch_row["detail"].startswith("1 elements")
    assert entries[-1]["action"] == "KEY_CREATED"
    page = api.get("/audit?limit=2", headers=admin).json()
    rest = api.get(f"/audit?limit=2&cursor={page['nextCursor']}", headers=admin).json()
    assert {row["entryId"] for row in page["items"]}.isdisjoint(
        row["entryId"] for row in rest["items"]
    )
    failed = api.get("/audit?action=AUTHENTICATION_FAILED", headers=admin).json()["items"]
    assert [row["requestId"] for row in failed] == ["ask-1"]


def test_nothing_that_is_sent_breaks_the_trail_or_the_log(
    api: TestClient, admin: dict[str, str], key_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert api.get("/items%0A2026%20FAKE%00%1b[31m").status_code == 401
        manager = key_of(Role.MANAGER)
        for location in [r"a\u0000b", r"\ud800", r"a\nb"]:
            body = json.dumps(ITEM).replace("main", location)
            headers = manager | {"Content-Type": "application/json"}
            answer = api.post("/items", content=body.encode(), headers=headers)
            assert answer.json()["code"] == "INVALID"
    entries = api.get("/audit", headers=admin).json()["items"]
    assert all(entry["detail"].isprintable() for entry in entries)
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_too_many_requests_are_told_to_come_back(database_url: str) -> None:
    settings = Settings(database_url=database_url, rate_limit="3/minute")
    with TestClient(create_app(settings)) as api:
        services: Services = api.app.state.services  # type: ignore[attr-defined]
        one, two = (bearer(new_key(services.keys, Role.CLERK, "main")) for _ in range(2))
        statuses = [api.get("/items", headers=one).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = api.get("/items", headers=one)
        assert refused.json()["code"] == "RATE_LIMITED"
        assert refused.json()["retryable"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 120
        assert api.get("/items", headers=two).status_code == 200


def test_who_fails_too_often_leaves_no_more_traces_and_harms_nobody(database_url: str) -> None:
    settings = Settings(database_url=database_url, failed_auth_limit="3/minute")
    with TestClient(create_app(settings)) as api:
        services: Services = api.app.state.services  # type: ignore[attr-defined]
        statuses = [api.get("/items", headers=bearer(mint().key)).status_code for _ in range(6)]
        assert statuses == [401, 401, 401, 429, 429, 429]
        assert api.get("/items").status_code == 429
        good = bearer(new_key(services.keys, Role.AUDITOR))
        assert api.get("/items", headers=good).status_code == 200
        trail = api.get("/audit?action=AUTHENTICATION_FAILED", headers=good).json()["items"]
        assert len(trail) == 3


def post_packed(api: TestClient, admin: dict[str, str], content: bytes, **headers: str) -> Any:
    return api.post(
        "/sync/transactions",
        content=content,
        headers=admin | JSON_TYPE | {"Content-Encoding": "gzip"} | headers,
    )


def test_packed_body_is_unpacked(api: TestClient, admin: dict[str, str]) -> None:
    item_id = register(api, admin)
    body = json.dumps({"transactions": [element("INBOUND", item_id, 1)]}).encode()
    answer = post_packed(api, admin, gzip.compress(body))
    assert [row["status"] for row in answer.json()["synced"]] == ["recorded"]
    item = gzip.compress(json.dumps(ITEM | {"sku": "CUP"}).encode())
    packed = admin | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert api.post("/items", content=item, headers=packed).status_code == 201


BODY = gzip.compress(b'{"transactions": []}')
BAD_BODIES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "a little too large": (gzip.compress(b" " * 100_001), {}, 413, "BODY_TOO_LARGE"),
    "a bomb": (gzip.compress(b" " * 50_000_000), {}, 413, "BODY_TOO_LARGE"),
    "plain": (b"x" * 100_001, {"Content-Encoding": "identity"}, 413, "BODY_TOO_LARGE"),
    "cut off": (BODY[:-5], {}, 422, "MALFORMED_BODY"),
    "two members": (BODY + BODY, {}, 422, "MALFORMED_BODY"),
    "not packed": (b"plain", {}, 422, "MALFORMED_BODY"),
    "empty": (b"", {}, 422, "MALFORMED_BODY"),
    "packed otherwise": (BODY, {"Content-Encoding": "br"}, 415, "UNSUPPORTED_ENCODING"),
    "packed twice": (BODY, {"Content-Encoding": "gzip, gzip"}, 415, "UNSUPPORTED_ENCODING"),
}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES
)
def test_body_that_can_not_be_taken_is_refused(
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
    api: TestClient,
    admin: dict[str, str],
) -> None:
    answer = post_packed(api, admin, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_body_of_unknown_length_is_bounded_too(api: TestClient, admin: dict[str, str]) -> None:
    chunks = (b"x" * 1_000 for _ in range(200))
    answer = api.post("/sync/transactions", content=chunks, headers=admin)
    assert answer.json()["code"] == "BODY_TOO_LARGE"


def test_pages_of_other_origins_are_answered_where_they_are_named(database_url: str) -> None:
    ask = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    for origins, allowed in [([], None), (["https://shop.example"], "https://shop.example")]:
        settings = Settings(database_url=database_url, cors_origins=origins)
        with TestClient(create_app(settings)) as api:
            answers = [api.options("/items", headers=ask), api.get("/items", headers=ask)]
            found = [answer.headers.get("Access-Control-Allow-Origin") for answer in answers]
            assert found == [allowed, allowed]


def test_server_without_authentication_answers_to_loopback_names_alone(
    database_url: str,
) -> None:
    with TestClient(create_app(Settings(database_url=database_url, auth=False))) as api:
        for host in ["127.0.0.1:8000", "localhost", "[::1]:8000"]:
            assert api.get("/items", headers={"Host": host}).status_code == 200
        assert api.get("/items", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "shop.example"])
def test_server_without_authentication_is_refused_elsewhere(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Settings(auth=False, host=host)
    for loopback in ["127.0.0.1", "localhost", "::1"]:
        Settings(auth=False, host=loopback)


def test_request_log_says_who_and_what_but_no_key(
    api: TestClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    secret = new_key(services.keys, Role.CLERK, "main")
    with caplog.at_level("INFO"):
        api.get(f"/items?q={secret}", headers=bearer(secret) | {"X-Request-Id": "r-1"})
        answer = api.get("/keys", headers=bearer(secret) | {"X-Request-Id": "bad id\n"})
    entries = [record for record in caplog.records if record.name == "stockledger.access"]
    assert [(e.request_id, e.path, e.status, e.outcome, e.actor) for e in entries] == [  # type: ignore[attr-defined]
        ("r-1", "/items", 200, "ok", "a clerk"),
        (answer.headers["X-Request-Id"], "/keys", 403, "FORBIDDEN", "a clerk"),
    ]
    everything = "".join(f"{vars(record)}" for record in entries)
    assert secret.rpartition("_")[2] not in everything


def test_fault_is_answered_without_a_word_of_its_inside(
    api: TestClient, admin: dict[str, str], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("SELECT secret FROM table")

    api.get("/items", headers=admin)
    monkeypatch.setattr(type(services.ledger.recorder), "select_items", fail)
    answer = api.get("/items", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"]


def test_roles_without_a_place_need_none() -> None:
    assert {role for role in Role if not own(role, "main")} == {Role.ADMIN, Role.AUDITOR}


def test_key_that_was_good_is_told_so_behind_a_busy_address(database_url: str) -> None:
    settings = Settings(database_url=database_url, failed_auth_limit="3/minute", key_cache=1)
    with TestClient(create_app(settings)) as api:
        services: Services = api.app.state.services  # type: ignore[attr-defined]
        ended = services.keys.create(Grant(name="old", role=Role.AUDITOR), ADMIN)
        services.keys.revoke(ended.key.key_id, ADMIN)
        for _ in range(5):
            api.get("/items", headers=bearer(mint().key))
        assert api.get("/items", headers=bearer(mint().key)).status_code == 429
        answer = api.get("/items", headers=bearer(ended.secret))
        assert (answer.status_code, answer.json()["details"]["reason"]) == (401, "revoked")
