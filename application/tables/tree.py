"""The Merkle tree of the events, its checkpoints, and what was declared about the log."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from application.tables.table import Table
from proof.tiles import Tile

_LEVEL_BITS: Final = 56
"""Bits of a tile's number in its id. The level stands above them, so a level is one range."""


class TreeTile(NamedTuple):
    """A full tile. It is never changed."""

    tile_id: int
    hashes: bytes
    """256 hashes of 32 bytes."""
    root: bytes
    """The hash one level up."""
    last_position: int
    """Of the last event below it."""

    @classmethod
    def of(cls, tile: Tile, last_position: int) -> "TreeTile":
        """Makes the row of a tile that became full with the event at that position."""
        return cls(tile_id(tile.level, tile.number), tile.data, tile.root, last_position)

    @property
    def number(self) -> int:
        """Its place in the level, from 0."""
        return self.tile_id & (1 << _LEVEL_BITS) - 1

    @property
    def level(self) -> int:
        """Its level, from 0: that of the leaves."""
        return self.tile_id >> _LEVEL_BITS


def tile_id(level: int, number: int) -> int:
    """Returns the id of a tile."""
    return level << _LEVEL_BITS | number


class StoredCheckpoint(NamedTuple):
    """A signed checkpoint. It is never changed."""

    checkpoint_id: str
    """Sorts by epoch and size."""
    epoch: int
    size: int
    position: int
    """Of the last event in it; 0 if there is none."""
    note: str
    """The signed note."""
    signed_at: datetime


def checkpoint_id(epoch: int, size: int) -> str:
    """Returns the id of a checkpoint."""
    return f"{epoch:06}-{size:019}"


class DeclarationKind(StrEnum):
    """What a declaration says."""

    KEY = "key"
    """Another key signs from now on."""
    RESTORE = "restore"
    """The ledger was restored, and goes on from an earlier checkpoint."""


class Declaration(NamedTuple):
    """A signed statement about the log itself. It is never changed."""

    number: int
    """From 1, in order."""
    kind: str
    note: str
    """The signed note."""
    made_at: datetime


TREE_TILES: Final = Table("tree_tiles", TreeTile, key="tile_id", indexes=(("last_position",),))
CHECKPOINTS: Final = Table(
    "checkpoints", StoredCheckpoint, key="checkpoint_id", indexes=(("signed_at",),)
)
DECLARATIONS: Final = Table("declarations", Declaration, key="number")
TREE_TABLES: Final = (TREE_TILES, CHECKPOINTS, DECLARATIONS)

FIRST_ID_ABOVE_LEAVES: Final = tile_id(1, 0)
"""Tiles of level 0 have ids below it."""
