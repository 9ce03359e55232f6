"""A restored ledger says so: it goes on under the next epoch, with a signed declaration.

Without it, the key would sign checkpoints that contradict earlier ones, and every device would tell
of a fork.
"""

from typing import NamedTuple

from application.access.audit import Action, AuditTrail, Origin
from application.persistence.recorder import LedgerRecorder
from application.sealing.fork_guard import ForkRefused
from application.sealing.identity import LogIdentity, read_identity
from application.sealing.rotation import declare
from application.sealing.sealer import SEAL
from application.sealing.signer import SigningKey
from application.sealing.tree import GrowingTree
from application.server_clock import Clock
from application.tables.properties import EPOCH, PROPERTIES, Property
from application.tables.table import Insert, Upsert
from application.tables.tree import (
    CHECKPOINTS,
    DeclarationKind,
    StoredCheckpoint,
    checkpoint_id,
)
from proof.checkpoint import Checkpoint
from proof.declarations import RestoreDeclaration

NO_REASON = "restored from a backup"


class Restored(NamedTuple):
    """A restored ledger."""

    lost: Checkpoint
    """The last known checkpoint before."""
    kept: Checkpoint
    """The checkpoint from which the log goes on, under its new origin."""
    note: str
    """The signed declaration."""


class Declarer:
    """Declares that a ledger was restored.

    Args:
        recorder: the restored ledger.
        key: signs the declaration, for the old origin and for the new one.
        audit: where it is noted, too.
        clock: the server's.
    """

    def __init__(
        self, recorder: LedgerRecorder, key: SigningKey, audit: AuditTrail, clock: Clock
    ) -> None:
        self._recorder = recorder
        self._key = key
        self._audit = audit
        self._clock = clock

    def declare(self, lost: Checkpoint | None, reason: str, origin: Origin) -> Restored:
        """Begins the next epoch, in one commit.

        Args:
            lost: the last known checkpoint. None: the last one that the key has signed.
            reason: for people.
            origin: who declares it.

        Raises:
            ForkRefused: no checkpoint is known, or it is not of this log.
            AlreadyRunning: a server is sealing the ledger. Stop all servers.
            StoreUnavailable, MissingTile: as they say.
        """
        with self._recorder.exclusive(SEAL):
            identity = read_identity(self._recorder)
            known = lost or self._key.guard.last()
            if known is None:
                raise ForkRefused("no checkpoint from before is known: name the last one")
            if known.origin != identity.origin:
                raise ForkRefused(
                    f"the last known checkpoint is of {known.origin}, and this ledger is "
                    f"{identity.origin}"
                )
            tree = GrowingTree(self._recorder)
            tree.grow()
            return self._declare(identity, known, tree, reason, origin)

    def _declare(
        self,
        identity: LogIdentity,
        lost: Checkpoint,
        tree: GrowingTree,
        reason: str,
        origin: Origin,
    ) -> Restored:
        following = identity._replace(epoch=identity.epoch + 1)
        old, new = (self._key.signer(one.origin) for one in (identity, following))
        last = self._recorder.select_last_checkpoint()
        size = 0 if last is None else last.size
        kept = Checkpoint(following.origin, size, tree.stored().root(size))
        now = self._clock()
        text = " ".join(reason.split()) or NO_REASON
        declaration = RestoreDeclaration(lost, kept, new.verifier, now.isoformat(), text)
        note = declaration.signed([old, new])
        first = Checkpoint(following.origin, tree.size, tree.root()).signed([new])
        stored = StoredCheckpoint(
            checkpoint_id(following.epoch, tree.size),
            following.epoch,
            tree.size,
            tree.position,
            first,
            now,
        )
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.flush_at_commit()
            declare(unit_of_work, DeclarationKind.RESTORE, note, now)
            unit_of_work.write(PROPERTIES, [Upsert([Property(EPOCH, str(following.epoch))])])
            unit_of_work.write(CHECKPOINTS, [Insert([stored])])
            detail = f"from {lost.size} events to {size}, as {following.origin}: {text}"
            self._audit.append(unit_of_work, Action.LEDGER_RESTORED, origin, detail)
        self._key.guard.remember(first)
        return Restored(lost, kept, note)
