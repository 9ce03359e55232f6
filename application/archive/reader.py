"""Reads an archive, and proves what it reads: each event hashes to its tile, and the tiles to a
signed checkpoint."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from application.archive.kept import read_kept
from application.archive.layout import DamagedArchive, Folder, tile_path, unbundle
from application.archive.manifest import Manifest, read_manifest
from application.sealing.identity import verifiers_of
from application.tables.properties import PROPERTIES
from application.tables.tree import CHECKPOINTS, DECLARATIONS, StoredCheckpoint
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.merkle import leaf_hash
from proof.note import Verifier
from proof.tiles import TILE_HEIGHT, TILE_WIDTH, Edge, Tree, split_hashes


class Target(NamedTuple):
    """A checkpoint of the archive."""

    stored: StoredCheckpoint
    checkpoint: Checkpoint


class Archive:
    """An archive in a folder. Raises DamagedArchive: there is none, or it can't be read."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        manifest = read_manifest(folder)
        if manifest is None or not manifest.runs:
            raise DamagedArchive(f"there is no complete archive in {folder.path}")
        self.manifest: Manifest = manifest
        self.tree = Tree(self._hashes)

    @property
    def size(self) -> int:
        """The number of events."""
        return self.manifest.size

    def rows(self, run: int = -1) -> dict[str, list[Any]]:
        """Returns the rows that a run has kept, by table. Raises DamagedArchive."""
        found = self.manifest.runs[run]
        data = self.folder.read(found.file)
        if sha256(data).hexdigest() != found.sha256:
            raise DamagedArchive(f"{found.file} is not what it was")
        return read_kept(data)

    def grown_rows(self, table: str) -> list[Any]:
        """Returns the rows of all runs of a table of which each run kept what was new."""
        return [
            row for number in range(len(self.manifest.runs)) for row in self.rows(number)[table]
        ]

    def checkpoints(self) -> list[StoredCheckpoint]:
        """Returns all checkpoints, oldest first."""
        return self.grown_rows(CHECKPOINTS.name)

    def target(self, *, size: int | None = None, upto: datetime | None = None) -> Target:
        """Returns the newest checkpoint; with `size`, that of this size; with `upto`, the last one
        that was signed up to that time.

        Raises DamagedArchive: there is none.
        """
        found = [
            one
            for one in self.checkpoints()
            if (size is None or one.size == size) and (upto is None or one.signed_at <= upto)
        ]
        if not found:
            raise DamagedArchive("the archive has no such checkpoint")
        try:
            return Target(found[-1], Checkpoint.unverified(found[-1].note))
        except ProofError as error:
            raise DamagedArchive(f"a checkpoint can't be read: {error}") from error

    def run_of(self, size: int) -> int:
        """Returns the number of the last run that covers no more events than that; the first run if
        there is none."""
        fitting = [n for n, run in enumerate(self.manifest.runs) if run.size <= size]
        return fitting[-1] if fitting else 0

    def entries(self, first: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yields the entries of each tile from that number on, up to the event of that number.

        Raises DamagedArchive: an entry does not hash to its leaf.
        """
        for number in range(first, -(-size // TILE_WIDTH)):
            entries = self._entries(number)
            if [leaf_hash(one) for one in entries] != [*self._hashes(0, number)]:
                raise DamagedArchive(f"the events of tile {number} are not those of its hashes")
            yield number, entries[: size - number * TILE_WIDTH]

    def require_root(self, checkpoint: Checkpoint) -> None:
        """Checks that the tiles lead to the root of a checkpoint. Raises DamagedArchive."""
        if checkpoint.size > self.size or self.tree.root(checkpoint.size) != checkpoint.root:
            raise DamagedArchive(
                f"the archive is not that of the checkpoint of {checkpoint.size} events"
            )

    def require_tiles(self) -> None:
        """Checks that the tiles of all levels are those of the level below. Raises
        DamagedArchive."""
        edge = Edge()
        for number in range(-(-self.size // TILE_WIDTH)):
            for leaf in self._hashes(0, number):
                for tile in edge.append(leaf):
                    if [*self._hashes(tile.level, tile.number)] != [*tile.hashes]:
                        raise DamagedArchive(f"tile {tile.number} of level {tile.level} is damaged")

    def verifiers(self) -> list[Verifier]:
        """Returns the keys that may sign its checkpoints. They are as good as the archive."""
        rows = self.rows()
        properties = {row.name: row.value for row in rows[PROPERTIES.name]}
        declared = sorted(rows[DECLARATIONS.name], key=lambda row: row.number)
        return verifiers_of(properties, declared)

    def _entries(self, number: int) -> list[bytes]:
        path = tile_path("entries", number, self._width(0, number))
        return unbundle(self.folder.read(f"{path}.gz"))

    def _hashes(self, level: int, number: int) -> Sequence[bytes]:
        width = self._width(level, number)
        if width == 0:
            return ()
        hashes = split_hashes(self.folder.read(tile_path(level, number, width)))
        if len(hashes) != (TILE_WIDTH if width is None else width):
            raise DamagedArchive(f"tile {number} of level {level} is cut off")
        return hashes

    def _width(self, level: int, number: int) -> int | None:
        """The number of hashes of a partial tile; None of a full one."""
        width = (self.size >> TILE_HEIGHT * level) - number * TILE_WIDTH
        return None if width >= TILE_WIDTH else width
