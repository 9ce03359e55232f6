"""The ledger under test, on every backend that there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.sync import SyncService
from tests.support.shop import Clock

BACKENDS = ["sqlite"]


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, empty."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'ledger.db'}"


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
