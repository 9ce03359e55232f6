"""Trees in memory."""

from collections.abc import Iterable

from proof.merkle import leaf_hash
from proof.tiles import Edge, Tree


def grown(entries: Iterable[bytes]) -> Tree:
    """The tree of these entries."""
    edge = Edge()
    tiles = {}
    for entry in entries:
        for tile in edge.append(leaf_hash(entry)):
            tiles[tile.level, tile.number] = tile.hashes
    return Tree(
        lambda level, number: (
            tiles.get((level, number)) or (edge.levels[level] if level < len(edge.levels) else ())
        )
    )
