"""A restored ledger says so: it goes on under the next epoch, with a signed declaration.

Without it, the key would sign checkpoints that contradict earlier ones, and every device would tell
of a fork.
"""

from itertools import zip_longest
from typing import NamedTuple

from application.access.audit import Action, AuditTrail, Origin
from application.persistence.recorder import LedgerRecorder
from application.sealing.fork_guard import ForkRefused, require_signed_for
from application.sealing.identity import LogIdentity, epoch_of, known_verifiers, read_identity
from application.sealing.rotation import declare
from application.sealing.sealer import SEAL
from application.sealing.signer import SigningKey
from application.sealing.tree import GrowingTree
from application.server_clock import Clock
from application.tables.properties import EPOCH, PROPERTIES, RESTORING, Property
from application.tables.table import Insert, Upsert
from application.tables.tree import (
    CHECKPOINTS,
    TREE_TILES,
    DeclarationKind,
    StoredCheckpoint,
    checkpoint_id,
    tile_id,
)
from proof.checkpoint import Checkpoint
from proof.declarations import RestoreDeclaration
from proof.tiles import TILE_WIDTH, full_tiles

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

    def declare(
        self, lost: Checkpoint | None, reason: str, origin: Origin, *, is_new_key: bool = False
    ) -> Restored:
        """Begins the next epoch, in one commit.

        Args:
            lost: a checkpoint from before. The last one that the key has signed counts, too, if it
                is newer.
            reason: for people.
            origin: who declares it.
            is_new_key: the key that signed before is lost.

        Raises:
            ForkRefused: no checkpoint is known, or it is not of this log. Or the key is not. Or the
                events are not those of the last checkpoint.
            AlreadyRunning: a server is sealing the ledger. Stop all servers.
            StoreUnavailable, MissingTile: as they say.
        """
        with self._recorder.exclusive(SEAL):
            identity = read_identity(self._recorder)
            if not is_new_key:
                self._require_known_key(identity)
            last_known = self._last_known(lost, identity)
            self._drop_lost_tiles()
            tree = GrowingTree(self._recorder)
            tree.grow()
            self._drop_lost_checkpoints(tree.size)
            return self._declare(identity, last_known, tree, reason, origin)

    def _require_known_key(self, identity: LogIdentity) -> None:
        known = {one.key for one in known_verifiers(self._recorder)}
        if known and self._key.signer(identity.origin).verifier.key not in known:
            raise ForkRefused(
                "the key is not one of this log's: name that one, or use --lost-key if it is lost"
            )

    def _last_known(self, named: Checkpoint | None, identity: LogIdentity) -> Checkpoint:
        """Returns the newest known checkpoint. The ledger may be older by whole epochs."""
        known = [one for one in (named, self._key.guard.last()) if one is not None]
        if not known:
            raise ForkRefused("no checkpoint from before is known: name the last one")
        epochs = [epoch_of(identity.base, one.origin) for one in known]
        newest, last = max(
            zip(epochs, known, strict=True), key=lambda found: (found[0], found[1].size)
        )
        if min(epochs) == 0 or newest < identity.epoch:
            raise ForkRefused(
                f"the last known checkpoint is of {known[epochs.index(min(epochs))].origin}, and "
                f"this ledger is {identity.origin}"
            )
        return last

    def _drop_lost_tiles(self) -> None:
        """Deletes tiles of events that the database has lost."""
        head = self._recorder.head()
        last = self._recorder.select_last_tile()
        if last is None or last.last_position <= head:
            return
        sound = self._recorder.select_last_tile(below=head + 1)
        numbers = zip_longest(
            full_tiles((sound.number + 1) * TILE_WIDTH if sound else 0),
            full_tiles((last.number + 1) * TILE_WIDTH),
            fillvalue=0,
        )
        lost = [
            tile_id(level, number)
            for level, (first, end) in enumerate(numbers)
            for number in range(first, end)
        ]
        with self._recorder.unit_of_work() as unit_of_work, unit_of_work.unguarded():
            unit_of_work.delete(TREE_TILES, lost)

    def _drop_lost_checkpoints(self, size: int) -> None:
        """Deletes checkpoints that cover more events than there are. The last one that anybody has
        is named in the declaration."""
        while True:
            last = self._recorder.select_last_checkpoint()
            if last is None or last.size <= size:
                return
            with self._recorder.unit_of_work() as unit_of_work, unit_of_work.unguarded():
                unit_of_work.delete(CHECKPOINTS, [last.checkpoint_id])

    def _declare(
        self,
        identity: LogIdentity,
        lost: Checkpoint,
        tree: GrowingTree,
        reason: str,
        origin: Origin,
    ) -> Restored:
        following = identity._replace(epoch=epoch_of(identity.base, lost.origin) + 1)
        old, new = (self._key.signer(one) for one in (lost.origin, following.origin))
        last = self._recorder.select_last_checkpoint()
        if last is not None:
            require_signed_for(last, tree.stored(), tree.size)
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
            unit_of_work.delete(PROPERTIES, [RESTORING])
            detail = f"from {lost.size} events to {size}, as {following.origin}: {text}"
            self._audit.append(unit_of_work, Action.LEDGER_RESTORED, origin, detail)
        self._key.guard.remember(first)
        return Restored(lost, kept, note)
