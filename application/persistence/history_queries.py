"""Queries of events as followers and the history of an item read them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from application.persistence.conditions import Condition, movement_conditions, where_clause
from application.persistence.filters import MovementFilter
from application.persistence.reader import Bucket, ScaleSet
from application.persistence.sql_tables import SQLTable
from application.persistence.table_queries import NEWEST_FIRST, OLDEST_FIRST, TableQueries
from application.projections import Change
from application.projections.code_changes import CodeChanges
from application.projections.item_changes import ItemChanges
from application.projections.movements import Movement, Movements

_CHANGES: Final = (Movements.table, ItemChanges.table, CodeChanges.table)
"""Together they have one row per event."""

SCALES: Final = """
SELECT position, scale, recorded_at FROM (
    SELECT position, scale, recorded_at, lag(scale) OVER (ORDER BY position) AS former
    FROM item_changes WHERE item_id = ?
) AS found WHERE former IS NULL OR former <> scale ORDER BY position
"""

# The unique index of the events has an item's movements in order. An index of the journal would
# cost each transaction one more page, because the items of a batch lie far apart in it.
_OF_ITEM: Final = """
(SELECT {position} AS place, originator_version AS event_version
 FROM stored_events WHERE originator_id = ?) AS event CROSS JOIN movements
WHERE position = place AND {where}
"""

ITEM_JOURNAL: Final = f"SELECT {{columns}} FROM {_OF_ITEM} ORDER BY event_version DESC LIMIT ?"  # noqa: S608

BEFORE_POSITION: Final = """
event_version < coalesce(
    (SELECT originator_version FROM stored_events WHERE {position} = ? AND originator_id = ?),
    (SELECT max(originator_version) + 1 FROM stored_events
     WHERE originator_id = ? AND {position} < ?))
"""
"""Of an item's events. The position may be that of another event."""

BUCKETS: Final = f"""
SELECT {{bucket}} AS bucket, min(on_hand), max(on_hand), count(*),
       sum(CASE WHEN type = 'COUNT' THEN 1 ELSE 0 END), min(position), max(position)
FROM {_OF_ITEM} GROUP BY 1 ORDER BY 1
"""  # noqa: S608


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class HistoryQueries(TableQueries):
    """Implements the history part of `Reader`."""

    def select_changes(
        self, locations: frozenset[str] | None, *, after: int, upto: int, limit: int
    ) -> list[Change]:
        between: Condition = ("position > ? AND position <= ?", [after, upto])
        found: list[Any] = [
            row
            for table in _CHANGES
            for row in self._select_at(
                self.sql_table(table), locations, [between], OLDEST_FIRST, limit
            )
        ]
        return sorted(found, key=attrgetter("position"))[:limit]

    def select_last_change(self, *, upto: int) -> Change | None:
        condition = ("position <= ?", [upto])
        last: list[Any] = [
            row
            for table in _CHANGES
            for row in self._select(self.sql_table(table), [condition], "position DESC", 1)
        ]
        return max(last, key=lambda change: change.position, default=None)

    def select_scales(self, item_id: UUID) -> list[ScaleSet]:
        changes = self.sql_table(ItemChanges.table)
        with self.reading() as run:
            rows = run(SCALES, [changes.encode_value("item_id", item_id)])
        return [
            ScaleSet(position, scale, changes.decode_value("recorded_at", recorded_at))
            for position, scale, recorded_at in rows
        ]

    def select_movements(
        self, wanted: MovementFilter, *, before: int | None, limit: int
    ) -> list[Movement]:
        movements = self.sql_table(Movements.table)
        conditions = movement_conditions(wanted, movements)
        if wanted.item_id is not None:
            if wanted.locations is not None:
                conditions.append(movements.among("location", sorted(wanted.locations)))
            return self._select_of_item(wanted.item_id, conditions, before, limit)
        if before is not None:
            conditions.append(("position < ?", [before]))
        return self._select_at(movements, wanted.locations, conditions, NEWEST_FIRST, limit)

    def select_buckets(
        self, wanted: MovementFilter, positions: range, width: timedelta
    ) -> list[Bucket]:
        movements = self.sql_table(Movements.table)
        within = ("position >= ? AND position < ?", [positions.start, positions.stop])
        where, parameters = where_clause([*movement_conditions(wanted, movements), within])
        statement = BUCKETS.format(
            bucket=movements.bucket("recorded_at"), position=self.position_column, where=where
        )
        start = ((wanted.recorded_from or _EPOCH) - _EPOCH) // _MICROSECOND
        key = movements.encode_value("item_id", wanted.item_id)
        with self.reading() as run:
            rows = run(statement, [start, width // _MICROSECOND, key, *parameters])
        return [Bucket(*map(int, row)) for row in rows]

    def select_movements_at(self, positions: Sequence[int]) -> list[Movement]:
        return self._select_among(self.sql_table(Movements.table), "position", positions)

    def select_changes_of(self, item_id: UUID, *, before: int | None, limit: int) -> list[Change]:
        earlier: list[Condition] = [] if before is None else [("position < ?", [before])]
        found: list[Any] = self._select_of_item(item_id, [], before, limit)
        for changes in (ItemChanges.table, CodeChanges.table):
            table: SQLTable[Any] = self.sql_table(changes)
            item: Condition = ("item_id = ?", [table.encode_value("item_id", item_id)])
            found += self._select(table, [item, *earlier], NEWEST_FIRST.sql, limit)
        return sorted(found, key=attrgetter("position"), reverse=True)[:limit]

    def _select_of_item(
        self, item_id: UUID, conditions: Sequence[Condition], before: int | None, limit: int
    ) -> list[Movement]:
        """Returns movements of an item, newest first; `before` is a position."""
        movements = self.sql_table(Movements.table)
        key = movements.encode_value("item_id", item_id)
        if before is not None:
            earlier = BEFORE_POSITION.format(position=self.position_column)
            conditions = [*conditions, (earlier, [before, key, key, before])]
        where, parameters = where_clause(conditions)
        statement = ITEM_JOURNAL.format(
            columns=movements.columns, position=self.position_column, where=where
        )
        with self.reading() as run:
            return [movements.decode(row) for row in run(statement, [key, *parameters, limit])]
