"""/tree and proofs over HTTP."""

import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi.testclient import TestClient

from application.access.audit import AuditTrail, Origin
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.sealing.identity import known_verifiers
from application.sealing.rotation import rotate_key
from application.sealing.signer import SigningKey
from application.server_clock import utc_now
from application.tables.tree import tile_id
from application.verification.report import keep
from application.verification.verify import Verified
from proof.checkpoint import Checkpoint
from proof.entry import Entry
from proof.proofs import ConsistencyProof, InclusionProof
from tests.support.builders import element, register
from tests.support.ledger_checks import execute
from tests.support.sealing import OTHER_KEY, seal, signing_key
from tests.support.server import Server


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


@pytest.fixture
def tea(api: TestClient, ledger: Ledger) -> UUID:
    return register(ItemService(ledger))


def record(api: TestClient, tea: UUID, number: int = 3) -> list[str]:
    sent = [element("INBOUND", tea, n) for n in range(1, number + 1)]
    for start in range(0, number, 50):
        answer = api.post("/sync/transactions", json={"transactions": sent[start : start + 50]})
        assert not answer.json()["failed"]
    return [one["localId"] for one in sent]


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_ledger_without_checkpoint_says_so(api: TestClient, tea: UUID) -> None:
    (local_id,) = record(api, tea, 1)
    for path in ("/tree/checkpoint", "/tree/consistency", f"/movements/{local_id}/proof"):
        assert problem(api.get(path)) == (404, "NO_CHECKPOINT")
    state = api.get("/tree").json()
    assert (state["checkpoint"], state["verification"], state["verifierKeys"]) == (None, None, [])
    assert state["origin"].startswith("stockledger.invalid/")


def test_proofs_are_texts_that_anybody_can_check(
    api: TestClient, ledger: Ledger, tea: UUID, key: SigningKey
) -> None:
    ids = record(api, tea, 300)
    seal(ledger, key)
    verifiers = known_verifiers(ledger.recorder)
    note = api.get("/tree/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint = Checkpoint.verified(note.text, verifiers)
    answer = api.get(f"/movements/{ids[280]}/proof")
    assert answer.headers["content-disposition"] == f'attachment; filename="{ids[280]}.tlog-proof"'
    proof = InclusionProof.parse(answer.text)
    assert proof.require(verifiers) == checkpoint
    assert Entry.parse(proof.entry).fields["local_id"] == ids[280]
    record(api, tea, 2)
    seal(ledger, key)
    grown = ConsistencyProof.parse(api.get("/tree/consistency?from=301").text)
    assert grown.require(checkpoint, verifiers).size == 303
    assert api.get("/tree/consistency").text.startswith("old 0\n\n")
    state = api.get("/tree").json()
    assert state["checkpoint"]["size"] == 303
    assert state["checkpoint"]["note"] == grown.checkpoint
    assert (
        bytes.fromhex(state["checkpoint"]["root"]) == Checkpoint.unverified(grown.checkpoint).root
    )
    assert state["verifierKeys"] == [one.key for one in verifiers]


@pytest.mark.parametrize("size", ["-1", "x", "1.5", str(2**63), "1&from=2"])
def test_size_that_is_none_is_refused(
    api: TestClient, ledger: Ledger, tea: UUID, key: SigningKey, size: str
) -> None:
    seal(ledger, key)
    assert problem(api.get(f"/tree/consistency?from={size}")) == (422, "INVALID")


def test_what_can_t_be_proven_is_told(
    api: TestClient, ledger: Ledger, tea: UUID, key: SigningKey
) -> None:
    seal(ledger, key)
    answer = api.get("/tree/consistency?from=9")
    assert problem(answer) == (409, "UNKNOWN_SIZE")
    assert answer.json()["details"] == {"size": 1}
    (local_id,) = record(api, tea, 1)
    waiting = api.get(f"/movements/{local_id}/proof")
    assert problem(waiting) == (503, "NOT_SEALED_YET")
    assert int(waiting.headers["retry-after"]) > 0
    assert problem(api.get(f"/movements/{uuid4()}/proof")) == (404, "NOT_RECORDED")
    assert problem(api.get("/movements/nonsense/proof")) == (422, "INVALID")


def test_damaged_tree_is_no_fault_of_the_server(
    api: TestClient, ledger: Ledger, tea: UUID, key: SigningKey
) -> None:
    ids = record(api, tea, 600)
    seal(ledger, key)
    execute(ledger, f"DELETE FROM tree_tiles WHERE tile_id = {tile_id(0, 0)}")
    assert problem(api.get(f"/movements/{ids[3]}/proof")) == (409, "TREE_DAMAGED")
    assert problem(api.get("/tree/consistency?from=3")) == (409, "TREE_DAMAGED")


def test_declarations_are_listed(
    api: TestClient, ledger: Ledger, tea: UUID, key: SigningKey, tmp_path: Path
) -> None:
    seal(ledger, key)
    (tmp_path / "new").mkdir()
    new = signing_key(tmp_path / "new", OTHER_KEY)
    note = rotate_key(ledger.recorder, key, new, utc_now())
    (declared,) = api.get("/tree/declarations").json()["items"]
    assert (declared["kind"], declared["note"]) == ("key", note)


def test_alarm_of_a_device_is_in_the_audit_trail(api: TestClient) -> None:
    report = {"alarm": "FORK", "message": "two roots\nfor 9", "evidence": "{…}" * 2_000}
    assert api.post("/tree/alarms", json=report).status_code == 201
    (entry,) = api.get("/audit?action=PROOF_FAILED").json()["items"]
    assert entry["detail"].startswith("FORK: two roots\\nfor 9 {…}")
    for bad in ({}, {"alarm": "LUNCH", "message": "x"}, {"alarm": "FORK", "message": ""},
                {"alarm": "FORK", "message": "x", "evidence": "x" * 20_001}):  # fmt: skip
        assert problem(api.post("/tree/alarms", json=bad)) == (422, "INVALID")


def test_last_verification_is_shown(api: TestClient, ledger: Ledger, tea: UUID) -> None:
    verified = Verified(7, 9, bytes(32), 1, True, 2, 1, None, utc_now())
    keep(ledger.recorder, AuditTrail(ledger.recorder), Origin(None), verified)
    shown = api.get("/tree").json()["verification"]
    assert {name: shown[name] for name in ("events", "position", "findings", "isComplete")} == {
        "events": 7, "position": 9, "findings": 2, "isComplete": True,
    }  # fmt: skip


def test_server_on_sqlite_makes_a_key_and_seals(tmp_path: Path) -> None:
    server = Server(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        server.wait_until_ready()
        with httpx2.Client(base_url=server.url) as api:
            item = {"location": "main", "sku": "TEA", "name": "Tea", "unit": "box"}
            assert api.post("/items", json=item).status_code == 201
            newest = wait_for_checkpoint(api)
        assert (tmp_path / "ledger.db.checkpoint-key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "ledger.db.checkpoint-key.last").read_text() == newest["note"]
    finally:
        server.stop()


def wait_for_checkpoint(api: httpx2.Client) -> Any:
    for _ in range(300):
        newest = api.get("/tree").json()["checkpoint"]
        if newest is not None:
            return newest
        time.sleep(0.1)
    raise AssertionError("no checkpoint was signed")
