"""Declarations: what a log says about itself beside its checkpoints, as signed notes.

stockledger/key/v1              stockledger/restore/v1
ORIGIN                          ORIGIN            of the last checkpoint before
VERIFIER KEY                    SIZE
ROOT
ORIGIN            of the checkpoint that it goes on from
SIZE
ROOT
VERIFIER KEY      of the new origin
TIME
REASON
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.note import SignedNote, Signer, Verifier, sign

_KEY: Final = "stockledger/key/v1"
_RESTORE: Final = "stockledger/restore/v1"
_CHECKPOINT_LINES: Final = 3
_RESTORE_LINES: Final = 2 * _CHECKPOINT_LINES + 3


@dataclass(frozen=True)
class KeyDeclaration:
    """Another key signs the checkpoints of the log, too."""

    origin: str
    verifier: Verifier

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{_KEY}\n{self.origin}\n{self.verifier.key}\n"

    def signed(self, signers: Sequence[Signer]) -> str:
        """Returns the signed note."""
        return sign(self.text, signers)

    @classmethod
    def verified(cls, note: str, verifiers: Iterable[Verifier]) -> Self:
        """Reads a declaration that one of these keys signed.

        Raises:
            ProofError: it is no declaration, or none of the keys signed it.
        """
        signed = SignedNote.parse(note)
        found = cls.of_text(signed.text)
        signed.require_signature(_of((found.origin,), verifiers))
        return found

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Reads the text. Raises ProofError: it is no declaration of a key."""
        lines = _lines_after(_KEY, text)
        if len(lines) != 2:  # noqa: PLR2004
            raise ProofError("a declaration of a key has an origin and a verifier key")
        origin, key = lines
        return cls(origin, _verifier(key, origin))


@dataclass(frozen=True)
class RestoreDeclaration:
    """The ledger was restored. The log goes on under another origin, from an earlier checkpoint."""

    lost: Checkpoint
    """The last known checkpoint before. What it has beyond `kept` is lost."""
    kept: Checkpoint
    """The checkpoint from which the log goes on, under its new origin."""
    verifier: Verifier
    """The key of the new origin."""
    time: str
    """ISO 8601."""
    reason: str

    @property
    def text(self) -> str:
        """The text that is signed."""
        return (
            f"{_RESTORE}\n{self.lost.text}{self.kept.text}{self.verifier.key}\n{self.time}\n"
            f"{self.reason}\n"
        )

    def signed(self, signers: Sequence[Signer]) -> str:
        """Returns the signed note."""
        return sign(self.text, signers)

    @classmethod
    def verified(cls, note: str, verifiers: Iterable[Verifier]) -> Self:
        """Reads a declaration that one of these keys signed, for one of its two origins.

        Raises:
            ProofError: it is no declaration, or none of the keys signed it.
        """
        signed = SignedNote.parse(note)
        found = cls.of_text(signed.text)
        origins = (found.lost.origin, found.kept.origin)
        signed.require_signature(_of(origins, verifiers))
        return found

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Reads the text. Raises ProofError: it is no declaration of a restore."""
        lines = _lines_after(_RESTORE, text)
        if len(lines) != _RESTORE_LINES:
            raise ProofError("a declaration of a restore has two checkpoints, a key and a reason")
        lost, kept = (
            Checkpoint.of_text("\n".join(lines[start : start + _CHECKPOINT_LINES]))
            for start in (0, _CHECKPOINT_LINES)
        )
        key, time, reason = lines[2 * _CHECKPOINT_LINES :]
        return cls(lost, kept, _verifier(key, kept.origin), time, reason)


def _lines_after(kind: str, text: str) -> list[str]:
    first, *lines = text.removesuffix("\n").split("\n")
    if first != kind:
        raise ProofError(f"not a declaration: the first line is not {kind}")
    return lines


def _verifier(key: str, origin: str) -> Verifier:
    verifier = Verifier.parse(key)
    if verifier.name != origin:
        raise ProofError(f"the declared key is of {verifier.name}, not of {origin}")
    return verifier


def _of(origins: Sequence[str], verifiers: Iterable[Verifier]) -> list[Verifier]:
    return [verifier for verifier in verifiers if verifier.name in origins]
