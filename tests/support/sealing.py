"""Sealed ledgers, and keys that sign them."""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ledger.ledger import Ledger
from application.sealing.fork_guard import ForkGuard
from application.sealing.identity import read_identity
from application.sealing.sealer import Sealer
from application.sealing.signer import CheckpointSigner, Publish, SigningKey
from application.server_clock import utc_now
from application.tables.tree import StoredCheckpoint
from proof.checkpoint import Checkpoint
from proof.note import Verifier

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)


def signing_key(folder: Path, private_key: Ed25519PrivateKey = KEY) -> SigningKey:
    """A key whose memory is in the folder."""
    return SigningKey(private_key, ForkGuard(folder / "last"))


def sealer_of(
    ledger: Ledger, key: SigningKey, publish: Publish = lambda _: None, interval: float = 0
) -> Sealer:
    signer = CheckpointSigner(ledger.recorder, key, utc_now, publish)
    return Sealer(ledger.recorder, signer, interval)


def seal(ledger: Ledger, key: SigningKey) -> StoredCheckpoint:
    """Seals all events, and returns the newest checkpoint."""
    sealer_of(ledger, key).seal_once()
    newest = ledger.recorder.select_last_checkpoint()
    assert newest is not None
    return newest


def checkpoint_of(ledger: Ledger, key: SigningKey) -> Checkpoint:
    """Seals all events, and returns the newest checkpoint."""
    return Checkpoint.unverified(seal(ledger, key).note)


def verifier_of(ledger: Ledger, key: SigningKey) -> Verifier:
    return key.signer(read_identity(ledger.recorder).origin).verifier
