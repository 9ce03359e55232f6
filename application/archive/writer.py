"""Writes the archive. Servers may keep writing to the ledger.

Each run adds what is new. A run that was killed is run again. The checkpoint is written last: what
it covers is there.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from application.archive.kept import keep
from application.archive.layout import CHECKPOINT, KEPT, DamagedArchive, Folder, bundle, tile_path
from application.archive.manifest import (
    FORMAT,
    Manifest,
    Run,
    ledger_digest,
    read_manifest,
    write_manifest,
)
from application.ledger.ledger import Ledger
from application.maintenance.upgrade import Progress
from application.persistence.tree_reader import EventRow
from application.sealing.entries import entry_of
from application.sealing.errors import NoCheckpoint
from application.sealing.tree import StoredTree, edge_of
from application.sealing.unchanged import EventsChanged
from application.server_clock import Clock
from application.tables.tree import StoredCheckpoint, tile_id
from proof.checkpoint import Checkpoint
from proof.merkle import leaf_hash
from proof.tiles import TILE_HEIGHT, TILE_WIDTH, Edge, Tile

TILES_PER_READ: Final = 16

_BEGIN_ANEW: Final = "after a restore, begin a new archive in another folder"


class Archived(NamedTuple):
    """The result of a run."""

    new: int
    """Events that this run added."""
    size: int
    """Events in the archive."""
    position: int
    root: bytes


def write_archive(ledger: Ledger, folder: Folder, clock: Clock, progress: Progress) -> Archived:
    """Brings the archive up to the newest checkpoint.

    Raises:
        NoCheckpoint: the ledger has signed none.
        DamagedArchive: the folder has the archive of another ledger, or of a longer one, or can't
            be read.
        EventsChanged, MissingTile: the events are not those of the checkpoint.
        StoreUnavailable: the database can't be reached.
        UnwritableArchive: the folder can't be written.
    """
    newest = ledger.recorder.select_last_checkpoint()
    if newest is None:
        raise NoCheckpoint
    manifest = read_manifest(folder) or Manifest(FORMAT, ledger_digest(ledger.bookmark_key))
    _require_same_ledger(ledger, manifest, newest)
    return _Writer(ledger, folder, newest, progress).run(manifest, clock)


def _require_same_ledger(ledger: Ledger, manifest: Manifest, newest: StoredCheckpoint) -> None:
    if manifest.ledger != ledger_digest(ledger.bookmark_key):
        raise DamagedArchive("the folder has the archive of another ledger")
    if not manifest.runs:
        return
    if manifest.size > newest.size:
        raise DamagedArchive(
            f"the archive has {manifest.size} events, and the newest checkpoint {newest.size}: "
            f"{_BEGIN_ANEW}"
        )
    tree = StoredTree(ledger.recorder, newest.size, newest.position)
    if tree.root(manifest.size).hex() != manifest.runs[-1].root:
        raise DamagedArchive(f"the first {manifest.size} events are others now: {_BEGIN_ANEW}")


class _Writer:
    def __init__(
        self, ledger: Ledger, folder: Folder, newest: StoredCheckpoint, progress: Progress
    ) -> None:
        self._ledger = ledger
        self._recorder = ledger.recorder
        self._folder = folder
        self._newest = newest
        self._checkpoint = Checkpoint.unverified(newest.note)
        self._progress = progress

    def run(self, manifest: Manifest, clock: Clock) -> Archived:
        edge, entries = self._write_full_tiles(manifest.size // TILE_WIDTH)
        if edge.root() != self._checkpoint.root:
            raise EventsChanged("the events are not those of the newest checkpoint")
        self._write_edge(edge, entries)
        run = self._write_kept(manifest, clock)
        self._folder.write(CHECKPOINT, self._newest.note.encode())
        self._remove_old_edge(manifest)
        return Archived(
            self._newest.size - manifest.size, run.size, run.position, self._checkpoint.root
        )

    def _write_full_tiles(self, first: int) -> tuple[Edge, list[bytes]]:
        """Writes the tiles from that number on. Returns the edge, and the entries of it."""
        size = first * TILE_WIDTH
        edge = edge_of(size, StoredTree(self._recorder, size, 0).hashes)
        entries: list[bytes] = []
        before = self._recorder.select_tile(tile_id(0, first - 1)) if first else None
        position = before.last_position if before else 0
        while edge.size < self._newest.size:
            rows = self._rows(position, self._newest.size - edge.size)
            for row in rows:
                entry = entry_of(row)
                entries.append(entry)
                for tile in edge.append(leaf_hash(entry)):
                    self._write_tile(tile, entries)
                    if tile.level == 0:
                        entries = []
            position = rows[-1].position
            self._progress("archive", position, self._newest.position)
        return edge, entries

    def _rows(self, position: int, missing: int) -> Sequence[EventRow]:
        limit = min(TILES_PER_READ * TILE_WIDTH, missing)
        rows = self._recorder.select_rows_after(position, limit, upto=self._newest.position)
        if not rows:
            raise EventsChanged("there are fewer events than the newest checkpoint covers")
        return rows

    def _write_tile(self, tile: Tile, entries: Sequence[bytes]) -> None:
        if tile.level == 0:
            self._folder.write(f"{tile_path('entries', tile.number)}.gz", bundle(entries))
        self._folder.write(tile_path(tile.level, tile.number), tile.data)

    def _write_edge(self, edge: Edge, entries: Sequence[bytes]) -> None:
        if entries:
            path = tile_path("entries", edge.size // TILE_WIDTH, len(entries))
            self._folder.write(f"{path}.gz", bundle(entries))
        for level, hashes in enumerate(edge.levels):
            if hashes:
                number = edge.size >> TILE_HEIGHT * (level + 1)
                self._folder.write(tile_path(level, number, len(hashes)), b"".join(hashes))

    def _write_kept(self, manifest: Manifest, clock: Clock) -> Run:
        kept = keep(
            self._recorder,
            after_audit=manifest.last_audit_id,
            after_checkpoint=manifest.last_checkpoint_id,
            upto=self._newest.checkpoint_id,
        )
        now = clock()
        file = f"{KEPT}/{now:%Y-%m-%dT%H%M%S}-{len(manifest.runs):06}.jsonl.gz"
        self._folder.write(file, kept.data)
        digest = sha256(kept.data).hexdigest()
        root = self._checkpoint.root.hex()
        run = Run(now, self._newest.size, self._newest.position, root, file, digest)
        write_manifest(
            self._folder,
            Manifest(
                FORMAT,
                manifest.ledger,
                (*manifest.runs, run),
                kept.last_audit_id,
                kept.last_checkpoint_id,
            ),
        )
        return run

    def _remove_old_edge(self, manifest: Manifest) -> None:
        """Removes the partial tiles of the run before, which this run has replaced."""
        if manifest.size in {0, self._newest.size}:
            return
        for level in range(8):
            count = manifest.size >> TILE_HEIGHT * level
            number, width = divmod(count, TILE_WIDTH)
            if width and count != self._newest.size >> TILE_HEIGHT * level:
                self._folder.remove(tile_path(level, number, width))
                if level == 0:
                    self._folder.remove(f"{tile_path('entries', number, width)}.gz")
