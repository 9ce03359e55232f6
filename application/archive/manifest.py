"""The manifest of an archive: how far it reaches, and what each run has kept."""

from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from application.archive.layout import MANIFEST, DamagedArchive, Folder

FORMAT: Final = 1


class Run(msgspec.Struct, frozen=True):
    """One complete run."""

    finished_at: datetime
    size: int
    """The events that it covers."""
    position: int
    """Of the last of them."""
    root: str
    """Of the tree of them, in hexadecimal."""
    file: str
    """The tables beside the events."""
    sha256: str
    """Of that file, in hexadecimal."""


class Manifest(msgspec.Struct, frozen=True):
    """The manifest."""

    format: int
    ledger: str
    """Digest of what makes the ledger differ from every other."""
    runs: tuple[Run, ...] = ()
    last_audit_id: str | None = None
    """The id of the last audit entry that is kept."""
    last_checkpoint_id: str = ""
    """The id of the last checkpoint that is kept."""

    @property
    def size(self) -> int:
        """The events that it covers."""
        return self.runs[-1].size if self.runs else 0


def read_manifest(folder: Folder) -> Manifest | None:
    """Reads the manifest. None: there is none. Raises DamagedArchive: it can't be read."""
    if not folder.has(MANIFEST):
        return None
    try:
        found = msgspec.json.decode(folder.read(MANIFEST), type=Manifest)
    except msgspec.MsgspecError as error:
        raise DamagedArchive(f"{MANIFEST} can't be read: {error}") from error
    if found.format != FORMAT:
        raise DamagedArchive(f"the archive has format {found.format}, and this version {FORMAT}")
    return found


def write_manifest(folder: Folder, manifest: Manifest) -> None:
    """Writes the manifest. Raises UnwritableArchive."""
    folder.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def ledger_digest(bookmark_key: bytes) -> str:
    """Returns what tells a ledger from every other, and reveals nothing."""
    return sha256(b"stockledger archive " + bookmark_key).hexdigest()[:32]
