"""The console over https, as every shop has it: the cookie is for this host alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from application.access.roles import Role
from tests.support.browser import key_of, visit
from tests.support.certificates import write_certificate
from tests.support.server import TIMEOUT_SECONDS, free_port, get

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[str]:
    key, certificate = write_certificate(tmp_path)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "interface.api.app:create_app", "--factory",
         "--port", str(port), "--ssl-keyfile", str(key), "--ssl-certfile", str(certificate)],
        env=os.environ | {"STOCKLEDGER_DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            get(f"{url}/health/ready").raise_for_status()
            break
        except httpx2.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait()


def test_session_over_https(browser: Browser, server: str, database_url: str) -> None:
    key = key_of(database_url, Role.MANAGER, "main")
    with visit(browser, server, ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(server)
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("No items yet")).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        (cookie,) = context.cookies()
        assert cookie["name"] == "__Host-stockledger"
        assert (cookie["secure"], cookie["httpOnly"], cookie["path"]) == (True, True, "/")
        page.reload()
        expect(page.get_by_role("heading", name="Stock", exact=True)).to_be_visible()
        page.goto(f"{server}/console/settings")
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert context.cookies() == []
