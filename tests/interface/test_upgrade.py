"""Upgrades by the command, by a starting server, and after a kill."""

import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from application.ledger.ledger import Ledger
from application.maintenance.rebuild import REBUILD
from application.maintenance.upgrade import BackgroundUpgrade
from application.persistence import environment
from application.persistence.schema import VERSION
from interface.api.app import create_app
from interface.settings import Settings
from tests.support.cli import run
from tests.support.load import assert_sound
from tests.support.make_ledger import load_ledger
from tests.support.schemas import opened, set_version
from tests.support.server import COMMAND, get, running


def test_command_upgrades_once(database_url: str) -> None:
    load_ledger(1, database_url)
    done = run("upgrade", "--database", database_url)
    assert done.returncode == 0, done.stderr
    assert f"schema {VERSION}" in done.stdout
    assert "stock_levels, movements, item_changes" in done.stdout
    again = run("upgrade", "--database", database_url)
    assert (again.returncode, "rebuilt" in again.stdout) == (0, False)
    assert_sound(database_url)


@pytest.mark.parametrize("command", [["keys", "list"], ["rebuild"], ["audit"]])
def test_other_commands_leave_an_older_ledger_alone(database_url: str, command: list[str]) -> None:
    load_ledger(1, database_url)
    refused = run(*command, STOCKLEDGER_DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "schema 1" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_server_upgrades_when_it_starts(database_url: str) -> None:
    load_ledger(1, database_url)
    with running(database_url, "--workers", "2") as server:
        while not (answer := get(f"{server.url}/items")).is_success:  # One worker is ready first.
            assert answer.json()["code"] == "UPGRADING"
            time.sleep(0.05)
        items = answer.json()["items"]
        assert [item["sku"] for item in items] == ["CUP", "OLD", "TEA-250"]
    assert_sound(database_url)


def test_server_refuses_a_newer_ledger_in_one_line(database_url: str) -> None:
    with opened(database_url) as ledger:
        set_version(ledger, VERSION + 1)
    refused = run("serve", "--no-auth", STOCKLEDGER_DATABASE_URL=database_url)
    assert refused.returncode == 6
    assert refused.stderr.count("\n") == 1


def test_readiness_says_what_it_waits_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade waits for the rebuild of another process."""
    load_ledger(1, database_url)
    monkeypatch.setattr("application.maintenance.upgrade.RETRY_SECONDS", 0.01)
    with Ledger(environment(database_url, lock_timeout=30), may_upgrade=True) as other:
        app = create_app(Settings(database_url=database_url, auth=False))
        with other.recorder.exclusive(REBUILD), TestClient(app) as api:
            wait_for(app.state.upgrade, "another process")
            ready = api.get("/health/ready")
            assert ready.status_code == 503
            assert "read models" in ready.json()["dependencies"]["upgrade"]
            assert api.get("/health/live").status_code == 200
            answer = api.get("/items")
            assert (answer.status_code, answer.json()["code"]) == (503, "UPGRADING")
            assert int(answer.headers["Retry-After"]) > 0
            assert "read models" in answer.json()["detail"]
    with TestClient(create_app(Settings(database_url=database_url, auth=False))) as api:
        wait_for(api.app.state.upgrade, None)  # type: ignore[attr-defined]
        assert api.get("/health/ready").status_code == 200
        assert len(api.get("/items").json()["items"]) == 3


def wait_for(upgrade: BackgroundUpgrade, word: str | None) -> None:
    deadline = time.monotonic() + 60
    while (word or "") not in (upgrade.waits_for or "") or (word is None and upgrade.waits_for):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_running_server_answers_503_when_the_schema_is_newer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.persistence.schema_guard.CHECK_SECONDS", -1)
    with TestClient(create_app(Settings(database_url=database_url, auth=False))) as api:
        with opened(database_url) as ledger:
            set_version(ledger, VERSION + 1)
        for answer in (
            api.get("/items"),
            api.post("/sync/transactions", json={"transactions": []}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
        ready = api.get("/health/ready")
        assert ready.status_code == 503
        assert f"schema {VERSION + 1}" in ready.json()["dependencies"]["database"]


def test_upgrade_that_is_killed_at_random_goes_on(database_url: str) -> None:
    load_ledger(1, database_url)
    dice = random.Random(7)
    command: list[Any] = [COMMAND, "upgrade", "--database", database_url]
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(0.5 + dice.random())
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert run("upgrade", "--database", database_url).returncode == 0
    assert_sound(database_url)
