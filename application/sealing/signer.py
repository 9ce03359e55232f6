"""Signs checkpoints of the tree: first durable, then public."""

import logging
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.persistence.maintenance import StillHeld
from application.persistence.recorder import LedgerRecorder
from application.sealing.fork_guard import ForkGuard, ForkRefused, require_signed_for
from application.sealing.identity import LogIdentity, is_row_of, known_verifiers, read_identity
from application.sealing.key_file import read_key
from application.sealing.tree import GrowingTree
from application.server_clock import Clock
from application.tables.properties import PROPERTIES, VERIFIER_KEY, Property
from application.tables.table import Insert, Upsert
from application.tables.tree import CHECKPOINTS, StoredCheckpoint, checkpoint_id
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.note import Signer
from proof.succession import succession

HOOK_SECONDS: Final = 60.0
"""Seconds that the hook may take."""

_LOG = logging.getLogger("stockledger")

Publish = Callable[[str], None]
"""Takes the signed note of a new checkpoint. A failure of it is logged, and no more."""


class SigningKey(NamedTuple):
    """The private key, and its memory beside it."""

    private_key: Ed25519PrivateKey
    guard: ForkGuard

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the key in a file. Raises KeyFileError."""
        return cls(read_key(path), ForkGuard(path.with_name(f"{path.name}.last")))

    def signer(self, origin: str) -> Signer:
        """Returns the signer for a log."""
        return Signer(origin, self.private_key)


class CheckpointSigner:
    """Signs checkpoints of a ledger with one key."""

    def __init__(
        self, recorder: LedgerRecorder, key: SigningKey, clock: Clock, publish: Publish
    ) -> None:
        self._recorder = recorder
        self._key = key
        self._clock = clock
        self._publish = publish
        self._remembered: str | None = None
        self._is_compared = False

    def sign(self, tree: GrowingTree, still_held: StillHeld) -> StoredCheckpoint | None:
        """Signs what the tree holds, and publishes it. None: there is nothing new.

        A checkpoint must not speak of events that a crash can take back. So its row is committed
        first: the log of the database is flushed up to it, and with it all events before. The lock
        was held all the time, so no standby without these events has taken over.

        Raises:
            ForkRefused: the key may not sign this ledger.
            StoreUnavailable, MissingTile, WriteConflict: try again later.
        """
        identity = read_identity(self._recorder)
        signer = self._key.signer(identity.origin)
        last = self._recorder.select_last_checkpoint()
        if last is not None:
            _require_sound(last, identity)
            self._take_up(last, signer, tree)
        if not self._is_compared:
            self._require_no_fork(signer, tree, last)
            self._is_compared = True
        if tree.size == 0 or (last and (last.epoch, last.size) == (identity.epoch, tree.size)):
            return None
        self._require_known(signer, identity)
        self._require_no_fork(signer, tree, last)
        note = Checkpoint(identity.origin, tree.size, tree.root()).signed([signer])
        stored = StoredCheckpoint(
            checkpoint_id(identity.epoch, tree.size),
            identity.epoch,
            tree.size,
            tree.position,
            note,
            self._clock(),
        )
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.flush_at_commit()
            unit_of_work.write(CHECKPOINTS, [Insert([stored])])
            still_held()
        self._key.guard.remember(note)
        self._remembered = stored.checkpoint_id
        self._publish(note)
        return stored

    def _take_up(self, last: StoredCheckpoint, signer: Signer, tree: GrowingTree) -> None:
        """Remembers and publishes a checkpoint that another process signed with the key, or that a
        process signed just before it was killed. Otherwise the key could sign a fork of it.

        Raises ForkRefused, StoreUnavailable, MissingTile.
        """
        if last.checkpoint_id == self._remembered:
            return
        try:
            checkpoint = Checkpoint.verified(last.note, [signer.verifier])
        except ProofError:  # Another key signed it.
            return
        known = self._key.guard.last()
        is_declared = known is not None and self._has_declared(known.origin, signer)
        if is_declared or known is None or known.size < checkpoint.size:
            if is_declared:
                require_signed_for(last, tree.stored(), tree.size)
            else:
                self._require_no_fork(signer, tree, last)
            self._key.guard.remember(last.note)
            self._publish(last.note)
        self._remembered = last.checkpoint_id

    def _has_declared(self, origin: str, signer: Signer) -> bool:
        """Whether the key itself declared that the log of that origin goes on as this one. The
        process was killed before the key's memory followed."""
        if origin == signer.verifier.name:
            return False
        notes = [declaration.note for declaration in self._recorder.select_declarations()]
        own = self._key.signer(origin).verifier
        return succession(notes, origin, [own]).origin == signer.verifier.name

    def _require_known(self, signer: Signer, identity: LogIdentity) -> None:
        """Makes the first key of a log known. Raises ForkRefused: the log has another key."""
        known = known_verifiers(self._recorder)
        if any(one.key == signer.verifier.key for one in known):
            return
        if known or identity.epoch > 1:
            raise ForkRefused(
                f"the key {signer.verifier.key} is not one of this log's: declare it with "
                "`stockledger checkpoint rotate-key`"
            )
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.write(PROPERTIES, [Upsert([Property(VERIFIER_KEY, signer.verifier.key)])])

    def _require_no_fork(
        self, signer: Signer, tree: GrowingTree, last: StoredCheckpoint | None
    ) -> None:
        """Raises ForkRefused: a checkpoint that was signed here, or with this key anywhere,
        contradicts the tree."""
        stored = tree.stored()
        self._key.guard.require_no_fork(signer.verifier.name, stored, tree.size)
        if last is not None:
            require_signed_for(last, stored, tree.size)


def _require_sound(last: StoredCheckpoint, identity: LogIdentity) -> None:
    """Raises ForkRefused: the row says something else than its note."""
    try:
        checkpoint = Checkpoint.unverified(last.note)
    except ProofError as error:
        raise ForkRefused(f"the last checkpoint is damaged: {error}") from error
    if not is_row_of(last, checkpoint, identity.base) or last.epoch > identity.epoch:
        raise ForkRefused(
            f"checkpoint {last.checkpoint_id} is not what its note says: run `stockledger verify`"
        )


def hook(program: str | None) -> Publish:
    """Returns the hook: a program that gets each new note on its standard input."""
    return partial(_run, program)


def _run(program: str | None, note: str) -> None:
    if program is None:
        return
    try:
        subprocess.run(  # noqa: S603 -- the operator's own program
            [program], input=note, text=True, check=True, timeout=HOOK_SECONDS, capture_output=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _LOG.warning("the checkpoint hook failed: %s", error)
