"""The tree of the settled events: full tiles from the database, the right edge from the events."""

from collections.abc import Sequence
from typing import Final

from cachetools import LRUCache

from application.persistence.errors import StoreUnavailable
from application.persistence.recorder import LedgerRecorder
from application.sealing.entries import leaf_of, leaf_of_event
from application.tables.table import Insert
from application.tables.tree import TREE_TILES, TreeTile, tile_id
from proof.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    Hashes,
    Tree,
    split_hashes,
)

EVENTS_PER_CHUNK: Final = 4_096
"""Events read and hashed at a time, before their tiles are committed."""

CACHED_TILES: Final = 64
"""Tiles in memory while proofs are made from one tree: 0.5 MiB."""


class MissingTile(Exception):
    """A tile of the tree is not there, or is damaged: `stockledger verify` tells what is wrong."""


class StoredTree(Tree):
    """The tree of the first events, up to a settled position.

    Args:
        recorder: the ledger.
        size: the number of these events.
        position: of the last one.

    Its methods may raise StoreUnavailable and MissingTile.
    """

    def __init__(self, recorder: LedgerRecorder, size: int, position: int) -> None:
        super().__init__(self.hashes)
        self._recorder = recorder
        self._position = position
        self._size = size
        self._tiles: LRUCache[tuple[int, int], Sequence[bytes]] = LRUCache(CACHED_TILES)

    def hashes(self, level: int, number: int) -> Sequence[bytes]:
        """Returns the hashes of a tile; a partial one at the right edge."""
        key = level, number
        found = self._tiles.get(key)
        if found is None:
            found = self._tiles[key] = self._read(level, number)
        return found

    def _read(self, level: int, number: int) -> Sequence[bytes]:
        if number < self._size >> TILE_HEIGHT * (level + 1):
            return self._full(level, number)
        if level == 0:
            return self._leaves(number)
        first = tile_id(level - 1, number * TILE_WIDTH)
        end = tile_id(level - 1, self._size >> TILE_HEIGHT * level)
        roots = self._recorder.select_tile_roots(first, end)
        return _complete(roots, end - first, level, number)

    def _full(self, level: int, number: int) -> Sequence[bytes]:
        tile = self._recorder.select_tile(tile_id(level, number))
        hashes = split_hashes(tile.hashes) if tile and isinstance(tile.hashes, bytes) else ()
        return _complete(hashes, TILE_WIDTH, level, number)

    def _leaves(self, number: int) -> Sequence[bytes]:
        """Returns the hashes of the last leaves, which fill no tile."""
        before = self._recorder.select_tile(tile_id(0, number - 1)) if number else None
        after = before.last_position if before else 0
        rows = self._recorder.select_rows_after(after, TILE_WIDTH, upto=self._position)
        return _complete(
            [leaf_of(row) for row in rows], self._size - number * TILE_WIDTH, 0, number
        )


def _complete(hashes: Sequence[bytes], wanted: int, level: int, number: int) -> Sequence[bytes]:
    if len(hashes) != wanted:
        raise MissingTile(f"tile {number} of level {level} of the tree is missing or damaged")
    return hashes


def edge_of(size: int, hashes: Hashes) -> Edge:
    """Returns the right edge of a tree of that size."""
    levels = []
    level = 0
    while size >> TILE_HEIGHT * level:
        is_partial = (size >> TILE_HEIGHT * level) % TILE_WIDTH
        number = size >> TILE_HEIGHT * (level + 1)
        levels.append(hashes(level, number) if is_partial else ())
        level += 1
    return Edge(levels, size=size)


class GrowingTree:
    """The tree of all settled events. Writes each tile once, when it is full.

    Several processes may do so: their tiles are the same, and the first one wins.
    """

    def __init__(self, recorder: LedgerRecorder) -> None:
        """Raises StoreUnavailable, MissingTile."""
        self._recorder = recorder
        last = recorder.select_last_tile()
        size, self.position = (
            ((last.number + 1) * TILE_WIDTH, last.last_position) if last else (0, 0)
        )
        if self.position > recorder.head():
            raise MissingTile("the tiles of the tree cover events that are no longer there")
        self._edge = edge_of(size, StoredTree(recorder, size, self.position).hashes)

    @property
    def size(self) -> int:
        """The number of events in the tree."""
        return self._edge.size

    def root(self) -> bytes:
        """Returns the root of the tree."""
        return self._edge.root()

    def grow(self) -> None:
        """Adds the events that are settled since.

        Raises:
            StoreUnavailable: the database can't be used. Make a new one then.
            WriteConflict: another process stores the same tiles. Make a new one then.
        """
        head = self._recorder.head()
        while self.position < head and self._add_chunk(head):
            pass

    def stored(self) -> StoredTree:
        """Returns the tree for proofs."""
        return StoredTree(self._recorder, self.size, self.position)

    def _add_chunk(self, head: int) -> bool:
        """Adds some events. False: there are none up to the head."""
        positions, leaves = self._next_leaves(head)
        before = self._edge.size
        tiles = [
            TreeTile.of(tile, positions[tile.end - before - 1])
            for tile in self._edge.extend(leaves)
        ]
        if tiles:
            self._store(tiles)
        if positions:
            self.position = positions[-1]
        return bool(positions)

    def _next_leaves(self, head: int) -> tuple[Sequence[int], list[bytes]]:
        """Returns the positions of some events, and the hashes of their leaves."""
        recent = self._recorder.recent_events.take(self.position, head)
        if recent is not None:
            return recent.positions, [*map(leaf_of_event, recent.positions, recent.events)]
        rows = self._recorder.select_rows_after(self.position, EVENTS_PER_CHUNK, upto=head)
        return [row.position for row in rows], [*map(leaf_of, rows)]

    def _store(self, tiles: Sequence[TreeTile]) -> None:
        with self._recorder.unit_of_work() as unit_of_work:
            if unit_of_work.row(TREE_TILES, tiles[0].tile_id) is not None:
                raise StoreUnavailable("another process stores the tiles of the tree")
            unit_of_work.write(TREE_TILES, [Insert(tiles)])
