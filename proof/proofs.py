"""Proofs as text files: of an entry (c2sp.org/tlog-proof), and of two checkpoints of one log (the
body of `add-checkpoint` of c2sp.org/tlog-witness)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from proof.checkpoint import Checkpoint
from proof.encoding import from_base64, hash_from_base64, read_number, to_base64
from proof.errors import ProofError
from proof.merkle import leaf_hash, require_consistency, require_inclusion
from proof.note import Verifier

_INCLUSION: Final = "c2sp.org/tlog-proof@v1"

MAX_HASHES: Final = 63
"""Maximum number of hashes in a proof."""

MAX_LENGTH: Final = 200_000
"""Maximum number of characters of a proof."""


@dataclass(frozen=True)
class InclusionProof:
    """The claim that an entry is in the log of a checkpoint."""

    entry: bytes
    index: int
    path: Sequence[bytes]
    checkpoint: str
    """The signed note."""

    @property
    def text(self) -> str:
        """The proof as a text file."""
        lines = [_INCLUSION, f"extra {to_base64(self.entry)}", f"index {self.index}"]
        return "\n".join([*lines, *map(to_base64, self.path), "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a proof. Raises ProofError: it is none."""
        head, checkpoint = _halves(text)
        lines = head.split("\n")
        if lines[0] != _INCLUSION or len(lines) < 3:  # noqa: PLR2004
            raise ProofError(f"not an inclusion proof: the first line is not {_INCLUSION}")
        entry = from_base64(_after("extra ", lines[1]))
        index = read_number(_after("index ", lines[2]))
        return cls(entry, index, _hashes(lines[3:]), checkpoint)

    def require(self, verifiers: Iterable[Verifier]) -> Checkpoint:
        """Checks the proof; returns its checkpoint. Raises ProofError: it proves nothing."""
        checkpoint = Checkpoint.verified(self.checkpoint, verifiers)
        require_inclusion(
            leaf_hash(self.entry),
            index=self.index,
            path=self.path,
            size=checkpoint.size,
            root=checkpoint.root,
        )
        return checkpoint


@dataclass(frozen=True)
class ConsistencyProof:
    """The claim that a log only grew since it had the old size."""

    old_size: int
    path: Sequence[bytes]
    checkpoint: str
    """The signed note of the newer checkpoint."""

    @property
    def text(self) -> str:
        """The proof as a text file."""
        return "\n".join([f"old {self.old_size}", *map(to_base64, self.path), "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a proof. Raises ProofError: it is none."""
        head, checkpoint = _halves(text)
        first, *hashes = head.split("\n")
        return cls(read_number(_after("old ", first)), _hashes(hashes), checkpoint)

    def require(self, old: Checkpoint | None, verifiers: Iterable[Verifier]) -> Checkpoint:
        """Checks that the log of the newer checkpoint begins with that of the older one.

        Args:
            old: the older checkpoint, which is trusted. None: the proof begins at size 0.
            verifiers: the keys of the log.

        Returns:
            The newer checkpoint.

        Raises:
            ProofError: it is not proven.
        """
        new = Checkpoint.verified(self.checkpoint, verifiers)
        self.require_consistent(old, new)
        return new

    def require_consistent(self, old: Checkpoint | None, new: Checkpoint) -> None:
        """Checks the hashes alone. Raises ProofError: they prove nothing."""
        if old is None and not self.path and self.old_size == 0:
            return
        if old is None or old.size != self.old_size:
            raise ProofError(f"the proof begins at size {self.old_size}, not at the checkpoint's")
        require_consistency(
            old_size=old.size,
            old_root=old.root,
            new_size=new.size,
            new_root=new.root,
            path=self.path,
        )


def _halves(text: str) -> tuple[str, str]:
    """Splits a proof at its first empty line."""
    head, separator, checkpoint = text.partition("\n\n")
    if not separator or len(text) > MAX_LENGTH:
        raise ProofError("not a proof: it has no checkpoint, or is too long")
    return head, checkpoint


def _after(prefix: str, line: str) -> str:
    if not line.startswith(prefix):
        raise ProofError(f"not a proof: a line must begin with {prefix.strip()!r}")
    return line.removeprefix(prefix)


def _hashes(lines: Sequence[str]) -> list[bytes]:
    if len(lines) > MAX_HASHES:
        raise ProofError(f"a proof may have at most {MAX_HASHES} hashes")
    return [hash_from_base64(line) for line in lines]
