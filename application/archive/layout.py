"""The files of an archive.

    archive.json                        how far it reaches, and what each run has kept
    checkpoint                          the newest checkpoint
    tile/0/x000/012                     256 hashes, one file for each full tile and level
    tile/0/x000/012.p/113               the hashes of the right edge
    tile/entries/x000/012.gz            256 events, each with two bytes of length before it
    tile/entries/x000/012.p/113.gz      the events of the right edge
    kept/<time>.jsonl.gz                what else belongs to the ledger, of one run

A full tile never changes. Every file is written beside its place, and moved there when it is whole.
"""

import gzip
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CHECKPOINT: Final = "checkpoint"
MANIFEST: Final = "archive.json"
KEPT: Final = "kept"

MAX_ENTRY_BYTES: Final = 2**16 - 1
"""The length of an entry has two bytes."""

_DIGITS: Final = 1_000
"""Tiles in one folder."""

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_OWNER_ONLY: Final = 0o600
"""An archive has digests of API keys, and names of people."""


class DamagedArchive(Exception):
    """The archive lacks a file, or a file is not what it was."""


class UnwritableArchive(Exception):
    """A file of the archive can't be written."""


def tile_path(level: int | str, number: int, width: int | None = None) -> str:
    """Returns the path of a tile. `level`: a number, or `entries`. `width`: of a partial tile."""
    groups = []
    rest = number
    while True:
        rest, digits = divmod(rest, _DIGITS)
        groups.append(f"{digits:03}")
        if rest == 0:
            break
    *folders, last = reversed(groups)
    path = "/".join([*(f"x{folder}" for folder in folders), last])
    return f"tile/{level}/{path}" + ("" if width is None else f".p/{width}")


def bundle(entries: Sequence[bytes]) -> bytes:
    """Packs entries, each after its length, and compresses them. The same entries always give the
    same bytes."""
    packed = b"".join(len(entry).to_bytes(2) + entry for entry in entries)
    return gzip.compress(packed, mtime=0)


def unbundle(data: bytes) -> list[bytes]:
    """Unpacks entries. Raises DamagedArchive: they can't be read."""
    try:
        if not data:
            raise EOFError("it is empty")  # noqa: TRY301
        packed = gzip.decompress(data)
    except (OSError, EOFError, ValueError) as error:
        raise DamagedArchive(f"a bundle of events can't be read: {error}") from error
    entries = []
    place = 0
    while place < len(packed):
        end = place + 2 + int.from_bytes(packed[place : place + 2])
        if end > len(packed):
            raise DamagedArchive("a bundle of events is cut off")
        entries.append(packed[place + 2 : end])
        place = end
    return entries


class Folder:
    """The folder of an archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """Reads a file. Raises DamagedArchive: it is missing, or can't be read."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DamagedArchive(f"{self.path / name}: {error.strerror}") from error

    def write(self, name: str, data: bytes) -> None:
        """Writes a file so that after a crash it is whole, or not there. Raises
        UnwritableArchive."""
        path = self.path / name
        new = path.with_name(f"{path.name}.new")
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(new, _NEW_FILE, _OWNER_ONLY), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _flush(path.parent)

    def remove(self, name: str) -> None:
        """Removes a file, and its folder if it is empty then. Raises UnwritableArchive."""
        path = self.path / name
        with _writing(path):
            path.unlink(missing_ok=True)
            if path.parent.exists() and not any(path.parent.iterdir()):
                path.parent.rmdir()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableArchive(f"can't write {path}: {error.strerror}") from error


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
