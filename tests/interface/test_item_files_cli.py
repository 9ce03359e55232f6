"""`stockledger items import` and `stockledger export`, as processes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.filters import MovementFilter
from tests.support.cli import run
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay
from tests.support.server import COMMAND, TIMEOUT_SECONDS

DATABASE = "STOCKLEDGER_DATABASE_URL"


@pytest.fixture
def ledger_url(database_url: str) -> str:
    with Ledger(environment(database_url, lock_timeout=30)):
        return database_url


def write_catalogue(path: Path, number: int) -> Path:
    with path.open("w") as written:
        written.write("location,sku,name,code,stock\n")
        for n in range(number):
            written.write(f"main,SKU-{n:06},Name of item {n},CODE-{n:06},{n % 50 + 1}\n")
    return path


def import_file(path: Path, url: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return run("items", "import", str(path), *flags, **{DATABASE: url})


def test_import_and_export(ledger_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("Artikel;Name;Stock;Farbe\nTEA;Green tea;24;red\nCUP;Cup;many;\n")
    flags = ("--location", "main", "--column", "sku=Artikel")
    tried = import_file(file, ledger_url, *flags, "--dry-run")
    assert "1 items would be registered" in tried.stdout
    done = import_file(file, ledger_url, *flags)
    assert done.returncode == 1
    assert "1 items were registered" in done.stdout
    assert "line 3: INVALID: onHand:" in done.stderr
    assert 'the column "Farbe" is ignored' in done.stderr
    exported = run("export", "stock", **{DATABASE: ledger_url})
    assert exported.stdout.splitlines()[1].startswith("main,TEA,Green tea,pc,0,0,0,true,24,")
    whole = tmp_path / "items.ndjson"
    named = run("export", "items", "--format", "ndjson", "-o", str(whole), **{DATABASE: ledger_url})
    assert (named.stdout, whole.read_text().count("\n")) == ("", 1)
    assert "1 rows" in named.stderr
    columns = run("export", "movements", "--format", "parquet", "-o", str(tmp_path / "m.parquet"),
                  **{DATABASE: ledger_url})  # fmt: skip
    assert columns.returncode == 0
    assert (tmp_path / "m.parquet").read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["items", "import", "nowhere.csv"], "nowhere.csv"),
        (["items", "import", "x.csv", "--decimal", ";"], "--decimal"),
        (["items", "import", "x.csv", "--column", "sku"], "NAME=HEADER"),
        (["items", "import", "x.csv", "--counted-at", "noon"], "date and time"),
        (["items", "import", "x.csv", "--encoding", "klingon"], "klingon"),
        (["export", "everything"], "everything"),
        (["export", "stock", "--as-of", "2026-01-01"], "offset"),
        (["export", "stock", "--format", "parquet"], "--output"),
        (["export", "stock", "-o", "no/such/folder.csv"], "no/such/folder.csv"),
    ],
)
def test_wrong_use_is_explained(
    ledger_url: str, tmp_path: Path, arguments: list[str], told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text("sku\nTEA\n")
    result = run(*arguments, **{DATABASE: ledger_url})
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_killed_import_is_run_again(ledger_url: str, tmp_path: Path) -> None:
    file = write_catalogue(tmp_path / "catalogue.csv", 3_000)
    command = [str(COMMAND), "items", "import", str(file)]
    environ = os.environ | {DATABASE: ledger_url}
    with Ledger(environment(ledger_url, lock_timeout=30)) as ledger:
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while ledger.recorder.head() == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            assert process.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
        killed_at = len(all_events(ledger))
        assert 0 < killed_at < 9_000
        assert killed_at % 3 == 0  # A row is recorded whole, or not at all.
        again = import_file(file, ledger_url)
        assert again.returncode == 0, again.stderr
        assert f"{3_000 - killed_at // 3} items were registered" in again.stdout
        assert len(all_events(ledger)) == 9_000
        openings = ledger.recorder.select_movements(MovementFilter(), before=None, limit=5_000)
        assert len({one.local_id for one in openings}) == 3_000
        assert_read_models_equal_replay(ledger)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("numbers", "flags"), [((20_000, 100_000), ()), ((10_000, 40_000), ("--dry-run",))]
)
def test_catalogue_of_100_000_items_takes_no_more_memory_than_a_small_one(
    ledger_url: str, tmp_path: Path, numbers: tuple[int, int], flags: tuple[str, ...]
) -> None:
    peaks = []
    for number in numbers:
        file = write_catalogue(tmp_path / f"{number}.csv", number)
        log = tmp_path / f"{number}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [str(COMMAND), "items", "import", str(file), *flags],
                env=os.environ | {DATABASE: ledger_url},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, log.read_text()
        assert f"{number} rows" in log.read_text()
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < 1.5 * peaks[0]
