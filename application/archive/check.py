"""Checks an archive as a whole, without the database."""

from collections.abc import Sequence
from typing import NamedTuple

from application.archive.layout import DamagedArchive, Folder
from application.archive.reader import Archive
from application.maintenance.upgrade import Progress
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.note import Verifier


class Checked(NamedTuple):
    """A sound archive."""

    size: int
    notes: int
    """Checkpoints in it."""


def check_archive(folder: Folder, verifiers: Sequence[Verifier], progress: Progress) -> Checked:
    """Reads all files: the events hash to the tiles, the tiles to every checkpoint, and the keys
    signed each of these.

    Args:
        folder: of the archive.
        verifiers: keys of the ledger. None: those that the archive names.
        progress: called after each tile.

    Raises:
        DamagedArchive: something is missing, or is not what it was.
    """
    archive = Archive(folder)
    archive.require_tiles()
    known = verifiers or archive.verifiers()
    checkpoints = archive.checkpoints()
    for stored in checkpoints:
        try:
            checkpoint = Checkpoint.verified(stored.note, known)
        except ProofError as error:
            raise DamagedArchive(f"checkpoint {stored.checkpoint_id}: {error}") from error
        archive.require_root(checkpoint)
    for number in range(len(archive.manifest.runs)):
        archive.rows(number)
    for number, _ in archive.entries(0, archive.size):
        progress("check", number + 1, archive.size // 256 + 1)
    return Checked(archive.size, len(checkpoints))
