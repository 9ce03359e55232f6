"""Fixtures: the ledger on every backend, and the API in this process with its client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from harness import postgres
from interface.api.app import create_app
from interface.settings import Settings
from tests.support.builders import Clock

BACKENDS = ["sqlite", "postgres"]
DOMAIN_TESTS = Path(__file__).parent / "domain"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks all tests of the domain as pure."""
    for item in items:
        if item.path.is_relative_to(DOMAIN_TESTS):
            item.add_marker(pytest.mark.pure)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database for one test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield url


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        yield ledger


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sync(ledger: Ledger, clock: Clock) -> SyncService:
    return SyncService(ledger, clock)


@pytest.fixture
def items(ledger: Ledger, clock: Clock) -> ItemService:
    return ItemService(ledger, clock)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, max_batch=50, auth=False)


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
