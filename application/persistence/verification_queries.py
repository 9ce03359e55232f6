"""Queries of the verification, in SQL that SQLite and PostgreSQL share."""

from collections.abc import Iterable, Sequence
from typing import Any

from application.persistence.conditions import Condition, where_clause
from application.persistence.tree_queries import TreeQueries
from application.tables.table import Table


class VerificationQueries(TreeQueries):
    """Implements the shared part of `VerificationReader`."""

    def encode_rows(
        self, table: Table[Any], rows: Iterable[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        given = list(rows)
        if not given:
            return []
        return list(zip(*self.sql_table(table).encode(table.columns, given), strict=True))

    def select_stored_rows(
        self, table: Table[Any], *, after: Any = None, upto: Any = None, limit: int
    ) -> list[tuple[Any, ...]]:
        target = self.sql_table(table)
        bounds = (("> ?", after), ("<= ?", upto))
        conditions: list[Condition] = [
            (f"{table.key} {comparison}", [target.encode_value(table.key, key)])
            for comparison, key in bounds
            if key is not None
        ]
        where, parameters = where_clause(conditions)
        with self.reading() as run:
            rows = run(
                f"SELECT {target.columns} FROM {table.name} WHERE {where} "  # noqa: S608
                f"ORDER BY {table.key} LIMIT ?",
                [*parameters, limit],
            )
        return [tuple(row) for row in rows]

    def select_strays(self, table: Table[Any], *, after: int, limit: int) -> Sequence[int]:
        column = self.position_column
        with self.reading() as run:
            rows = run(
                f"SELECT position FROM {table.name} AS r WHERE position > ? AND NOT EXISTS "  # noqa: S608
                f"(SELECT 1 FROM stored_events AS e WHERE e.{column} = r.position) "
                "ORDER BY position LIMIT ?",
                [after, limit],
            )
        return [position for (position,) in rows]
