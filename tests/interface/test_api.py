"""API: promises that hold for every route."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from interface.api.app import create_app
from interface.api.codes import STATUS
from interface.settings import Settings
from tests.support.codes import all_rejections


def test_every_rejection_has_a_status() -> None:
    assert set(STATUS) == set(all_rejections())


def test_what_is_not_there_is_a_problem(api: TestClient) -> None:
    for method, path, status, code in [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/items", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/items/not-a-uuid", 422, "INVALID"),
    ]:
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_health(api: TestClient) -> None:
    assert api.get("/health/live").json()["status"] == "ok"
    ready = api.get("/health/ready")
    assert (ready.status_code, ready.json()["dependencies"]) == (200, {"database": "ok"})


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[TestClient]:
    """The API on a database that is lost at run time."""
    file = tmp_path / "lost.db"
    app = create_app(Settings(database_url=f"sqlite:///{file}", auth=False))
    with TestClient(app, raise_server_exceptions=False) as client:
        with app.state.services.ledger.recorder.datastore.transaction(commit=True) as cursor:
            cursor.execute("DROP TABLE stock_levels")
            cursor.execute("ALTER TABLE stored_events RENAME TO lost")
        yield client


def test_lost_database_is_unavailable_and_worth_a_retry(broken: TestClient) -> None:
    ready = broken.get("/health/ready")
    assert (ready.status_code, ready.json()["dependencies"]) == (503, {"database": "down"})
    assert broken.get("/health/live").status_code == 200
    for answer in [
        broken.get("/items"),
        broken.post("/sync/transactions", json={"transactions": []}),
    ]:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        problem = answer.json()
        assert (problem["code"], problem["retryable"]) == ("STORE_UNAVAILABLE", True)
        assert "stored_events" not in answer.text


def test_fault_of_the_server_tells_nothing(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("interface.api.routes.items.parse_cursor", fail)
    answer = api.get("/items")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


def test_openapi_document_is_whole(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    text = str(document)
    references = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])
    operations = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert operations == {
        "GET /tree",
        "GET /tree/checkpoint",
        "GET /tree/consistency",
        "GET /tree/declarations",
        "POST /tree/alarms",
        "GET /movements/{localId}/proof",
        "POST /sync/transactions",
        "GET /sync/changes",
        "GET /sync/stream",
        "GET /items/{itemId}/changes",
        "GET /items/{itemId}/history",
        "GET /locations",
        "GET /session",
        "POST /session",
        "DELETE /session",
        "GET /session/methods",
        "POST /sync/status",
        "GET /sync/rejections",
        "POST /sync/rejections/dismiss",
        "POST /sync/rejections/retry",
        "POST /sync/rejections/{localId}/dismiss",
        "POST /sync/rejections/{localId}/retry",
        "POST /items",
        "GET /items",
        "POST /items/import",
        "GET /items/{itemId}",
        "PATCH /items/{itemId}",
        "POST /items/{itemId}/confirm",
        "POST /items/{itemId}/codes",
        "POST /items/{itemId}/codes/retire",
        "POST /items/{itemId}/discontinue",
        "POST /items/{itemId}/reactivate",
        "POST /items/{itemId}/movements",
        "GET /items/{itemId}/movements",
        "GET /movements",
        "GET /keys",
        "POST /keys",
        "GET /keys/{keyId}",
        "POST /keys/{keyId}/rotate",
        "POST /keys/{keyId}/revoke",
        "GET /audit",
        "GET /health/live",
        "GET /health/ready",
    }
    batch = document["components"]["schemas"]["SyncRequest"]
    assert batch["examples"][0]["transactions"][0]["type"] == "INBOUND"
