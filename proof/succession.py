"""The succession of a log: the keys and origins that it declared, signed by those before."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from proof.checkpoint import Checkpoint
from proof.declarations import KeyDeclaration, RestoreDeclaration
from proof.errors import ProofError
from proof.note import Verifier


class Succession(NamedTuple):
    """Where a log went on, as far as known keys declared it."""

    origin: str | None
    """Its origin now. None: nothing tells it."""
    verifiers: Sequence[Verifier]
    """The known keys, then the declared ones."""
    restores: Sequence[RestoreDeclaration]
    """The restores on the way, oldest first."""

    @property
    def kept_size(self) -> int | None:
        """The events that every restore kept; None if there was no restore."""
        return min((restore.kept.size for restore in self.restores), default=None)

    def contradicts(self, checkpoint: Checkpoint) -> bool:
        """Whether a restore says that it kept another log of the same size."""
        return any(
            restore.kept.size == checkpoint.size and restore.kept.root != checkpoint.root
            for restore in self.restores
        )


def succession(
    notes: Iterable[str], origin: str | None, verifiers: Iterable[Verifier]
) -> Succession:
    """Follows the declarations of a log. Ignores those that no known key signed.

    Args:
        notes: its declarations, oldest first.
        origin: where to begin. None: at the first restore that a known key signed.
        verifiers: the known keys.
    """
    known = [*verifiers]
    restores: list[RestoreDeclaration] = []
    for note in notes:
        with suppress(ProofError):
            known.append(KeyDeclaration.verified(note, known).verifier)
        with suppress(ProofError):
            restore = RestoreDeclaration.verified(note, known)
            if origin in {None, restore.lost.origin} and restore.kept.origin != origin:
                known.append(restore.verifier)
                restores.append(restore)
                origin = restore.kept.origin
    return Succession(origin, known, restores)
