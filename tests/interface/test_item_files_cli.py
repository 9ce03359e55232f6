"""`stockledger items import` and `stockledger export`, as processes."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from application.files.import_options import ImportOptions
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.filters import ItemFilter, MovementFilter
from application.recording.sync import SyncService
from interface.cli import options
from interface.composition import compose
from interface.settings import Settings
from tests.support.builders import CLERK, element
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
    assert "0 items were discontinued" in done.stdout
    assert (
        "read as utf-8, separator ;, decimal sign .; columns: Artikel as sku, Name as name, "
        "Stock as onHand"
    ) in done.stdout.replace("\n", " ")
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
        (["items", "import", "."], "can't read .: Is a directory"),
        (["items", "import", "x.csv", "--decimal", ";"], "--decimal"),
        (["items", "import", "x.csv", "--column", "sku"], "NAME=HEADER"),
        (["items", "import", "x.csv", "--counted-at", "noon"], "date and time"),
        (["items", "import", "x.csv", "--encoding", "klingon"], "klingon"),
        (["export", "everything"], "everything"),
        (["export", "stock", "--as-of", "2026-01-01"], "offset"),
        (["export", "stock", "--format", "parquet"], "--output"),
        (["export", "items", "--since", "2026-01-01T00:00:00Z"], "since: is not for items"),
        (["export", "audit", "--location", "main"], "audit trail"),
        (["export", "stock", "-o", "."], "can't write"),
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestOutput:
    @pytest.fixture
    def ledger_url(self, ledger_url: str, tmp_path: Path) -> str:
        path = write_catalogue(tmp_path / "catalogue.csv", 20)
        with compose(Settings(database_url=ledger_url)) as services, path.open("rb") as file:
            assert services.imports.run(file, ImportOptions(), CLERK).registered == 20
        return ledger_url

    def test_file_keeps_its_links_its_mode_and_its_name(
        self, ledger_url: str, tmp_path: Path
    ) -> None:
        real, link, audit = tmp_path / "real.csv", tmp_path / "link.csv", tmp_path / "audit.csv"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to(real)
        for name, path in (("stock", link), ("audit", audit), ("stock", tmp_path / "new.csv")):
            done = run("export", name, "-o", str(path), **{DATABASE: ledger_url})
            assert done.returncode == 0, done.stderr
        assert link.is_symlink()
        assert "SKU-000001" in real.read_text()
        mask = os.umask(0o077)
        os.umask(mask)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (real, audit, tmp_path / "new.csv")]
        assert modes == [0o640, 0o600, 0o666 & ~mask]
        assert not list(tmp_path.glob(".stockledger-*"))

    def test_devices_and_pipes_are_written_and_not_replaced(
        self, ledger_url: str, tmp_path: Path
    ) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
            done = run("export", "stock", "-o", str(pipe), **{DATABASE: ledger_url})
            found, _ = reader.communicate(timeout=TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stderr
        assert b"SKU-000019" in found
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        for device in ("/dev/null", "/dev/stdout"):
            done = run("export", "stock", "-o", device, **{DATABASE: ledger_url})
            assert done.returncode == 0, done.stderr
        assert "SKU-000019" in done.stdout

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_ended_export_leaves_the_old_file(
        self, ledger_url: str, tmp_path: Path, end: signal.Signals
    ) -> None:
        with Ledger(environment(ledger_url, lock_timeout=30)) as ledger:
            tea = next(iter(ledger.recorder.select_items(ItemFilter(), after=None, limit=1)))
            for _ in range(30):
                SyncService(ledger).sync(
                    [element("INBOUND", tea.item_id, 1) for _ in range(1_000)], CLERK
                )
        old = tmp_path / "old.csv"
        old.write_text("old")
        # A shell that runs the tests in the background lets them ignore SIGINT.
        command: list[str | Path] = [
            "env",
            "--default-signal",
            COMMAND,
            "export",
            "movements",
            "-o",
            old,
        ]
        with subprocess.Popen(command, env=os.environ | {DATABASE: ledger_url}) as process:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not (parts := list(tmp_path.glob(".stockledger-*"))):
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.send_signal(end)
            assert process.wait(TIMEOUT_SECONDS) not in {0, -end}
        assert old.read_text() == "old"
        assert not any(part.exists() for part in parts)

    @pytest.mark.parametrize(
        ("command", "status", "told"),
        [
            ("export stock >/dev/full", 2, "No space left"),
            ("export stock -o /dev/full", 2, "No space left"),
            ("export stock >&-", 2, "closed"),
            ("items import $FILE --dry-run >/dev/full", 2, "No space left"),
            ("items import $FILE --dry-run >&-", 2, "closed"),
            ("items import - --dry-run <&-", 2, "closed"),
            ("export movements | true", 0, ""),
            ("items import - <$FILE", 0, ""),
            ("items import /dev/stdin <$FILE", 0, ""),
            ("cat $FILE | $COMMAND items import -", 0, ""),
            ("cat $FILE | $COMMAND items import /dev/stdin", 0, ""),
        ],
    )
    def test_shell_is_told_what_goes_wrong(
        self, ledger_url: str, tmp_path: Path, command: str, status: int, told: str
    ) -> None:
        whole = command if command.startswith("cat") else f"$COMMAND {command}"
        done = subprocess.run(
            ["bash", "-c", whole],
            env=os.environ
            | {DATABASE: ledger_url, "COMMAND": str(COMMAND), "NO_COLOR": "1"}
            | {"FILE": str(tmp_path / "catalogue.csv")},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert len(done.stderr.splitlines()) == bool(told)
        if "import" in command and not status:
            assert "20 are known" in done.stdout


def test_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(options, "getuser", unknown)
    assert options.operator().name == f"cli:{os.getuid()}"


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
