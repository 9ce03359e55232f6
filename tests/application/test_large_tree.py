"""A tree with three levels of tiles: above 65,536 events."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from application.archive.check import check_archive
from application.archive.layout import Folder
from application.archive.reader import Archive
from application.archive.restore import restore
from application.archive.writer import write_archive
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from application.sealing.proofs import ProofService
from application.server_clock import utc_now
from application.verification.findings import Finding, Findings
from application.verification.state_file import StateFile
from application.verification.tree_check import Claim
from application.verification.verify import Options, Verified, verify
from proof.checkpoint import Checkpoint
from proof.proofs import ConsistencyProof, InclusionProof
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import execute
from tests.support.sealing import seal, signing_key, verifier_of

pytestmark = pytest.mark.slow

BATCH = 8_000


def silent(*_: object) -> None:
    """No progress."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(environment(f"sqlite:///{tmp_path / 'ledger.db'}", lock_timeout=30)) as ledger:
        yield ledger


def verified(ledger: Ledger, state: StateFile, *claims: Claim) -> tuple[list[Finding], Verified]:
    found: list[Finding] = []
    findings = Findings(found.append, ledger.recorder.head)
    options = Options(checkpoints=claims, scrub=0.02, storage=False)
    result = verify(ledger, state, findings, options, now=utc_now, progress=silent)
    return [one for one in found if not one.is_warning], result


def test_everything_holds_with_three_levels(ledger: Ledger, tmp_path: Path) -> None:
    tea = register(ItemService(ledger))
    sync, key, folder = SyncService(ledger), signing_key(tmp_path), Folder(tmp_path / "archive")
    ids: list[str] = []
    kept: list[Claim] = []
    with closing(StateFile(str(tmp_path / "state.db"))) as state:
        for number in range(9):
            sent = [element("INBOUND", tea, 1) for _ in range(BATCH)]
            assert not sync.sync(sent, CLERK).failed
            ids += [one["localId"] for one in sent]
            note = seal(ledger, key).note
            kept.append(Claim(f"kept {number}", Checkpoint.unverified(note)))
            if number in {2, 8}:
                write_archive(ledger, folder, utc_now, silent)
                found, _ = verified(ledger, state, *kept)
                assert found == []
        events = 9 * BATCH + 1
        assert ledger.recorder.head() == events > 256 * 256
        verifiers = [verifier_of(ledger, key)]
        proofs = ProofService(ledger)
        for place in (0, 255, 65_534, 65_535, 65_536, 9 * BATCH - 1):
            proof = InclusionProof.parse(proofs.inclusion(UUID(ids[place]), CLERK).text)
            assert proof.require(verifiers).size == events
            assert proof.index == place + 1
        for claim in kept:
            grown = ConsistencyProof.parse(proofs.consistency(claim.checkpoint.size).text)
            assert grown.require(claim.checkpoint, verifiers).size == events
        assert check_archive(folder, verifiers, silent).size == events
        execute(ledger, "UPDATE stored_events SET topic = 'OutboundRecorded' WHERE rowid = 7")
        with closing(StateFile("")) as fresh:
            found, _ = verified(ledger, fresh)
        assert {one.position for one in found if one.kind == "EVENT_CHANGED"} == {7}
    env = environment(f"sqlite:///{tmp_path / 'restored.db'}", lock_timeout=30)
    with Ledger(env) as restored, closing(StateFile("")) as fresh:
        restore(Archive(folder), Archive(folder).target(), restored, silent)
        found, result = verified(restored, fresh, *kept)
        assert (found, result.root) == ([], kept[-1].checkpoint.root)
