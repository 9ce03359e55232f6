"""Fixtures: the ledger on every backend, and the API in this process with its client."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from harness import browser, postgres
from interface import interpreter
from interface.api.app import create_app
from interface.settings import Settings
from tests.support.builders import Clock

BACKENDS = ["sqlite", "postgres"]
DOMAIN_TESTS = Path(__file__).parent / "domain"


BROWSER_REQUIRED = os.environ.get("STOCKLEDGER_TEST_BROWSER") == "required"
"""Whether tests in a browser fail without one. Otherwise they are left out."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks all tests of the domain as pure. Leaves out the tests in a browser if there is none."""
    for item in items:
        if item.path.is_relative_to(DOMAIN_TESTS):
            item.add_marker(pytest.mark.pure)
    if browser.find() is None and not BROWSER_REQUIRED:
        left_out = [item for item in items if item.get_closest_marker("browser")]
        items[:] = [item for item in items if not item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    interpreter.tune()  # As the server and the commands.


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if browser.find() is None and not BROWSER_REQUIRED:
        terminalreporter.write_line(f"tests in a browser were left out: {browser.HOW_TO_GET_ONE}")


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
    return Settings(database_url=database_url, max_batch=50, auth=False, seal=False)


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
