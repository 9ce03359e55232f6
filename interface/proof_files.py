"""Checkpoints that a command takes as files."""

from pathlib import Path

from proof.checking import UnreadableFile, read_text
from proof.checkpoint import Checkpoint
from proof.errors import ProofError


def read_checkpoint(file: Path) -> Checkpoint:
    """Reads a checkpoint, and checks no signature. Raises UnreadableFile."""
    try:
        return Checkpoint.unverified(read_text(file))
    except ProofError as error:
        raise UnreadableFile(f"{file} is not a checkpoint: {error}") from error
