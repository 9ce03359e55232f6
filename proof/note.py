"""Signed notes (c2sp.org/signed-note), with Ed25519 signatures (RFC 8032)."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from proof.encoding import from_base64, to_base64
from proof.errors import ProofError

_ED25519: Final = b"\x01"
"""Signature type of C2SP."""

_KEY_ID_SIZE: Final = 4

MAX_SIGNATURES: Final = 16

MAX_NOTE_LENGTH: Final = 16_384
"""Characters."""

# Half a surrogate pair, which JSON can escape, has no UTF-8 form.
_KEY_NAME: Final = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]{1,200}")
_VERIFIER_KEY: Final = re.compile(r"([^\s+\ud800-\udfff]+)\+([0-9a-f]{8})\+(\S+)")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIGNATURE_LINE: Final = re.compile(r"— (\S+) (\S+)")


def is_key_name(name: str) -> bool:
    """Whether the text may name a key: no spaces, no plus."""
    return _KEY_NAME.fullmatch(name) is not None


class Verifier:
    """A public key that is trusted to sign notes."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        self.name = name
        self._public_key = public_key
        encoded = _ED25519 + public_key.public_bytes_raw()
        self.key_id = sha256(name.encode() + b"\n" + encoded).digest()[:_KEY_ID_SIZE]
        self.key = f"{name}+{self.key_id.hex()}+{to_base64(encoded)}"
        """The verifier key, as text."""

    @classmethod
    def parse(cls, key: str) -> Self:
        """Reads a verifier key: `name+id+key`. Raises ProofError: it can't be read."""
        match = _VERIFIER_KEY.fullmatch(key.strip())
        encoded = from_base64(match[3]) if match else b""
        if match is None or encoded[:1] != _ED25519 or len(encoded) != 33:  # noqa: PLR2004
            raise ProofError("not a verifier key: it has the form name+id+key, with an Ed25519 key")
        verifier = cls(match[1], Ed25519PublicKey.from_public_bytes(encoded[1:]))
        if verifier.key_id.hex() != match[2]:
            raise ProofError("the id in the verifier key is not that of its name and key")
        return verifier

    def verify(self, text: str, signature: bytes) -> None:
        """Raises ProofError: the key did not sign this text."""
        try:
            self._public_key.verify(signature, text.encode())
        except InvalidSignature:
            raise ProofError(f"the signature of {self.name} is not good") from None


class Signer:
    """A private key that signs notes."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.verifier = Verifier(name, private_key.public_key())
        self._private_key = private_key

    def signature_line(self, text: str) -> str:
        """Signs the text of a note."""
        signed = self.verifier.key_id + self._private_key.sign(text.encode())
        return f"— {self.verifier.name} {to_base64(signed)}\n"


class Signature(NamedTuple):
    """A signature of a note."""

    name: str
    key_id: bytes
    data: bytes


class SignedNote(NamedTuple):
    """A note with its signatures, of which none is checked yet."""

    text: str
    """What is signed. Ends with a line feed."""
    signatures: Sequence[Signature]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Reads a signed note. Raises ProofError: it is none."""
        if len(note) > MAX_NOTE_LENGTH or _CONTROL.search(note):
            raise ProofError("not a signed note: it is too long, or has control characters")
        text, separator, signatures = note.rpartition("\n\n")
        if not separator or not signatures.endswith("\n"):
            raise ProofError("not a signed note: it has no signatures")
        lines = signatures.removesuffix("\n").split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise ProofError(f"a note may have at most {MAX_SIGNATURES} signatures")
        return cls(f"{text}\n", [_signature(line) for line in lines])

    def require_signature(self, verifiers: Iterable[Verifier]) -> Verifier:
        """Returns the first of these keys that signed the note.

        Raises:
            ProofError: none of them signed it, or one of their signatures is not good.
        """
        known = {(one.name, one.key_id): one for one in verifiers}
        found = [
            (known[one.name, one.key_id], one.data)
            for one in self.signatures
            if (one.name, one.key_id) in known
        ]
        if not found:
            names = ", ".join(sorted({one.name for one in self.signatures}))
            raise ProofError(f"the note is not signed by a known key, but by {names}")
        for verifier, signature in found:
            verifier.verify(self.text, signature)
        return found[0][0]


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Returns the signed note of a text that ends with a line feed."""
    return f"{text}\n{''.join(signer.signature_line(text) for signer in signers)}"


def _signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    data = from_base64(match[2]) if match else b""
    if match is None or not is_key_name(match[1]) or len(data) <= _KEY_ID_SIZE:
        raise ProofError("not a signed note: a signature line can't be read")
    return Signature(match[1], data[:_KEY_ID_SIZE], data[_KEY_ID_SIZE:])
