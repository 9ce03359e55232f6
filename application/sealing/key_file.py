"""The file of the key that signs checkpoints: PKCS#8 in PEM. It is not in the database, so that
nobody can sign with SQL alone."""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

OWNER_ONLY: Final = 0o600


class KeyFileError(Exception):
    """The file of the key can't be read or written, or has no Ed25519 key."""


def create_key(path: Path) -> Ed25519PrivateKey:
    """Makes a new key in a new file, which only its owner can read.

    Raises KeyFileError: the file is there already, or can't be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb"
        ) as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyFileError(f"can't make the key {path}: {error.strerror}") from error
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """Reads a key. Raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(f"can't read the key {path}: {error.strerror}") from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path} has no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"the key in {path} is not an Ed25519 key")
    return key


def write_durably(path: Path, text: str) -> None:
    """Replaces a file so that after a crash it has either its old or its new text.

    Raises OSError.
    """
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
