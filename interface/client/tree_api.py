"""The ledger as a log, over HTTP: each request is made once, and the next sync makes it again."""

from typing import Final
from uuid import UUID

from interface.client.answer_shapes import DECLARATIONS, LOG, RECEIPT
from interface.client.retrying_transport import Server
from proof.errors import ProofError
from proof.evidence import Evidence
from proof.proofs import ConsistencyProof, InclusionProof

MAX_EVIDENCE_LENGTH: Final = 20_000
"""Characters of evidence that the ledger takes. The device keeps it in any case."""

MAX_MESSAGE_LENGTH: Final = 1_000


class TreeApi:
    """The log of the ledger. Every method may raise Unreachable and RequestFailed."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def verifier_keys(self) -> list[str]:
        """Returns the keys that the ledger names as its own."""
        found: list[str] = self._server.get_once("/tree", LOG)["verifierKeys"]
        return found

    def consistency(self, old_size: int) -> ConsistencyProof:
        """Returns the newest checkpoint, with the proof from an older size. Nothing of it is
        verified yet."""

        def parse(text: str) -> ConsistencyProof:
            proof = ConsistencyProof.parse(text)
            if proof.old_size != old_size:
                raise ProofError("the proof is that of another size")
            return proof

        return self._server.get_text_once("/tree/consistency", parse, **{"from": old_size})

    def declarations(self) -> list[str]:
        """Returns the notes of all declarations, oldest first. Nothing of them is verified yet."""
        found = self._server.get_once("/tree/declarations", DECLARATIONS)
        return [one["note"] for one in found["items"]]

    def inclusion(self, local_id: UUID) -> InclusionProof:
        """Returns the proof of a transaction. Nothing of it is verified yet."""
        return self._server.get_text_once(f"/movements/{local_id}/proof", InclusionProof.parse)

    def report(self, evidence: Evidence) -> None:
        """Reports what the device found."""
        text = evidence.text
        body = {
            "alarm": evidence.alarm,
            "message": evidence.message[:MAX_MESSAGE_LENGTH],
            "evidence": text if len(text) <= MAX_EVIDENCE_LENGTH else "",
        }
        self._server.post_once("/tree/alarms", RECEIPT, body)
