"""Backup and restore: the database is lost, and devices resend what the backup lacks."""

import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from application.access.audit import AuditTrail
from application.access.key_management import KeyService
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from interface.client import StockClient, Unreachable
from tests.support.builders import CLERK, element
from tests.support.builders import register as register_item
from tests.support.cli import run
from tests.support.ledger_checks import assert_read_models_equal_replay
from tests.support.server import get, on_hand, post_batch, register, running


class Line(httpx2.HTTPTransport):
    """A transport that can lose the requests for GET /sync/changes."""

    loses_changes = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.loses_changes and request.url.path == "/sync/changes":
            raise httpx2.ConnectError("no network")
        return super().handle_request(request)


def backed_up(database_url: str, file: Path) -> str:
    result = run("backup", str(file), "--database", database_url)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_backup_is_a_ledger_in_one_file_and_takes_up_what_is_new(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    tea = register_item(ItemService(ledger))
    sync = SyncService(ledger)
    file = tmp_path / "backup" / "shop.db"
    file.parent.mkdir()
    for batch in range(3):
        sync.sync([element("INBOUND", tea, n) for n in range(1, 11)], CLERK)
        new = 11 if batch == 0 else 10
        assert f"copied {new} events" in backed_up(database_url, file)
        assert not list(file.parent.glob("*-wal"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Ledger(environment(f"sqlite:///{file}", lock_timeout=5, must_exist=True)) as backup:
        assert_read_models_equal_replay(backup)
        again = SyncService(backup).sync([element("OUTBOUND", tea, 165)], CLERK)
        assert again.synced[0].on_hand == 0


def test_backup_into_what_is_no_backup_of_it_is_refused(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    register_item(ItemService(ledger))
    other = tmp_path / "other.db"
    with Ledger(environment(f"sqlite:///{other}", lock_timeout=5)) as another:
        register_item(ItemService(another), "CUP")
    before = other.read_bytes()
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"a letter to the tax office " * 500)
    for file, said in [(other, "not in the source"), (junk, ""), (tmp_path, "")]:
        result = run("backup", str(file), "--database", database_url)
        assert result.returncode > 0
        assert said in result.stderr
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) <= 6
    assert other.read_bytes() == before
    assert junk.read_bytes().startswith(b"a letter")
    keyed = tmp_path / "keyed.db"
    with Ledger(environment(f"sqlite:///{keyed}", lock_timeout=5)) as another:
        KeyService(another.recorder, AuditTrail(another.recorder)).create_first()
    for name, said in [(str(keyed), "API keys"), (str(tmp_path / "day#1.db"), "must not contain")]:
        result = run("backup", name, STOCKLEDGER_DATABASE_URL=database_url)
        assert result.returncode > 0
        assert said in result.stderr
    if database_url.startswith("sqlite"):
        linked = tmp_path / "linked.db"
        linked.hardlink_to(database_url.removeprefix("sqlite:///"))
        result = run("backup", str(linked), STOCKLEDGER_DATABASE_URL=database_url)
        assert "is the ledger itself" in result.stderr
        linked.unlink()
        own = database_url.removeprefix("sqlite:///")
        result = run("backup", own, STOCKLEDGER_DATABASE_URL=database_url)
        assert "is the ledger itself" in result.stderr


def test_devices_give_a_restored_ledger_back_what_it_lost(
    database_url: str, tmp_path: Path
) -> None:
    backup, restored = tmp_path / "backup.db", tmp_path / "restored.db"
    with (
        running(database_url) as server,
        StockClient(tmp_path / "device.db", url=server.url) as device,
    ):
        tea = UUID(register(server.url))
        device.record("INBOUND", tea, 100)
        device.sync()
        backed_up(database_url, backup)
        for n in range(1, 4):
            device.record("OUTBOUND", tea, n)
        assert device.sync().recorded == 3
        post_batch(server.url, [element("OUTBOUND", tea, 50)])  # from a device that does not resend
        device.sync()
        assert device.stock()[0].on_hand == 44
        device.record("OUTBOUND", tea, 4)
    shutil.copy(backup, restored)
    with (
        running(f"sqlite:///{restored}") as server,
        StockClient(tmp_path / "device.db", url=server.url) as device,
    ):
        report = device.sync()
        assert (report.sent_again, report.recorded) == (3, 4)
        assert device.stock()[0].on_hand == on_hand(server.url, str(tea)) == 90
        moved = get(f"{server.url}/movements").json()["items"]
        assert sorted(one["quantity"] for one in moved) == [1, 2, 3, 4, 100]
        assert (device.sync().sent_again, device.pending(), device.rejected()) == (0, [], [])


def test_what_was_acknowledged_ahead_of_the_changes_is_not_lost_with_the_ledger(
    database_url: str, tmp_path: Path
) -> None:
    """The bookmark of the device is older than the backup, so the restored ledger knows it. But the
    last sale of the device is not in the backup."""
    backup, restored = tmp_path / "backup.db", tmp_path / "restored.db"
    line = Line()
    with (
        running(database_url) as server,
        StockClient(tmp_path / "device.db", url=server.url, transport=line, attempts=1) as device,
    ):
        tea = UUID(register(server.url))
        line.loses_changes = False
        device.sync()
        line.loses_changes = True
        for _ in range(3):
            post_batch(server.url, [element("INBOUND", tea, 1) for _ in range(500)])
        backed_up(database_url, backup)
        device.record("OUTBOUND", tea, 7)
        with pytest.raises(Unreachable):
            device.sync()
        assert device.pending() == []
    shutil.copy(backup, restored)
    with (
        running(f"sqlite:///{restored}") as server,
        StockClient(tmp_path / "device.db", url=server.url) as device,
    ):
        assert device.sync().sent_again == 1
        assert device.stock()[0].on_hand == on_hand(server.url, str(tea)) == 1_493
        assert device.sync().sent_again == 0


def test_acknowledged_transactions_are_kept_for_so_long(database_url: str, tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    with (
        running(database_url) as server,
        StockClient(
            tmp_path / "device.db",
            url=server.url,
            clock=lambda: now[0],
            keep=timedelta(days=3),
        ) as device,
    ):
        tea = UUID(register(server.url))
        for _ in range(2):
            device.record("INBOUND", tea, 1)
            device.sync()
            now[0] += timedelta(days=2)
        assert len(device._store.acknowledged(0, 10)) == 2
        device.sync()
        assert len(device._store.acknowledged(0, 10)) == 1
