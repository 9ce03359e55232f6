"""The format of an API key: slk_<id>_<secret><checksum>.

Secret scanners find leaked keys by the prefix. The checksum (CRC-32 of the rest) tells a key from a
text that only looks like one, without a query to the database.
"""

import re
import secrets
import string
import zlib
from hashlib import sha256
from typing import Final, NamedTuple

PREFIX: Final = "slk_"
_DIGITS: Final = string.digits + string.ascii_letters
_ID_LENGTH: Final = 10
_SECRET_LENGTH: Final = 32
_CHECKSUM_LENGTH: Final = 6

PATTERN: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}"
)
"""The pattern of a key, for secret scanners too."""


class Minted(NamedTuple):
    """A new key in full, and its id."""

    key_id: str
    key: str


def mint() -> Minted:
    """Makes a new key from a secure random source."""
    key_id = _random(_ID_LENGTH)
    unchecked = f"{PREFIX}{key_id}_{_random(_SECRET_LENGTH)}"
    return Minted(key_id, unchecked + _checksum(unchecked))


def read_id(key: str) -> str | None:
    """Returns the id in a key; None if the text is not a key."""
    match = PATTERN.fullmatch(key)
    if match is None or _checksum(key[:-_CHECKSUM_LENGTH]) != key[-_CHECKSUM_LENGTH:]:
        return None
    return match[1]


def digest(key: str) -> str:
    """Returns the SHA-256 of a key, in hexadecimal. Only this is stored."""
    return sha256(key.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
