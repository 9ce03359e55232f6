"""Reads an archive, and proves what it reads: each event hashes to its tile, and the tiles to a
signed checkpoint."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from application.archive.kept import read_kept
from application.archive.layout import DamagedArchive, Folder, tile_path, unbundle
from application.archive.manifest import Manifest, read_manifest
from application.sealing.identity import declared_by, verifiers_of
from application.tables.properties import PROPERTIES
from application.tables.tree import CHECKPOINTS, DECLARATIONS, StoredCheckpoint
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.merkle import leaf_hash
from proof.note import Verifier
from proof.tiles import TILE_HEIGHT, TILE_WIDTH, Edge, split_hashes


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
        for target in self.targets():
            stored = target.stored
            if size in {None, stored.size} and (upto is None or stored.signed_at <= upto):
                return target
        raise DamagedArchive("the archive has no such checkpoint")

    def targets(self) -> Iterator[Target]:
        """Yields all checkpoints, newest first. Raises DamagedArchive: one can't be read."""
        for stored in reversed(self.checkpoints()):
            try:
                yield Target(stored, Checkpoint.unverified(stored.note))
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

    def require_roots(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Checks that the hashes of the leaves lead to the tiles of all levels, and to the root of
        each checkpoint. Raises DamagedArchive."""
        roots: dict[int, set[bytes]] = {}
        for checkpoint in checkpoints:
            roots.setdefault(checkpoint.size, set()).add(checkpoint.root)
        edge = Edge()
        self._require_root(edge, roots)
        for number in range(-(-self.size // TILE_WIDTH)):
            for leaf in self._hashes(0, number):
                for tile in edge.append(leaf):
                    self._require_tile(tile.level, tile.number, tile.hashes)
                self._require_root(edge, roots)
        for level, hashes in enumerate(edge.levels):
            self._require_tile(level, self.size >> TILE_HEIGHT * (level + 1), hashes)
        if roots:
            raise DamagedArchive(f"the archive has fewer events than {max(roots)}")

    def _require_root(self, edge: Edge, roots: dict[int, set[bytes]]) -> None:
        """Checks a root, if there is a checkpoint of that size, and takes it off the list."""
        if edge.size in roots and roots.pop(edge.size) != {edge.root()}:
            raise DamagedArchive(f"the archive is not that of the checkpoint of {edge.size} events")

    def _require_tile(self, level: int, number: int, hashes: Sequence[bytes]) -> None:
        if [*self._hashes(level, number)] != [*hashes]:
            raise DamagedArchive(f"tile {number} of level {level} is damaged")

    def verifiers(self, given: Sequence[Verifier] = ()) -> list[Verifier]:
        """Returns the keys that may sign its checkpoints.

        Args:
            given: keys from elsewhere, and those that they declared count. None: the keys that the
                archive names, which are as good as the archive.
        """
        rows = self.rows()
        declared = sorted(rows[DECLARATIONS.name], key=lambda row: row.number)
        if given:
            return declared_by(given, declared)
        properties = {row.name: row.value for row in rows[PROPERTIES.name]}
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
