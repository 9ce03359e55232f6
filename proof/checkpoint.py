"""Checkpoints: the size and root of a log, signed (c2sp.org/tlog-checkpoint)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from proof.encoding import hash_from_base64, read_number, to_base64
from proof.errors import ProofError
from proof.note import SignedNote, Signer, Verifier, is_key_name, sign


class Checkpoint(NamedTuple):
    """What a log says about itself: it has so many entries, and this root."""

    origin: str
    """The name of the log."""
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    def signed(self, signers: Sequence[Signer]) -> str:
        """Returns the signed note."""
        return sign(self.text, signers)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Reads the text of a checkpoint. Raises ProofError: it is none."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not is_key_name(lines[0]):  # noqa: PLR2004
            raise ProofError("not a checkpoint: it needs an origin, a size and a root")
        return cls(lines[0], read_number(lines[1]), hash_from_base64(lines[2]))

    @classmethod
    def unverified(cls, note: str) -> Self:
        """Reads a signed note, and checks no signature. Raises ProofError: it is no checkpoint."""
        return cls.of_text(SignedNote.parse(note).text)

    @classmethod
    def verified(cls, note: str, verifiers: Iterable[Verifier]) -> Self:
        """Reads a checkpoint that one of these keys signed, for its own log.

        Raises:
            ProofError: it is no checkpoint, or none of the keys signed it.
        """
        signed = SignedNote.parse(note)
        found = cls.of_text(signed.text)
        signed.require_signature([one for one in verifiers if one.name == found.origin])
        return found
