"""Command line: each command runs as a process."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from application.access.key_format import PATTERN, read_id
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import REBUILD, rebuild
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.projections.stock_levels import StockLevels
from application.recording.sync import SyncService
from interface.cli.main import app
from tests.support.builders import CLERK, element, register
from tests.support.cli import run
from tests.support.ledger_checks import assert_read_models_equal_replay, execute
from tests.support.server import COMMAND, TIMEOUT_SECONDS, get


def fill(ledger: Ledger, batches: int) -> Any:
    tea = register(ItemService(ledger))
    sync = SyncService(ledger)
    for _ in range(batches):
        sync.sync([element("INBOUND", tea, 1) for _ in range(2_000)], CLERK)
    return tea


COMMANDS = [
    "keys create",
    *(str(group.name) for group in app.registered_groups),
    *(one.callback.__name__ for one in app.registered_commands if one.callback is not None),
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_needs_no_readme(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="stockledger")
    assert result.exit_code == 0
    assert "Usage: stockledger" in result.stdout
    assert "help" in result.stdout


def test_version() -> None:
    assert run("--version").stdout.startswith("stockledger 0.")


@pytest.mark.slow
def test_kept_demo_serves_the_console_on_a_filled_ledger_until_ctrl_c() -> None:
    command: list[str | Path] = [
        "env",
        "--default-signal",
        COMMAND,
        "demo",
        "--keep",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("open http"):
                break
        url = re.sub(r"open (\S+)/console/ .*", r"\1", lines[-1].strip())
        key = next(found[0] for line in lines if (found := PATTERN.search(line)))
        assert "<div id=" in get(f"{url}/console/").text
        assert get(f"{url}/locations", key).json()["items"] == ["market", "shop", "warehouse"]
        for path in ("items?belowSafetyStock=true", "items?negative=true", "items?provisional=true",
                     "sync/rejections?status=open", "movements?type=COUNT", "audit"):  # fmt: skip
            assert get(f"{url}/{path}", key).json()["items"] != [], path
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_SECONDS) == 0


def test_demo_shows_the_refused_sale_and_everything_recorded_once() -> None:
    result = run("demo")
    assert result.returncode == 0, result.stderr
    assert "catalogue.csv: 3 items registered, 0 problems" in result.stdout
    assert "handheld-1 scans 4006381333962: unknown" in result.stdout
    assert "handheld-2 scans 4006381333962: Honey 500 g" in result.stdout
    assert "no network: 4 pending" in result.stdout
    assert "no network: 3 pending" in result.stdout
    assert result.stdout.count("INSUFFICIENT_STOCK") == 1
    journal = result.stdout[result.stdout.index("The journal") :]
    rows = [line.split("│")[1:] for line in journal.splitlines() if line.startswith("│")]
    assert [row[2].strip() for row in rows] == [
        "INBOUND", "INBOUND", "INBOUND", "OUTBOUND", "OUTBOUND", "OUTBOUND", "INBOUND", "COUNT",
        "OUTBOUND", "INBOUND", "OUTBOUND",
    ]  # fmt: skip
    assert "Nothing is rejected on handheld-2 any more" in result.stdout


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_keys_are_made_rotated_revoked_and_listed(database_url: str) -> None:
    def keys(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("keys", *arguments, STOCKLEDGER_DATABASE_URL=database_url)

    device = ("--role", "device", "--location", "main", "--may", "count")
    made = keys("create", "--name", "scanner-7", *device)
    key_id = read_id(made.stdout.strip())
    assert key_id is not None, "standard output is the key alone"
    assert key_id in made.stderr
    rotated = read_id(keys("rotate", key_id, "--grace", "2h").stdout.strip())
    assert rotated is not None
    assert rotated in keys("revoke", rotated).stdout
    listed = keys("list").stdout
    assert key_id in listed
    assert "revoked" in listed
    assert "valid until" in listed
    assert listed.count("device + count") == 2
    entries = run("audit", STOCKLEDGER_DATABASE_URL=database_url).stdout.splitlines()
    assert [line.split()[1] for line in entries] == ["KEY_REVOKED", "KEY_ROTATED", "KEY_CREATED"]
    assert "scanner-7" in entries[0]
    only = run("audit", "--action", "KEY_CREATED", STOCKLEDGER_DATABASE_URL=database_url).stdout
    assert only.splitlines() == entries[2:]


def test_rebuild_says_what_differed(ledger: Ledger, database_url: str) -> None:
    fill(ledger, batches=1)
    execute(ledger, "UPDATE stock_levels SET on_hand = 1000")
    execute(ledger, "DELETE FROM movements WHERE position % 2 = 0")
    result = run("rebuild", STOCKLEDGER_DATABASE_URL=database_url)
    assert result.returncode == 0, result.stderr
    assert "stock_levels: rebuilt up to position 2001, 1 rows differed" in result.stdout
    assert "on_hand: was 1000, is 2000" in result.stdout
    assert "movements: rebuilt up to position 2001, 1000 rows differed" in result.stdout
    again = run("rebuild", "movements", "--database", database_url)
    assert "movements: rebuilt up to position 2001, nothing differed" in again.stdout
    assert "stock_levels" not in again.stdout
    assert_read_models_equal_replay(ledger)


def test_killed_rebuild_has_changed_nothing(ledger: Ledger, database_url: str) -> None:
    tea = fill(ledger, batches=12)
    process = subprocess.Popen(
        [COMMAND, "rebuild", "--database", database_url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    shadow = StockLevels.table.shadow()
    while process.poll() is None:
        try:
            ledger.recorder.differences(shadow, shadow, upto=0, samples=0)
        except StoreUnavailable:
            time.sleep(0.001)  # The shadow table does not exist yet.
        else:
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    assert_read_models_equal_replay(ledger)
    SyncService(ledger).sync([element("INBOUND", tea, 1)], CLERK)
    assert rebuild(ledger, StockLevels(), lambda *_: None).differences.total == 0
    assert_read_models_equal_replay(ledger)


def test_rebuild_while_another_is_at_work_is_refused(ledger: Ledger, database_url: str) -> None:
    with ledger.recorder.exclusive(REBUILD):
        result = run("rebuild", STOCKLEDGER_DATABASE_URL=database_url)
    assert result.returncode == 4
    assert "another rebuild" in result.stderr


def test_killed_copy_goes_on(ledger: Ledger, database_url: str, tmp_path: Path) -> None:
    fill(ledger, batches=4)
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    command = ["copy", "--from", database_url, "--to", target]
    process = subprocess.Popen([COMMAND, *command], stdout=subprocess.DEVNULL)
    with Ledger(environment(target, lock_timeout=30)) as copied:
        while copied.recorder.head() < 2_000:
            assert process.poll() is None, "too fast to be killed"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        there = copied.recorder.head()
        assert there < ledger.recorder.head()

        result = run(*command)
        assert result.returncode == 0, result.stderr
        assert f"copied {8_001 - there} events: the target holds 8001" in result.stdout
        assert "all equal; root " in result.stdout
        assert_read_models_equal_replay(copied)


def test_copy_to_another_ledger_is_refused(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    register(ItemService(ledger))
    target = f"sqlite:///{tmp_path / 'other.db'}"
    with Ledger(environment(target, lock_timeout=30)) as other:
        register(ItemService(other), "CUP-01")
    result = run("copy", "--from", database_url, "--to", target)
    assert result.returncode == 5
    assert "position 1 is not in the source" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment_", "code", "said"),
    [
        (["rebuild", "nonsense"], {}, 2, "there are stock_levels, movements"),
        (
            ["copy", "--from", "sqlite:///none.db", "--to", "sqlite:///x.db"],
            {},
            2,
            "no file none.db",
        ),
        (["rebuild", "--database", "mysql://host/x"], {}, 2, "'mysql' is not supported"),
        (["serve", "--database", "sqlite:////no/such/folder/x.db"], {}, 3, "unavailable"),
        (["serve", "--database", "postgresql://me:secret@127.0.0.1:1/x"], {}, 3, "port 1 failed"),
        (["serve", "--database", "postgresql://me:secr%t@h/x"], {}, 2, "can't be understood"),
        (["serve"], {"STOCKLEDGER_PORT": "many"}, 2, "STOCKLEDGER_PORT"),
        (["serve", "--workers", "0"], {}, 2, "STOCKLEDGER_WORKERS"),
        (["serve", "--no-auth", "--host", "0.0.0.0"], {}, 2, "only a loopback address"),
        (["serve"], {"STOCKLEDGER_RATE_LIMIT": "often"}, 2, "STOCKLEDGER_RATE_LIMIT"),
        (["serve"], {"STOCKLEDGER_OIDC_ISSUER": "https://id"}, 2, "needed together"),
        (["serve"], {"STOCKLEDGER_OIDC_ALGORITHMS": '["HS256"]'}, 2, "OIDC_ALGORITHMS"),
        (["serve"], {"STOCKLEDGER_OIDC_JWKS_URL": "http://id"}, 2, "https://"),
        (["keys", "list"], {}, 2, "there is no file"),
        (["keys", "create", "--name", "x", "--role", "device"], {}, 2, "locations"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], environment_: dict[str, str], code: int, said: str, tmp_path: Path
) -> None:
    nowhere = {"STOCKLEDGER_DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"}
    result = run(*arguments, **(nowhere | environment_))
    assert result.returncode == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "secr" not in result.stderr


@pytest.mark.parametrize("name", [r"[/][bold]\[", "[/red][link=a]", "{}{0}"])
def test_name_that_looks_like_markup_is_shown_as_it_is(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    created = run("keys", "create", "--name", name, "--role", "admin", STOCKLEDGER_DATABASE_URL=url)
    assert created.returncode == 0, created.stderr
    for command in (["keys", "list"], ["audit"]):
        shown = run(*command, STOCKLEDGER_DATABASE_URL=url)
        assert shown.returncode == 0, shown.stderr
        assert name in shown.stdout
    key_id = created.stderr.split()[1]
    revoked = run("keys", "revoke", key_id, STOCKLEDGER_DATABASE_URL=url)
    assert f"({name})" in revoked.stdout
    assert "[" in run("keys", "revoke", "[/]", STOCKLEDGER_DATABASE_URL=url).stderr


def test_second_rebuild_by_a_symlink_is_told_of_the_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(environment(url, lock_timeout=30)) as ledger:
        (tmp_path / "link.db").symlink_to(tmp_path / "ledger.db")
        with ledger.recorder.exclusive(REBUILD):
            refused = run("rebuild", "--database", f"sqlite:///{tmp_path / 'link.db'}")
    assert refused.returncode == 4
