"""The ledger under test, on every backend that there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from harness import postgres
from tests.support.shop import Clock

BACKENDS = ["sqlite", "postgres"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, empty."""
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
