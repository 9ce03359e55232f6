"""Checks that the log of the ledger only grew since the device last saw it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from interface.client.errors import RequestFailed, Unreachable
from interface.client.suspicion import Suspicion
from interface.client.tree_api import TreeApi
from interface.client.witness_records import Kept, Source, WitnessRecords
from proof.checkpoint import Checkpoint
from proof.encoding import to_base64
from proof.errors import ProofError
from proof.evidence import Alarm
from proof.merkle import EMPTY_ROOT, consistency_roots, is_power_of_two
from proof.note import SignedNote, Verifier
from proof.proofs import ConsistencyProof
from proof.succession import Succession, succession

_LEAST_PROVABLE: Final = 4
"""Events of the smallest log with a power of two of them of which a fork can be proven."""


class Shown(NamedTuple):
    """What the ledger showed: a verified checkpoint, with a proof."""

    kept: Kept
    proof: ConsistencyProof
    declarations: Sequence[str]
    """Those that were needed to verify it, and all others."""
    line: Succession


class LogCheck:
    """Looks at the newest checkpoint of the ledger. Its methods may raise Unreachable and
    RequestFailed: the ledger gave no answer, or none of use."""

    def __init__(
        self, records: WitnessRecords, api: TreeApi, clock: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._api = api
        self._clock = clock

    def look(self) -> Kept | None:
        """Returns the newest checkpoint, verified and kept. None: there is nothing to verify it by
        yet. Raises Suspicion."""
        self._pin_on_first_use()
        newest = self._records.newest()
        known = self._records.verifiers()
        if not known:
            return None
        shown = self._shown(newest, known)
        if newest is None:
            return self._keep(shown)
        if shown.kept.checkpoint.origin != newest.checkpoint.origin:
            return self._change_over(newest, shown)
        return self._extend(newest, shown)

    def _pin_on_first_use(self) -> None:
        if self._records.verifiers():
            return
        found = []
        for key in self._api.verifier_keys():
            with suppress(ProofError):
                found.append(Verifier.parse(key))
        with self._records.transaction():
            self._records.know(found, Source.FIRST_USE)

    def _shown(self, newest: Kept | None, known: Sequence[Verifier]) -> Shown:
        """Raises Suspicion: no known key signed the checkpoint."""
        proof = self._ask(0 if newest is None else newest.checkpoint.size)
        origin = None if newest is None else newest.checkpoint.origin
        declarations: Sequence[str] = ()
        line = succession(declarations, origin, known)
        found = _verified(proof.checkpoint, line.verifiers)
        if found is None or not _goes_on(newest, found):
            declarations = self._api.declarations()
            line = succession(declarations, origin, known)
            found = _verified(proof.checkpoint, line.verifiers)
        if found is None:
            raise _other_ledger(newest, proof.checkpoint)
        return Shown(Kept(found, proof.checkpoint), proof, declarations, line)

    def _ask(self, size: int) -> ConsistencyProof:
        try:
            return self._api.consistency(size)
        except RequestFailed as error:
            if error.code != "UNKNOWN_SIZE":
                raise
            return self._api.consistency(0)

    def _extend(self, newest: Kept, shown: Shown) -> Kept:
        """Takes a checkpoint of the same log. Raises Suspicion: it lacks what was kept."""
        old, new = newest.checkpoint, shown.kept.checkpoint
        if new.size < old.size:
            if shown.line.restores:
                raise Unreachable("the ledger was restored, and has signed no checkpoint since")
            raise _rollback(newest, shown)
        if shown.proof.old_size != old.size:
            raise Unreachable("the ledger gave no proof of this size")
        self._require_consistent(newest, shown._replace(line=shown.line._replace(restores=())))
        return self._keep(shown)

    def _change_over(self, newest: Kept, shown: Shown) -> Kept:
        """Takes a checkpoint of another origin, if a restore was declared, or a person trusts it.

        Raises Suspicion: neither, or the restored log has not kept what it declared.
        """
        origin = shown.kept.checkpoint.origin
        if origin == shown.line.origin:
            return self._follow_restore(newest, shown)
        if self._records.is_trusted_by_a_person(origin):
            return self._keep(shown, f"A person trusts a key of {origin}. The device follows it.")
        raise _other_ledger(newest, shown.kept.note)

    def _follow_restore(self, newest: Kept, shown: Shown) -> Kept:
        kept_size = shown.line.kept_size or 0
        base = self._records.largest(newest.checkpoint.origin, kept_size)
        if base is not None:
            if shown.kept.checkpoint.size < base.checkpoint.size:
                raise _rollback(base, shown)
            shown = self._shown_from(base, shown)
            self._require_consistent(base, shown)
        return self._keep(shown, _restore_notice(newest, shown))

    def _shown_from(self, base: Kept, shown: Shown) -> Shown:
        """Returns the newest checkpoint with the proof from the base."""
        proof = self._api.consistency(base.checkpoint.size)
        found = _verified(proof.checkpoint, shown.line.verifiers)
        if found is None or found.origin != shown.kept.checkpoint.origin:
            raise Unreachable("the ledger showed another log meanwhile")
        return shown._replace(kept=Kept(found, proof.checkpoint), proof=proof)

    def _require_consistent(self, old: Kept, shown: Shown) -> None:
        """Raises Suspicion: the log does not begin with the older checkpoint."""
        try:
            shown.proof.require_consistent(old.checkpoint, shown.kept.checkpoint)
            if not shown.line.contradicts(old.checkpoint):
                return
        except ProofError:
            pass
        raise Suspicion(
            Alarm.FORK,
            f"the ledger shows another history of {_names(old.checkpoint)}: its "
            f"{shown.kept.checkpoint.size} events do not begin with those that it signed before",
            about=old.checkpoint.text,
            known=old.note,
            shown=shown.kept.note,
            path=tuple(to_base64(one) for one in self._fork_path(old, shown)),
            declarations=tuple(shown.declarations),
        )

    def _fork_path(self, old: Kept, shown: Shown) -> Sequence[bytes]:
        """Returns the hashes that show a fork. The proof from a power of two lacks the root that
        the older events have in the larger log. The proof from one event less has it."""
        size = old.checkpoint.size
        if size == shown.kept.checkpoint.size or not is_power_of_two(size):
            return shown.proof.path
        with suppress(Unreachable, RequestFailed, ProofError):
            if size >= _LEAST_PROVABLE:
                path = self._api.consistency(size - 1).path[: size.bit_length()]
                _, root = consistency_roots(
                    old_size=size - 1, old_root=EMPTY_ROOT, new_size=size, path=path
                )
                return [root, *shown.proof.path]
        return [old.checkpoint.root, *shown.proof.path]

    def _keep(self, shown: Shown, notice: str | None = None) -> Kept:
        with self._records.transaction():
            self._records.know(shown.line.verifiers, Source.DECLARED)
            self._records.keep(shown.kept, self._clock())
            if notice is not None:
                self._records.notice(notice)
        return shown.kept


def _verified(note: str, verifiers: Sequence[Verifier]) -> Checkpoint | None:
    try:
        return Checkpoint.verified(note, verifiers)
    except ProofError:
        return None


def _goes_on(newest: Kept | None, found: Checkpoint) -> bool:
    """Whether nothing needs to be declared between the two."""
    return newest is None or (
        found.origin == newest.checkpoint.origin and found.size >= newest.checkpoint.size
    )


def _names(checkpoint: Checkpoint) -> str:
    return f"the {checkpoint.size} events of {checkpoint.origin}"


def _rollback(old: Kept, shown: Shown) -> Suspicion:
    return Suspicion(
        Alarm.ROLLBACK,
        f"the ledger shows only {shown.kept.checkpoint.size} of {_names(old.checkpoint)}, and "
        "declared no restore that explains it",
        about=old.checkpoint.text,
        known=old.note,
        shown=shown.kept.note,
        declarations=tuple(shown.declarations),
    )


def _other_ledger(newest: Kept | None, note: str) -> Suspicion:
    try:
        signed = SignedNote.parse(note)
        origin = Checkpoint.of_text(signed.text).origin
    except ProofError as error:
        raise Unreachable("the checkpoint can't be read") from error
    signers = ", ".join(sorted({f"{one.name}+{one.key_id.hex()}" for one in signed.signatures}))
    return Suspicion(
        Alarm.OTHER_LEDGER,
        f"the checkpoint of {origin} is signed by {signers}. The device does not know this key for "
        "its ledger, and nothing declares it",
        about=f"{origin} {signers}",
        known=None if newest is None else newest.note,
        shown=note,
    )


def _restore_notice(newest: Kept, shown: Shown) -> str:
    told = "; ".join(
        f"{one.time}: {one.reason} ({one.kept.size} of {one.lost.size} events kept)"
        for one in shown.line.restores
    )
    return (
        f"The ledger was restored, and goes on as {shown.kept.checkpoint.origin}. {told}. The "
        f"device had seen {_names(newest.checkpoint)}, and keeps that as evidence."
    )
