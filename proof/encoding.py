"""Text encodings of the C2SP formats. Strict, so that a claim has exactly one spelling."""

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

from proof.errors import ProofError

HASH_SIZE: Final = 32
"""Bytes of a SHA-256 hash."""

MAX_SIZE: Final = 2**63 - 1
"""Maximum number of entries in a log."""

_NUMBER: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


def to_base64(data: bytes) -> str:
    """Encodes bytes in base64 (RFC 4648, section 4)."""
    return b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Decodes base64. Raises ProofError: it is not the one encoding of its bytes."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not text.isascii() or to_base64(data) != text:
        raise ProofError(f"not base64: {text[:80]!r}")
    return data


def hash_from_base64(text: str) -> bytes:
    """Decodes a hash. Raises ProofError: it is none."""
    data = from_base64(text)
    if len(data) != HASH_SIZE:
        raise ProofError(f"a hash has {HASH_SIZE} bytes, not {len(data)}")
    return data


def read_number(text: str) -> int:
    """Reads a decimal number without leading zeros. Raises ProofError: it is none."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise ProofError(f"not a number: {text[:80]!r}")
    return int(text)
