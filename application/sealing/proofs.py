"""Proofs of the ledger: that a movement is in it, and that it only grew."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.ledger.ledger import Ledger
from application.persistence.recorder import LedgerRecorder
from application.sealing.entries import entry_of
from application.sealing.errors import (
    NoCheckpoint,
    NotRecorded,
    NotSealedYet,
    TreeDamaged,
    UnknownSize,
)
from application.sealing.identity import LogIdentity, known_verifiers
from application.sealing.tree import MissingTile, StoredTree
from application.tables.properties import LAST_VERIFICATION
from application.tables.tree import Declaration, StoredCheckpoint
from proof.note import Verifier
from proof.proofs import ConsistencyProof, InclusionProof
from proof.tiles import TILE_WIDTH


class LogState(NamedTuple):
    """The state of the ledger as a log."""

    identity: LogIdentity
    verifiers: list[Verifier]
    """The keys that may sign for it, oldest first."""
    checkpoint: StoredCheckpoint | None
    """The newest one."""
    verification: str | None
    """The last result of `stockledger verify`, as a JSON object."""


class ProofService:
    """Gives proofs under the newest checkpoint. Every method may raise StoreUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recorder: LedgerRecorder = ledger.recorder

    def checkpoint(self) -> StoredCheckpoint:
        """Returns the newest checkpoint. Raises NoCheckpoint."""
        newest = self._recorder.select_last_checkpoint()
        if newest is None:
            raise NoCheckpoint
        return newest

    def state(self) -> LogState:
        """Returns the state of the log."""
        properties = {found.name: found.value for found in self._recorder.select_properties()}
        return LogState(
            LogIdentity.of(properties),
            known_verifiers(self._recorder),
            self._recorder.select_last_checkpoint(),
            properties.get(LAST_VERIFICATION),
        )

    def declarations(self) -> Sequence[Declaration]:
        """Returns what the log declared: new keys, and restores. Oldest first."""
        return self._recorder.select_declarations()

    def consistency(self, old_size: int) -> ConsistencyProof:
        """Returns the proof that the ledger only grew since it had so many events.

        Raises NoCheckpoint, UnknownSize, TreeDamaged.
        """
        newest = self.checkpoint()
        if old_size > newest.size:
            raise UnknownSize(old_size, newest.size)
        with _damage_told():
            path = self._tree(newest).consistency_path(old_size, newest.size)
        return ConsistencyProof(old_size, path, newest.note)

    def inclusion(self, local_id: UUID, principal: Principal) -> InclusionProof:
        """Returns the proof of a recorded transaction.

        Raises:
            NotRecorded: there is none at the caller's locations.
            NotSealedYet: it is newer than the newest checkpoint.
            NoCheckpoint, TreeDamaged: as they say.
        """
        found = self._ledger.recorded_under([local_id]).get(local_id)
        if found is None or not principal.can_access(found.event.location):
            raise NotRecorded
        newest = self.checkpoint()
        if found.position > newest.position:
            raise NotSealedYet(local_id)
        with _damage_told():
            return self._inclusion_at(found.position, newest)

    def _inclusion_at(self, position: int, newest: StoredCheckpoint) -> InclusionProof:
        before = self._recorder.select_last_tile(below=position)
        first, after = (
            ((before.number + 1) * TILE_WIDTH, before.last_position) if before else (0, 0)
        )
        rows = self._recorder.select_rows_after(after, TILE_WIDTH, upto=position)
        if not rows or rows[-1].position != position:
            raise MissingTile(f"the event at position {position} has no place in the tree")
        index = first + len(rows) - 1
        path = self._tree(newest).inclusion_path(index, newest.size)
        return InclusionProof(entry_of(rows[-1]), index, path, newest.note)

    def _tree(self, checkpoint: StoredCheckpoint) -> StoredTree:
        return StoredTree(self._recorder, checkpoint.size, checkpoint.position)


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except MissingTile as error:
        raise TreeDamaged(str(error)) from error
