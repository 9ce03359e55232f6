"""The fast path answers as the stack behind it, and takes only the usual requests."""

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from application.access.roles import Role
from domain.stock_item import item_id
from interface.api.app import create_app
from interface.api.middleware import LayeredAPI
from interface.settings import Settings
from tests.support.access import new_key
from tests.support.builders import element
from tests.support.coroutines import run
from tests.support.server import JSON_TYPE

TEA, ELSEWHERE, UNKNOWN = (
    item_id("main", "TEA"),
    item_id("elsewhere", "CUP"),
    item_id("main", "NEW"),
)
DIFFERING = {"date", "x-request-id"}
"""Headers that differ from one request to the next."""


class Case(NamedTuple):
    """A request to both."""

    content: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    role: Role | None = Role.DEVICE
    url: str = "/sync/transactions"


def batch(*elements: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"transactions": elements, **more}).encode()


def local(number: int, kind: str, item: UUID, quantity: object = 1, **more: Any) -> dict[str, Any]:
    """An element with a `localId` that is the same for both."""
    return element(kind, item, quantity, **more) | {"localId": str(UUID(int=number))}


def movement(kind: str, quantity: object = 1, **more: Any) -> bytes:
    return json.dumps(local(1, kind, TEA, quantity, **more)).encode()


def of_item(content: bytes, item: str = str(TEA)) -> Case:
    """A movement by a clerk."""
    return Case(content, role=Role.CLERK, url=f"/items/{item}/movements")


SALE = batch(local(1, "OUTBOUND", TEA))
TAKEN = {
    "recorded": Case(SALE),
    "repeated": Case(batch(local(1, "OUTBOUND", TEA), local(1, "OUTBOUND", TEA))),
    "own request id": Case(SALE, {"X-Request-Id": "a-1"}),
    "invalid request id": Case(SALE, {"X-Request-Id": "a 1"}),
    "refused": Case(batch(local(1, "OUTBOUND", TEA, 99))),
    "unknown item": Case(batch(local(1, "OUTBOUND", UNKNOWN))),
    "item elsewhere": Case(batch(local(1, "OUTBOUND", ELSEWHERE))),
    "not allowed": Case(batch(local(1, "ADJUST", TEA))),
    "another spelling": Case(batch({"local_id": str(UUID(int=1)), "type": "inbound"})),
    "with changes": Case(batch(after="0", limit=5)),
    "with wrong changes": Case(batch(after="0", limit="many")),
    "unknown field": Case(batch(colour="red")),
    "no batch": Case(b"[]"),
    "no JSON": Case(b"{"),
    "no UTF-8": Case(SALE.replace(b"OUTBOUND", b"\xff")),
    "too many": Case(batch(*[local(n, "INBOUND", TEA) for n in range(60)])),
    "long answer": Case(batch(*[local(n, "INBOUND", TEA) for n in range(9)])),
    "long answer, compressed": Case(
        batch(*[local(n, "INBOUND", TEA) for n in range(9)]), {"Accept-Encoding": "gzip"}
    ),
    "short answer, compressible": Case(SALE, {"Accept-Encoding": "gzip"}),
    "movement": of_item(movement("OUTBOUND")),
    "movement of an unknown item": of_item(movement("OUTBOUND"), str(UNKNOWN)),
    "movement elsewhere": of_item(movement("OUTBOUND"), str(ELSEWHERE)),
    "item id in capital letters": of_item(movement("OUTBOUND"), str(TEA).upper()),
    "refused movement": of_item(movement("OUTBOUND", 99)),
    "movement that is not allowed": of_item(movement("ADJUST")),
    "malformed movement": of_item(movement("OUTBOUND", "many")),
    "movement with an unknown field": of_item(movement("OUTBOUND", colour="red")),
    "no movement": of_item(b"[]"),
    "movement, no JSON": of_item(b"{"),
    "JSON with parameters": Case(SALE, {"Content-Type": "application/json; charset=utf-8"}),
}
LEFT = {
    "auditor": Case(SALE, role=Role.AUDITOR),
    "no credential": Case(SALE, role=None),
    "wrong credential": Case(SALE, {"Authorization": "Bearer nobody"}, role=None),
    "malformed credential": Case(SALE, {"Authorization": "Basic eDp5"}, role=None),
    "no body": Case(b""),
    "text": Case(SALE, {"Content-Type": "text/plain"}),
    "compressed": Case(gzip.compress(SALE), {"Content-Encoding": "gzip"}),
    "unknown encoding": Case(SALE, {"Content-Encoding": "br"}),
    "from a page": Case(SALE, {"Origin": "https://shop.example"}),
    "parameter": Case(SALE, url="/sync/transactions?after=1"),
    "slash": Case(SALE, url="/sync/transactions/"),
    "movement of a device": of_item(movement("OUTBOUND"))._replace(role=Role.DEVICE),
    "movement without a credential": of_item(movement("OUTBOUND"))._replace(role=None),
    "movement of no item": of_item(movement("OUTBOUND"), "tea"),
    "movement with a parameter": Case(
        movement("OUTBOUND"), url=f"/items/{TEA}/movements?type=ADJUST"
    ),
    "large": Case(SALE + b" " * 20_000),
}


@pytest.fixture
def apps(tmp_path: Any) -> Iterator[list[LayeredAPI]]:
    """Two servers with equal ledgers: one with the fast path, and one without."""
    found = []
    for name in ("fast", "whole"):
        url = f"sqlite:///{tmp_path / name}.db"
        settings = Settings(database_url=url, max_batch=50, seal=False, hsts=60)
        found.append(create_app(settings))
    found[1].fast_path = None
    with TestClient(found[0]), TestClient(found[1]):
        yield found


def passed_on(app: LayeredAPI) -> list[str]:
    """Notes the paths of the requests that reach the stack."""
    assert app.fast_path is not None
    paths: list[str] = []
    stack = app.fast_path._stack

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await stack(scope, receive, send)

    app.fast_path._stack = noted
    return paths


def answered(app: LayeredAPI, case: Case) -> tuple[Any, ...]:
    """Fills the ledger, and sends the request. Returns the answer, and the audit trail after it."""
    client = TestClient(app, base_url="https://ledger.example", headers={"Accept-Encoding": ""})
    keys = app.state.services.keys
    admin = JSON_TYPE | {"Authorization": f"Bearer {new_key(keys, Role.ADMIN)}"}
    for location, sku in (("main", "TEA"), ("elsewhere", "CUP")):
        body = {"location": location, "sku": sku, "name": sku, "unit": "pc"}
        assert client.post("/items", json=body, headers=admin).status_code == 201
    client.post("/sync/transactions", content=batch(local(99, "INBOUND", TEA, 5)), headers=admin)
    headers = {**JSON_TYPE, **case.headers}
    if case.role is not None:
        headers["Authorization"] = f"Bearer {new_key(keys, case.role, 'main')}"
    client.get("/items", headers=headers)  # Now the credential is in memory.
    answer = client.post(case.url, content=case.content, headers=headers)
    shown = {name: value for name, value in answer.headers.items() if name not in DIFFERING}
    return answer.status_code, shown, _comparable(answer.content), _audit(client, admin)


def _comparable(content: bytes) -> Any:
    try:
        found = json.loads(content)
    except ValueError:
        return content
    for row in [found, *found.get("synced", ())]:
        for name in ("serverTime", "syncedAt"):
            row.pop(name, None)
    return found


def _audit(client: TestClient, admin: dict[str, str]) -> list[Any]:
    entries = client.get("/audit", headers=admin).json()["items"]
    return [(one["action"], one["detail"].partition(" (")[0]) for one in entries]


def compared(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without what differs: the bookmark's mark, and the ids of keys in the audit trail."""
    status, headers, content, audit = found
    if isinstance(content, dict) and "changes" in content:
        content["changes"] = len(content["changes"])
    headers.pop("content-length", None)
    return status, headers, content, [action for action, _ in audit]


@pytest.mark.parametrize("name", TAKEN)
def test_usual_request_is_answered_as_by_the_stack(apps: Sequence[LayeredAPI], name: str) -> None:
    fast, whole = apps
    stack = passed_on(fast)
    assert compared(answered(fast, TAKEN[name])) == compared(answered(whole, TAKEN[name]))
    assert TAKEN[name].url not in stack


@pytest.mark.parametrize("name", LEFT)
def test_any_other_request_is_left_to_the_stack(apps: Sequence[LayeredAPI], name: str) -> None:
    fast, whole = apps
    stack = passed_on(fast)
    assert compared(answered(fast, LEFT[name])) == compared(answered(whole, LEFT[name]))
    path = LEFT[name].url.partition("?")[0]
    assert stack.count(path) == 1


def test_rate_limit_counts_both_ways_together(tmp_path: Any) -> None:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'l.db'}", rate_limit="4/minute", seal=False
    )
    app = create_app(settings)
    with TestClient(app) as client:
        key = new_key(app.state.services.keys, Role.DEVICE, "main")
        headers = JSON_TYPE | {"Authorization": f"Bearer {key}"}
        client.get("/items", headers=headers)
        found = [
            client.post("/sync/transactions", content=batch(), headers=headers | more)
            for more in ({}, {"Origin": "https://shop.example"}, {}, {}, {})
        ]
    assert [one.status_code for one in found] == [200, 200, 200, 429, 429]
    assert [one.headers["RateLimit"].partition(";t")[0] for one in found] == [
        f'"requests";r={left}' for left in (2, 1, 0, 0, 0)
    ]


def test_access_log_has_one_entry_with_the_outcome(
    apps: Sequence[LayeredAPI], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "stockledger.access"):
        for app in apps:
            answered(app, TAKEN["recorded"])
    entries = [
        (record.__dict__["status"], record.__dict__["outcome"], record.__dict__["actor"])
        for record in caplog.records
        if record.__dict__.get("path") == "/sync/transactions"
    ]
    assert entries[2:] == entries[:2]
    assert entries[1] == (200, "1 synced, 0 failed", "a device")


def small_batch(app: LayeredAPI) -> Scope:
    """The scope of a request with an empty batch, by a device whose credential is in memory."""
    key = new_key(app.state.services.keys, Role.DEVICE, "main")
    headers = JSON_TYPE | {"Authorization": f"Bearer {key}"}
    TestClient(app).get("/items", headers=headers)
    return {
        "type": "http",
        "method": "POST",
        "path": "/sync/transactions",
        "query_string": b"",
        "headers": [
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            (b"content-length", str(len(batch())).encode()),
        ],
        "client": ("127.0.0.1", 5),
        "scheme": "http",
    }


def test_body_in_pieces_is_left_to_the_stack(apps: Sequence[LayeredAPI]) -> None:
    (fast, _) = apps
    sent, scope = [], small_batch(fast)
    stack = passed_on(fast)
    body = batch()
    pieces = [
        {"type": "http.request", "body": body[:9], "more_body": True},
        {"type": "http.request", "body": body[9:], "more_body": False},
    ]

    async def receive() -> Message:
        return pieces.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    run(fast(scope, receive, send))
    assert (sent[0]["status"], stack) == (200, ["/sync/transactions"])


def test_body_that_comes_later_is_waited_for(apps: Sequence[LayeredAPI]) -> None:
    """Many clients send the headers first, and the body in a packet of its own."""
    (fast, _) = apps
    sent, scope = [], small_batch(fast)
    stack = passed_on(fast)
    arrived = [{"type": "http.request", "body": batch(), "more_body": False}]

    async def receive() -> Message:
        await asyncio.sleep(0)
        return arrived.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    run(fast(scope, receive, send))
    assert (sent[0]["status"], stack, arrived) == (200, [], [])


def test_upgrade_stops_both_ways(apps: Sequence[LayeredAPI]) -> None:
    (fast, _) = apps
    key = new_key(fast.state.services.keys, Role.DEVICE, "main")
    headers = JSON_TYPE | {"Authorization": f"Bearer {key}"}
    client = TestClient(fast)
    client.get("/items", headers=headers)
    fast.state.upgrade.waits_for = "a test"
    answer = client.post("/sync/transactions", content=batch(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "UPGRADING")
