"""Queries of the tree of the events, and of its checkpoints."""

from datetime import datetime

from application.persistence.conditions import Condition
from application.persistence.history_queries import HistoryQueries
from application.tables.tree import (
    CHECKPOINTS,
    DECLARATIONS,
    FIRST_ID_ABOVE_LEAVES,
    TREE_TILES,
    Declaration,
    StoredCheckpoint,
    TreeTile,
)

MAX_DECLARATIONS = 10_000
"""Each is a rotated key, or a restored ledger."""


class TreeQueries(HistoryQueries):
    """Implements `TreeReader`, except for the events."""

    def select_tile(self, tile_id: int) -> TreeTile | None:
        wanted: Condition = ("tile_id = ?", [tile_id])
        return next(iter(self._select(self.sql_table(TREE_TILES), [wanted], "tile_id", 1)), None)

    def select_last_tile(self, *, below: int | None = None) -> TreeTile | None:
        conditions: list[Condition] = [("tile_id < ?", [FIRST_ID_ABOVE_LEAVES])]
        order = "tile_id DESC"
        if below is not None:
            conditions.append(("last_position < ?", [below]))
            order = "last_position DESC, tile_id DESC"
        return next(iter(self._select(self.sql_table(TREE_TILES), conditions, order, 1)), None)

    def select_tile_roots(self, first: int, end: int) -> list[bytes]:
        with self.reading() as run:
            rows = run(
                "SELECT root FROM tree_tiles WHERE tile_id >= ? AND tile_id < ? ORDER BY tile_id",
                [first, end],
            )
        return [root for (root,) in rows]

    def select_checkpoints(
        self, *, after: str = "", limit: int, signed_upto: datetime | None = None
    ) -> list[StoredCheckpoint]:
        conditions: list[Condition] = [("checkpoint_id > ?", [after]), *_upto(self, signed_upto)]
        return self._select(self.sql_table(CHECKPOINTS), conditions, "checkpoint_id", limit)

    def select_last_checkpoint(
        self, *, signed_upto: datetime | None = None
    ) -> StoredCheckpoint | None:
        order = "checkpoint_id DESC" if signed_upto is None else "signed_at DESC"
        found = self._select(self.sql_table(CHECKPOINTS), _upto(self, signed_upto), order, 1)
        return next(iter(found), None)

    def select_checkpoint(self, checkpoint_id: str) -> StoredCheckpoint | None:
        wanted: Condition = ("checkpoint_id = ?", [checkpoint_id])
        found = self._select(self.sql_table(CHECKPOINTS), [wanted], "checkpoint_id", 1)
        return next(iter(found), None)

    def select_declarations(self) -> list[Declaration]:
        return self._select(self.sql_table(DECLARATIONS), [], "number", MAX_DECLARATIONS)


def _upto(queries: TreeQueries, signed_upto: datetime | None) -> list[Condition]:
    if signed_upto is None:
        return []
    encoded = queries.sql_table(CHECKPOINTS).encode_value("signed_at", signed_upto)
    return [("signed_at <= ?", [encoded])]
