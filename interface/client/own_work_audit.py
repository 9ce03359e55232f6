"""Audits the device's own work: one acknowledged transaction after the other must be in the log, as
it was recorded."""

from uuid import UUID

from interface.client.catalogue import Catalogue
from interface.client.errors import RequestFailed, Unreachable
from interface.client.groups import Outgoing
from interface.client.store import Store
from interface.client.suspicion import Suspicion
from interface.client.tree_api import TreeApi
from interface.client.witness_records import Kept, WitnessRecords
from proof.checkpoint import Checkpoint
from proof.entry import Entry
from proof.errors import ProofError
from proof.evidence import Alarm
from proof.movement import differing_fields
from proof.proofs import InclusionProof


class OwnWorkAudit:
    """Its method may raise Unreachable and RequestFailed: a later sync tries again."""

    def __init__(
        self, store: Store, catalogue: Catalogue, records: WitnessRecords, api: TreeApi
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._records = records
        self._api = api

    def next(self) -> Outgoing | None:
        """Returns a transaction to audit; None if there is none."""
        return self._records.next_to_audit()

    def require_recorded(self, one: Outgoing, newest: Kept) -> None:
        """Checks that the log of this checkpoint has the transaction, as it was recorded.

        Raises Suspicion: it has not.
        """
        local_id = one.element["localId"]
        try:
            proof = self._api.inclusion(UUID(local_id))
        except RequestFailed as error:
            if error.code != "NOT_RECORDED":
                raise
            raise _missing(one) from error
        if not self._is_of(proof, newest):
            raise Unreachable("the ledger gave no proof under the checkpoint that it showed")
        try:
            proof.require(self._records.verifiers())
            differing = differing_fields(Entry.parse(proof.entry), one.element)
        except ProofError as error:
            raise _altered(one, newest, proof, f"the proof of it is wrong: {error}") from error
        if differing:
            raise _altered(one, newest, proof, f"other {', '.join(differing)}")
        self._records.mark_as_audited(local_id)

    def settle(self, one: Outgoing, alarm: Alarm, *, is_new: bool) -> bool:
        """Does what an alarm about the transaction needs: what is missing is sent again, but only
        once. Returns whether it is."""
        local_id = one.element["localId"]
        if alarm is not Alarm.MISSING or not is_new:
            self._records.mark_as_audited(local_id)
            return False
        self._store.send_again(local_id)
        self._catalogue.send_again({UUID(one.element["itemId"])})
        return True

    def _is_of(self, proof: InclusionProof, newest: Kept) -> bool:
        """Whether the proof is one under this checkpoint. Raises Suspicion: it is under another one
        of the same size."""
        try:
            found = Checkpoint.verified(proof.checkpoint, self._records.verifiers())
        except ProofError:
            return False
        if found != newest.checkpoint and found[:2] == newest.checkpoint[:2]:
            raise Suspicion(
                Alarm.FORK,
                f"the ledger shows two roots for {found.size} events of {found.origin}",
                about=newest.checkpoint.text,
                known=newest.note,
                shown=proof.checkpoint,
            )
        return found == newest.checkpoint


def _missing(one: Outgoing) -> Suspicion:
    local_id = one.element["localId"]
    return Suspicion(
        Alarm.MISSING,
        f"the ledger has acknowledged transaction {local_id}, and does not have it, or hides it "
        "from this device",
        about=local_id,
        recorded=one.element,
    )


def _altered(one: Outgoing, newest: Kept, proof: InclusionProof, how: str) -> Suspicion:
    local_id = one.element["localId"]
    return Suspicion(
        Alarm.ALTERED,
        f"the ledger does not have transaction {local_id} as it was recorded: {how}",
        about=local_id,
        known=newest.note,
        proof=proof.text,
        recorded=one.element,
    )
