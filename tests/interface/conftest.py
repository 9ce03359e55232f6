"""The API in this process, and a client to it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from interface.api.app import create_app
from interface.settings import Settings


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, max_batch=50, auth=False)


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
