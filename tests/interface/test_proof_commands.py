"""The commands of sealing, proof, verification and archive, as processes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from proof.merkle import leaf_hash
from proof.proofs import InclusionProof
from tests.support.builders import CLERK, element, register
from tests.support.cli import run
from tests.support.ledger_checks import column_of_positions, execute, on_hand
from tests.support.tampering import edited


class Shop:
    """A ledger with a key, and the commands on it."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.url = database_url
        self.folder = folder
        self.key = folder / "signing.key"

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "STOCKLEDGER_DATABASE_URL": self.url,
            "STOCKLEDGER_CHECKPOINT_KEY": str(self.key),
        }
        return run(*arguments, **(settings | more))

    def told(self, *arguments: str, **more: str) -> str:
        result = self.run(*arguments, **more)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def opened(self) -> Ledger:
        return Ledger(environment(self.url, lock_timeout=30))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return new_shop(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)


def new_shop(database_url: str, tmp_path: Path) -> Shop:
    """A ledger with one item and a key. The commands themselves know no database: SQLite is enough
    for most of them."""
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        register(ItemService(ledger))
    shop = Shop(database_url, tmp_path)
    shop.told("checkpoint", "new-key", str(shop.key))
    return shop


def record(shop: Shop, number: int = 3) -> list[str]:
    with shop.opened() as ledger:
        tea = register(ItemService(ledger))
        sent = [element("INBOUND", tea, n) for n in range(1, number + 1)]
        assert not SyncService(ledger).sync(sent, CLERK).failed
    return [one["localId"] for one in sent]


def change(shop: Shop) -> None:
    with shop.opened() as ledger:
        state = edited(ledger, '"quantity":2', '"quantity":9')
        execute(ledger, f"UPDATE stored_events SET state = {state} WHERE "
                f"{column_of_positions(ledger)} = 3")  # fmt: skip


def test_movement_is_proven_and_checked_without_the_ledger(shop: Shop) -> None:
    local_id = record(shop)[1]
    assert "sealed: 4 events" in shop.told("seal", "--once")
    key = shop.file("key", shop.told("checkpoint", "key"))
    proof = shop.file("m.tlog-proof", shop.told("prove", local_id))
    for command in (checked_by_command, checked_by_package):
        checked = command(proof, "--key", key)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert checked.stdout.startswith("proven: this event is number 3 of the 4 events of stock")
        assert f"local_id: {local_id}" in checked.stdout
        forged = shop.file("forged", Path(proof).read_text().replace("index 2", "index 1"))
        checked = command(forged, "--key", key)
        assert (checked.returncode, checked.stdout) == (1, "")
        assert "not proven: the inclusion proof does not lead to the root" in checked.stderr
        for bad in ((str(shop.folder / "none"), "--key", key), (proof, "--key", "a+b+c")):
            assert command(*bad).returncode == 2


def test_fingerprint_is_computed_with_a_shell(shop: Shop) -> None:
    """By the line in docs/proof.md."""
    local_id = record(shop)[1]
    shop.told("seal", "--once")
    proof = shop.told("prove", local_id)
    shop.file("movement.tlog-proof", proof)
    page = (Path(__file__).parents[2] / "docs" / "proof.md").read_text()
    (line,) = (line for line in page.splitlines() if "sha256sum" in line)
    told = subprocess.run(
        ["bash", "-c", line], cwd=shop.folder, capture_output=True, text=True, check=True
    )
    leaf = leaf_hash(InclusionProof.parse(proof).entry)
    assert told.stdout.split()[0] == leaf.hex()


def checked_by_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("check", *arguments)


def checked_by_package(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proof", *arguments], capture_output=True, text=True, check=False
    )


def test_growth_is_proven(shop: Shop) -> None:
    record(shop)
    shop.told("seal", "--once")
    old = shop.file("old", shop.told("checkpoint", "show"))
    record(shop, 300)
    shop.told("seal", "--once")
    key = shop.told("checkpoint", "key").strip()
    growth = shop.file("growth", shop.told("prove", "--from", old))
    assert "the 4 events of" in run("check", growth, "--from", old, "--key", key).stdout
    assert run("check", growth, "--key", key).returncode == 2
    newer = shop.file("newer", shop.told("checkpoint", "show"))
    assert run("check", growth, "--from", newer, "--key", key).returncode == 1
    assert run("check", newer, "--key", key).stdout.startswith("signed: the 304 events of")


def test_what_prove_can_t_do_is_told(shop: Shop) -> None:
    (local_id,) = record(shop, 1)
    assert "no checkpoint is signed yet" in shop.run("prove", local_id).stderr
    shop.told("seal", "--once")
    for arguments in ((), (local_id, "--from", "x"), ("--from", "none"), (str(UUID(int=5)),)):
        assert shop.run("prove", *arguments).returncode == 2


def test_key_is_rotated(shop: Shop) -> None:
    record(shop)
    shop.told("seal", "--once")
    new = str(shop.folder / "new.key")
    note = shop.told("checkpoint", "rotate-key", new)
    assert note.startswith("stockledger/key/v1\n")
    record(shop)
    assert "sealed: 7" in shop.told("seal", "--once", STOCKLEDGER_CHECKPOINT_KEY=new)
    shop.told("verify")
    other = str(shop.folder / "other.key")
    shop.told("checkpoint", "new-key", other)
    record(shop)
    refused = shop.run("seal", "--once", STOCKLEDGER_CHECKPOINT_KEY=other)
    assert (refused.returncode, refused.stdout) == (8, "")
    assert "not one of this log's" in refused.stderr


def test_key_that_is_named_must_be_there(shop: Shop) -> None:
    refused = shop.run("verify", STOCKLEDGER_CHECKPOINT_KEY="/no/such/key")
    assert refused.returncode == 2
    assert "can't read the key /no/such/key" in refused.stderr
    assert shop.run("checkpoint", "new-key", str(shop.key)).returncode == 2


def test_verify_says_what_is_wrong(shop: Shop) -> None:
    record(shop)
    shop.told("seal", "--once")
    kept = shop.file("kept", shop.told("checkpoint", "show"))
    key = shop.told("checkpoint", "key").strip()
    assert "proven: 4 events" in shop.told("verify", "--checkpoint", kept, "--key", key)
    change(shop)
    found = shop.run("verify", "--no-storage", "--json", "--checkpoint", kept)
    assert (found.returncode, found.stderr) == (1, "")
    *findings, last = (json.loads(line) for line in found.stdout.splitlines())
    kinds = {one["kind"] for one in findings if not one["warning"]}
    assert kinds == {"RULE_BROKEN", "CHECKPOINT_CONTRADICTED", "ROW_DIFFERS"}
    assert last["result"]["findings"] == len([one for one in findings if not one["warning"]])
    assert any(one.get("position") == 3 for one in findings)
    assert "not proven:" in shop.run("verify").stdout
    refused = shop.run("rebuild")
    assert (refused.returncode, "run `stockledger verify`" in refused.stderr) == (7, True)
    assert shop.run("rebuild", "stock_levels", "--anyway").returncode == 0
    assert "LEDGER_VERIFIED" in shop.told("audit")


def test_verify_goes_on_where_it_was(shop: Shop) -> None:
    record(shop)
    state = str(shop.folder / "state.db")
    first = json.loads(shop.told("verify", "--state", state, "--json").splitlines()[-1])
    record(shop)
    again = json.loads(shop.told("verify", "--state", state, "--json").splitlines()[-1])
    full = json.loads(shop.told("verify", "--state", state, "--full", "--json").splitlines()[-1])
    results = [one["result"] for one in (first, again, full)]
    assert [one["events"] for one in results] == [4, 7, 7]
    assert [one["is_complete"] for one in results] == [True, False, True]
    assert results[1]["root"] == results[2]["root"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--database", "sqlite:///none.db"),
        ("--database", "mysql://x"),
        ("--checkpoint", "none"),
        ("--key", "none"),
        ("--state", "/no/such/folder/state.db"),
        ("--scrub", "2"),
    ],
)
def test_verify_that_can_t_look_ends_with_2(shop: Shop, arguments: tuple[str, ...]) -> None:
    refused = shop.run("verify", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


def test_damaged_event_is_repaired_from_the_archive(shop: Shop) -> None:
    record(shop)
    archive = str(shop.folder / "archive")
    assert "archived 4 new events: 4 in all" in shop.told("archive", archive)
    assert "proven: 4 events, 1 checkpoints" in shop.told("archive", archive, "--check")
    change(shop)
    assert shop.run("archive", archive).returncode in {7, 8}
    repaired = shop.run("verify", "--repair-from", archive)
    assert (repaired.returncode, "repaired: 3" in repaired.stdout) == (0, True)
    assert "EVENT_REPAIRED" in shop.told("audit")
    shop.told("verify")
    assert shop.run("verify", "--repair-from", "/no/such/archive").returncode == 0
    change(shop)
    refused = shop.run("verify", "--repair-from", "/no/such/archive")
    assert refused.returncode == 2
    assert "there is no complete archive" in refused.stderr


def test_ledger_is_restored_as_a_declared_fork(database_url: str, tmp_path: Path) -> None:
    shop = new_shop(database_url, tmp_path)
    record(shop)
    archive = str(shop.folder / "archive")
    shop.told("archive", archive)
    old = shop.file("old", shop.told("checkpoint", "show"))
    record(shop, 5)
    shop.told("archive", archive)
    new = f"sqlite:///{shop.folder / 'new.db'}"
    told = shop.told("restore", archive, "--to-checkpoint", old, "--reason", "a drill",
                     "--database", new)  # fmt: skip
    assert "stockledger/restore/v1\n" in told
    assert "\na drill\n" in told
    assert "goes on from 4 of 9 events" in told
    origin = Path(old).read_text().splitlines()[0]
    shown = shop.told("checkpoint", "show", "--database", new)
    assert shown.splitlines()[:2] == [f"{origin}/2", "4"]
    assert "proven: 4 events" in shop.told("verify", "--database", new)
    with Ledger(environment(new, lock_timeout=30)) as restored:
        assert on_hand(restored, register(ItemService(restored))) == 6
    assert shop.run("restore", archive, "--database", new).returncode == 5
    # The key goes on there: it signs nothing more here.
    record(shop)
    assert shop.run("seal", "--once").returncode == 8
    declared = shop.run("restored", "--last-known", old)
    assert (declared.returncode, f"{origin}/2" in declared.stdout) == (0, True)


def test_drill_needs_no_key_and_declares_nothing(shop: Shop) -> None:
    record(shop)
    archive = str(shop.folder / "archive")
    shop.told("archive", archive)
    memory = shop.key.with_name(f"{shop.key.name}.last").read_text()
    new = f"sqlite:///{shop.folder / 'drill.db'}"
    assert "restored: 4 events" in shop.told("restore", archive, "--drill", "--database", new)
    assert "proven: 4 events" in shop.told("verify", "--database", new)
    shown = shop.told("checkpoint", "show", "--database", new)
    assert shown == shop.told("checkpoint", "show")
    assert shop.run("restore", archive, "--drill", "--database", new).returncode == 5
    assert shop.key.with_name(f"{shop.key.name}.last").read_text() == memory


def test_archive_that_is_damaged_is_told(shop: Shop) -> None:
    record(shop)
    archive = shop.folder / "archive"
    shop.told("archive", str(archive))
    (archive / "tile/0/000.p/4").write_bytes(bytes(128))
    new = f"sqlite:///{archive}.db"
    for arguments in (("archive", str(archive), "--check"),
                      ("restore", str(archive), "--database", new)):  # fmt: skip
        refused = shop.run(*arguments)
        assert (refused.returncode, "Traceback" in refused.stderr) == (7, False)


def test_archive_that_can_t_be_written_is_told_in_one_line(shop: Shop) -> None:
    record(shop)
    file = shop.folder / "file"
    file.write_text("")
    refused = shop.run("archive", str(file / "archive"))
    assert (refused.returncode, "Traceback" in refused.stderr) == (3, False)
    assert "can't write" in refused.stderr


def test_sealer_of_its_own_ends_with_a_signal(shop: Shop) -> None:
    record(shop)
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "stockledger"), "seal"],
        env={"STOCKLEDGER_DATABASE_URL": shop.url, "STOCKLEDGER_CHECKPOINT_KEY": str(shop.key)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    newest: Any = None
    with shop.opened() as ledger:
        for _ in range(300):
            newest = ledger.recorder.select_last_checkpoint()
            if newest is not None:
                break
            time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (0, "")
    assert newest is not None
    assert newest.size == 4
