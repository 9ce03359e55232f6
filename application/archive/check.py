"""Checks an archive as a whole, without the database."""

from collections.abc import Sequence
from typing import NamedTuple

from application.archive.layout import CHECKPOINT, DamagedArchive, Folder
from application.archive.reader import Archive
from application.maintenance.upgrade import Progress
from application.tables.tree import StoredCheckpoint
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
        verifiers: keys of the ledger; those that they declared count, too. None: the keys that the
            archive names.
        progress: called after each tile.

    Raises:
        DamagedArchive: something is missing, or is not what it was.
    """
    archive = Archive(folder)
    known = archive.verifiers(verifiers)
    stored = archive.checkpoints()
    archive.require_roots([_checkpoint(one, known) for one in stored])
    newest = archive.target().stored
    if newest.size != archive.size:
        raise DamagedArchive("the last events are those of no checkpoint")
    if folder.read(CHECKPOINT) != newest.note.encode():
        raise DamagedArchive(f"the file {CHECKPOINT} is not the newest checkpoint")
    for number in range(len(archive.manifest.runs)):
        archive.rows(number)
    for number, _ in archive.entries(0, archive.size):
        progress("check", number + 1, archive.size // 256 + 1)
    return Checked(archive.size, len(stored))


def _checkpoint(stored: StoredCheckpoint, known: Sequence[Verifier]) -> Checkpoint:
    try:
        checkpoint = Checkpoint.verified(stored.note, known)
    except ProofError as error:
        raise DamagedArchive(f"checkpoint {stored.checkpoint_id}: {error}") from error
    if checkpoint.size != stored.size:
        raise DamagedArchive(f"checkpoint {stored.checkpoint_id} has another size than its note")
    return checkpoint
