"""Makes fixtures of the current schema: python -m tests.support.make_ledger VERSION.

Run it once per schema number, and commit its output in tests/application/schemas/: a SQLite file,
a PostgreSQL dump, the file of a device, and the requests with their answers. Every later version
must open them (tests/application/test_schema.py).
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from application.access.audit import AuditTrail, Origin
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.parsing.items import Registration
from application.persistence import environment
from application.recording.sync import SyncService
from domain.actor import Actor
from domain.item_details import ItemDetails
from harness.cluster import cluster, programs
from interface.client import StockClient
from tests.support.sealing import seal, signing_key

FOLDER = Path(__file__).parents[1] / "application" / "schemas"
ADMIN = Principal(Actor("the boss"), Role.ADMIN)
DEVICE = Principal(Actor("scanner", "k1"), Role.DEVICE, frozenset({"main"}), device="scanner")

FROM_THE_SHELF = [
    {"location": "main", "sku": "CHEESE", "scale": 3, "codes": ["4006381333931"]},
    {"location": "main", "sku": "TEA-250", "name": "Other", "codes": [{"code": "T", "per": 12}]},
]
"""Items that the device registers: a provisional one, and one that differs."""


def main() -> None:
    version = int(sys.argv[1])
    FOLDER.mkdir(exist_ok=True)
    found = {}
    with TemporaryDirectory() as folder, cluster() as server:
        file = Path(folder) / "ledger.db"
        found["sqlite"] = _fill(f"sqlite:///{file}")
        shutil.copy(file, FOLDER / f"v{version}.sqlite")
        found["postgres"] = _fill(server.url)
        dump = [str(programs() / "pg_dump"), "--inserts", "--no-owner", "-d", server.url]
        text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        lines = [line for line in text.splitlines() if not line.startswith(("\\", "--"))]
        (FOLDER / f"v{version}.postgres.sql").write_text("\n".join(lines) + "\n")
        device = Path(folder) / "device.db"
        found["device"] = _device(device)
        shutil.copy(device, FOLDER / f"v{version}.device.sqlite")
    (FOLDER / f"v{version}.json").write_text(json.dumps(found, indent=1) + "\n")


def load_ledger(version: int, database_url: str) -> None:
    """Loads the fixture of this schema number into an empty database."""
    if database_url.startswith("sqlite"):
        shutil.copy(FOLDER / f"v{version}.sqlite", database_url.removeprefix("sqlite:///"))
        return
    with psycopg.connect(database_url) as connection:
        connection.execute((FOLDER / f"v{version}.postgres.sql").read_bytes())


def _fill(database_url: str) -> dict[str, Any]:
    """Records a small ledger, with a rejection of each kind, and keys."""
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        items, sync = ItemService(ledger), SyncService(ledger)
        tea, cup, old = (_register(items, sku) for sku in ("TEA-250", "CUP", "OLD"))
        items.change_details(
            cup, lambda details: ItemDetails(name="Big cup", unit=details.unit), ADMIN
        )
        items.discontinue(old, ADMIN)
        elements = [
            _element(1, "INBOUND", tea, 24, occurredAt="2026-01-08T09:14:03+09:00", note="Tee ☕"),
            _element(2, "OUTBOUND", tea, 3, reference="till-1", device="till-1"),
            _element(3, "ADJUST", cup, 7, reason="found"),
            _element(4, "COUNT", tea, 20),
            _element(5, "OUTBOUND", cup, 99),
            _element(6, "INBOUND", old, 1),
            _element(7, "INBOUND", tea, 0),
            _element(8, "INBOUND", UUID(int=8), 1),
            _element(10, "OUTBOUND", cup, 98, occurredAt="2026-01-08T10:00:00Z", reference="t:2"),
        ]
        answers = sync.sync(elements, ADMIN)
        sync.sync([_element(9, "COUNT", tea, 1)], DEVICE)
        sync.submit(parse_batch([], items=FROM_THE_SHELF), DEVICE).result()
        items.assign_code(cup, "CUP-OLD", 6, ADMIN)
        items.retire_code(cup, "CUP-OLD", ADMIN)
        audit = AuditTrail(ledger.recorder)
        keys = KeyService(ledger.recorder, audit)
        boss = Origin(ADMIN.actor)
        good = keys.create(Grant(name="scanner", role=Role.DEVICE, locations=("main",)), boss)
        revoked = keys.create(Grant(name="lost", role=Role.CLERK, locations=("main",)), boss)
        keys.revoke(revoked.key.key_id, boss)
        with TemporaryDirectory() as folder:
            seal(ledger, signing_key(Path(folder)))
    _checkpoint(database_url)
    return {
        "elements": elements,
        "synced": msgspec.to_builtins(answers.synced),
        "failed": {str(one.local_id): one.rejection.code for one in answers.failed},
        "key": good.secret,
        "revokedKey": revoked.secret,
    }


def _register(items: ItemService, sku: str) -> UUID:
    return items.register(Registration("main", sku, f"Name of {sku}", "piece", 5), ADMIN)[0].id


def _element(number: int, type: str, item_id: UUID, quantity: int, **more: Any) -> dict[str, Any]:
    local_id = UUID(int=0x019B_0000_0000_7000_8000_0000_0000_0000 + number)
    return {
        "localId": str(local_id),
        "type": type,
        "itemId": str(item_id),
        "quantity": quantity,
    } | more


def _checkpoint(database_url: str) -> None:
    """Checks that the last close moved the write-ahead log into the file."""
    if database_url.startswith("sqlite"):
        assert not Path(f"{database_url.removeprefix('sqlite:///')}-wal").exists()


def _device(file: Path) -> dict[str, Any]:
    with StockClient(file, url="http://127.0.0.1:1") as shop:
        sent = shop.record("OUTBOUND", UUID(int=1), 2, note="offline")
        refused = shop.record("OUTBOUND", UUID(int=1), 5)
        shop._store.reject(str(refused), {"code": "UNKNOWN_ITEM", "message": "no", "details": {}})
        shop._store.bookmark = "3-0123456789ab"
    return {"pending": str(sent), "rejected": str(refused)}


if __name__ == "__main__":
    main()
