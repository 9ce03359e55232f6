"""Tiles of a Merkle tree (c2sp.org/tlog-tiles): 256 hashes each, and never changed once full.

A hash at level l is the root of a perfect subtree with 256**l leaves. From the tiles, and from the
hashes on the right edge that do not fill a tile yet, follow the root and every proof.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from proof.encoding import HASH_SIZE
from proof.merkle import node_hash, root_of_subtrees

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 2**TILE_HEIGHT
"""Hashes in a full tile."""

MAX_LEVELS: Final = 8

Hashes = Callable[[int, int], Sequence[bytes]]
"""The hashes of a tile, by its level and number. The last tile of a level may be partial, or
empty."""


class Tile(NamedTuple):
    """A full tile."""

    level: int
    number: int
    """Its place in the level, from 0."""
    hashes: tuple[bytes, ...]
    root: bytes
    """The hash one level up."""

    @property
    def end(self) -> int:
        """The number of leaves up to its end."""
        return (self.number + 1) << TILE_HEIGHT * (self.level + 1)

    @property
    def data(self) -> bytes:
        """The tile's bytes, as C2SP has them."""
        return b"".join(self.hashes)


def split_hashes(data: bytes) -> list[bytes]:
    """Splits the bytes of a tile into its hashes."""
    return [data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)]


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Returns the root of a perfect subtree. The number of hashes is a power of two."""
    while len(hashes) > 1:
        hashes = [
            node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


class Edge:
    """The right edge of a growing tree: the hashes of each level that do not fill a tile yet."""

    def __init__(self, levels: Sequence[Sequence[bytes]] = (), *, size: int = 0) -> None:
        """`levels`: the hashes of the edge, by level, for a tree of that size."""
        self.levels = [list(hashes) for hashes in levels]
        self.size = size

    def append(self, leaf: bytes) -> list[Tile]:
        """Appends the hash of a leaf. Returns the tiles that became full."""
        hashes = self._level(0)
        hashes.append(leaf)
        self.size += 1
        return [*self._take_full()] if len(hashes) == TILE_WIDTH else []

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Appends hashes of leaves. Returns the tiles that became full, in order."""
        full: list[Tile] = []
        start = 0
        while start < len(leaves):
            hashes = self._level(0)
            part = leaves[start : start + TILE_WIDTH - len(hashes)]
            hashes += part
            self.size += len(part)
            start += len(part)
            full += self._take_full()
        return full

    def _take_full(self) -> Iterator[Tile]:
        level = 0
        while len(hashes := self._level(level)) == TILE_WIDTH:
            number = (self.size >> TILE_HEIGHT * (level + 1)) - 1
            tile = Tile(level, number, tuple(hashes), perfect_root(hashes))
            hashes.clear()
            level += 1
            self._level(level).append(tile.root)
            yield tile

    def _level(self, level: int) -> list[bytes]:
        if level == len(self.levels):
            self.levels.append([])
        return self.levels[level]

    def root(self) -> bytes:
        """Returns the root of the tree."""
        return root_of_subtrees(
            (TILE_HEIGHT * level, found)
            for level in reversed(range(len(self.levels)))
            for found in self.levels[level]
        )


def full_tiles(size: int) -> list[int]:
    """Returns the number of full tiles of a tree, by level, up to the first level without one."""
    numbers = []
    while True:
        size >>= TILE_HEIGHT
        numbers.append(size)
        if size == 0:
            return numbers


class Tree:
    """The tree of a log, as far as its tiles reach."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes

    def leaf(self, index: int) -> bytes:
        """Returns the hash of a leaf."""
        return self._hashes(0, index // TILE_WIDTH)[index % TILE_WIDTH]

    def root(self, size: int) -> bytes:
        """Returns the root of the tree of the first leaves."""
        return root_of_subtrees(
            (height, self._subtree(height, start >> height))
            for start, height in _perfect_subtrees(0, size)
        )

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Returns the proof that a leaf is in the tree of that size (RFC 6962, section 2.1.1)."""
        path = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _largest_power_below(end - start)
            if index < middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        return path[::-1]

    def consistency_path(self, old_size: int, new_size: int) -> list[bytes]:
        """Returns the proof that the tree of the old size is the beginning of that of the new size
        (RFC 6962, section 2.1.2)."""
        if old_size in {0, new_size}:
            return []
        path = []
        start, end = 0, new_size
        while old_size != end:
            middle = start + _largest_power_below(end - start)
            if old_size <= middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        if start > 0:  # Otherwise it is the old root, which the checker has.
            path.append(self._range_root(start, end))
        return path[::-1]

    def _range_root(self, start: int, end: int) -> bytes:
        """Returns the root of the leaves from `start` to `end`, which is exclusive."""
        return root_of_subtrees(
            (height, self._subtree(height, first >> height))
            for first, height in _perfect_subtrees(start, end)
        )

    def _subtree(self, height: int, number: int) -> bytes:
        """Returns the root of a perfect subtree with 2**height leaves."""
        level, above = divmod(height, TILE_HEIGHT)
        width = 1 << above
        tile, place = divmod(number * width, TILE_WIDTH)
        return perfect_root(self._hashes(level, tile)[place : place + width])


def _perfect_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields the perfect subtrees of a range of leaves: first leaf and height, left to right."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield start, height
        start += 1 << height


def _largest_power_below(number: int) -> int:
    """Returns the largest power of two that is smaller than the number, which is above 1."""
    return 1 << (number - 1).bit_length() - 1
