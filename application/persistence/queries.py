"""Read-model queries, in SQL that SQLite and PostgreSQL share.

Every list has a limit. Pages use keyset pagination: each page starts after a key.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.persistence.conditions import (
    Condition,
    equal_or_between,
    item_conditions,
    movement_conditions,
    ranges_after,
    rejected_conditions,
    where_clause,
)
from application.persistence.filters import AuditFilter, ItemFilter, MovementFilter, RejectedFilter
from application.persistence.maintenance import Differences
from application.persistence.reader import Bucket, ScaleSet
from application.persistence.recorder import LedgerRecorder
from application.persistence.sql_tables import SQLTable
from application.projections import Change
from application.projections.code_changes import CodeChanges
from application.projections.codes import Code, Codes
from application.projections.item_changes import ItemChange, ItemChanges
from application.projections.movements import Movement, Movements
from application.projections.stock_levels import StockLevel, StockLevels
from application.tables.access import API_KEYS, AUDIT_LOG, SESSIONS, ApiKey, AuditEntry, Session
from application.tables.rejected import REJECTED, RejectedTransaction, RejectionStatus
from application.tables.table import RowT, Table
from domain.barcode import MAX_CODES_PER_ITEM

Run = Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]
"""Runs a statement with `?` placeholders, and returns all rows."""

MAX_LISTED_KEYS = 10_000
"""Maximum number of API keys in a list."""

IDS_PER_QUERY = 1_000
"""Maximum number of values in one look-up statement."""

_CHANGES: Final = (Movements.table, ItemChanges.table, CodeChanges.table)
"""Together they have one row per event."""

LOCATIONS: Final = """
WITH RECURSIVE found (location) AS (
    SELECT min(location) FROM stock_levels
    UNION ALL
    SELECT (SELECT min(location) FROM stock_levels WHERE location > found.location)
    FROM found WHERE found.location IS NOT NULL
)
SELECT location FROM found WHERE location IS NOT NULL LIMIT ?
"""
"""Jumps from location to location in the index. DISTINCT would read all items."""

SCALES: Final = """
SELECT position, scale, recorded_at FROM (
    SELECT position, scale, recorded_at, lag(scale) OVER (ORDER BY position) AS former
    FROM item_changes WHERE item_id = ?
) AS found WHERE former IS NULL OR former <> scale ORDER BY position
"""

BUCKETS: Final = """
SELECT {bucket} AS bucket, min(on_hand), max(on_hand), count(*),
       sum(CASE WHEN type = 'COUNT' THEN 1 ELSE 0 END), min(position), max(position)
FROM movements WHERE {where} GROUP BY 1 ORDER BY 1
"""

LAST_OF_EACH = """
SELECT {columns} FROM (
    SELECT *, row_number() OVER (
        PARTITION BY local_id ORDER BY rejected_at DESC, rejection_id
    ) AS place
    FROM rejected_transactions WHERE {where}
) AS found WHERE place = 1
"""


BY_PLACE: Final = "location, sku, item_id"
"""Sort key of the stock list. It ends with the id, because older items may share location and SKU:
these were spelt in two Unicode forms."""

SPARE_ROWS_PER_LOCATION: Final = 8
"""Extra rows read per location, beyond its double share of a page. Most pages then need no second
query."""


class _Key(NamedTuple):
    """Sort key of a row. Values are as they are stored."""

    location: str
    key: Any
    """The table's primary key."""
    place: tuple[Any, ...]
    """The values of the order's columns."""


class Order(NamedTuple):
    """Sort order of a list. No two rows have equal values in all of these columns."""

    columns: tuple[str, ...]
    descending: bool = False

    @property
    def sql(self) -> str:
        """The terms of ORDER BY."""
        return ", ".join(f"{name} {'DESC' if self.descending else 'ASC'}" for name in self.columns)

    def arranged(self, keys: Iterable[_Key]) -> list[_Key]:
        """Sorts the keys."""
        return sorted(keys, key=attrgetter("place"), reverse=self.descending)


OLDEST_FIRST: Final = Order(("position",))
NEWEST_FIRST: Final = Order(("position",), descending=True)


class ReadModelQueries(LedgerRecorder):
    """Base class of both recorders: implements `Reader`. Its methods raise the same errors."""

    @abstractmethod
    def sql_table(self, table: Table[RowT]) -> SQLTable[RowT]:
        """The SQL statements of a table."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Run]:
        """Context manager of a read connection. Raises StoreUnavailable, ReadCancelled."""

    def describe(self, table: Table[Any]) -> str:
        return self.sql_table(table).describe()

    def select_item(self, item_id: UUID) -> StockLevel | None:
        levels = self.sql_table(StockLevels.table)
        wanted: Condition = ("item_id = ?", [levels.encode_value("item_id", item_id)])
        found = self._select(levels, [wanted], "item_id", limit=1)
        return found[0] if found else None

    def select_levels(self, item_ids: Sequence[UUID]) -> list[StockLevel]:
        return self._select_among(self.sql_table(StockLevels.table), "item_id", item_ids)

    def select_item_change(
        self, item_id: UUID, kinds: Sequence[str], *, upto_version: int
    ) -> ItemChange | None:
        changes = self.sql_table(ItemChanges.table)
        item: Condition = ("item_id = ?", [changes.encode_value("item_id", item_id)])
        found = [
            row
            for kind in kinds  # One query per kind: each uses the index.
            for row in self._select(
                changes,
                [item, ("kind = ?", [kind]), ("version <= ?", [upto_version])],
                "version DESC",
                1,
            )
        ]
        return max(found, key=attrgetter("version"), default=None)

    def select_items(
        self, wanted: ItemFilter, *, after: tuple[str, str, UUID] | None, limit: int
    ) -> list[StockLevel]:
        levels = self.sql_table(StockLevels.table)
        conditions = item_conditions(wanted)
        key = after and (*after[:2], levels.encode_value("item_id", after[2]))
        found: list[StockLevel] = []
        for index_range in ranges_after(wanted.locations, key):
            rows = self._select(levels, [*index_range, *conditions], BY_PLACE, limit - len(found))
            found += rows
            if len(found) == limit:
                break
        return found

    def select_items_alike(self, limit: int) -> list[StockLevel]:
        levels = self.sql_table(StockLevels.table)
        shared = "SELECT location, sku FROM stock_levels GROUP BY location, sku HAVING count(*) > 1"
        return self._select(levels, [(f"(location, sku) IN ({shared})", [])], BY_PLACE, limit)

    def select_codes(self, item_ids: Sequence[UUID]) -> list[Code]:
        codes = self.sql_table(Codes.table)
        found: list[Code] = []
        for start in range(0, len(item_ids), IDS_PER_QUERY):
            chunk = item_ids[start : start + IDS_PER_QUERY]
            values = [codes.encode_value("item_id", item_id) for item_id in chunk]
            found += self._select(
                codes, [codes.among("item_id", values)], "code", len(chunk) * MAX_CODES_PER_ITEM
            )
        return found

    def select_movements(
        self, wanted: MovementFilter, *, before: int | None, limit: int
    ) -> list[Movement]:
        movements = self.sql_table(Movements.table)
        conditions = movement_conditions(wanted, movements)
        if before is not None:
            conditions.append(("position < ?", [before]))
        return self._select_at(movements, wanted.locations, conditions, NEWEST_FIRST, limit)

    def select_recorded_among(self, local_ids: Sequence[UUID]) -> set[UUID]:
        movements = self.sql_table(Movements.table)
        encoded = {movements.encode_value("local_id", one): one for one in local_ids}
        condition, parameters = movements.among("local_id", [*encoded])
        with self.reading() as run:
            found = run(f"SELECT local_id FROM stored_events WHERE {condition}", parameters)  # noqa: S608
        return {encoded[stored] for (stored,) in found}

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

    def select_key(self, key_id: str) -> ApiKey | None:
        found = self._select(self.sql_table(API_KEYS), [("key_id = ?", [key_id])], "key_id", 1)
        return found[0] if found else None

    def select_keys(self) -> list[ApiKey]:
        newest_first = "created_at DESC, key_id"
        return self._select(self.sql_table(API_KEYS), [], newest_first, MAX_LISTED_KEYS)

    def select_session(self, digest: str) -> Session | None:
        found = self._select(self.sql_table(SESSIONS), [("digest = ?", [digest])], "digest", 1)
        return found[0] if found else None

    def select_locations(self, limit: int) -> list[str]:
        with self.reading() as run:
            return [location for (location,) in run(LOCATIONS, [limit])]

    def select_scales(self, item_id: UUID) -> list[ScaleSet]:
        changes = self.sql_table(ItemChanges.table)
        with self.reading() as run:
            rows = run(SCALES, [changes.encode_value("item_id", item_id)])
        return [
            ScaleSet(position, scale, changes.decode_value("recorded_at", recorded_at))
            for position, scale, recorded_at in rows
        ]

    def select_buckets(
        self, wanted: MovementFilter, positions: range, width: timedelta
    ) -> list[Bucket]:
        movements = self.sql_table(Movements.table)
        within = ("position >= ? AND position < ?", [positions.start, positions.stop])
        where, parameters = where_clause([*movement_conditions(wanted, movements), within])
        statement = BUCKETS.format(bucket=movements.bucket("recorded_at"), where=where)
        start = wanted.recorded_from.timestamp() if wanted.recorded_from else 0.0
        with self.reading() as run:
            rows = run(statement, [start, width.total_seconds(), *parameters])
        return [Bucket(*map(int, row)) for row in rows]

    def select_movements_at(self, positions: Sequence[int]) -> list[Movement]:
        return self._select_among(self.sql_table(Movements.table), "position", positions)

    def select_changes_of(self, item_id: UUID, *, before: int | None, limit: int) -> list[Change]:
        earlier: list[Condition] = [] if before is None else [("position < ?", [before])]
        found: list[Any] = []
        for changes in _CHANGES:
            table: SQLTable[Any] = self.sql_table(changes)
            item: Condition = ("item_id = ?", [table.encode_value("item_id", item_id)])
            found += self._select(table, [item, *earlier], NEWEST_FIRST.sql, limit)
        return sorted(found, key=attrgetter("position"), reverse=True)[:limit]

    def count_open_rejections(self, locations: frozenset[str] | None, *, at_most: int) -> int:
        rejected = self.sql_table(REJECTED)
        conditions: list[Condition] = [("closed_at IS NULL", [])]
        if locations is not None:
            conditions.append(rejected.among("location", sorted(locations)))
        where, parameters = where_clause(conditions)
        with self.reading() as run:
            return _count(
                run,
                f"(SELECT 1 FROM rejected_transactions WHERE {where} LIMIT ?) AS found",  # noqa: S608
                *parameters,
                at_most,
            )

    def select_audit(
        self, wanted: AuditFilter, *, before: UUID | None, limit: int
    ) -> list[AuditEntry]:
        log = self.sql_table(AUDIT_LOG)
        conditions = equal_or_between(
            log,
            ("action", "=", wanted.action),
            ("actor", "=", wanted.actor),
            ("recorded_at", ">=", wanted.recorded_from),
            ("recorded_at", "<", wanted.recorded_to),
        )
        if before is not None:
            conditions.append(("entry_id < ?", [log.encode_value("entry_id", before)]))
        return self._select(log, conditions, "entry_id DESC", limit)

    def select_rejected(
        self, wanted: RejectedFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[RejectedTransaction]:
        rejected = self.sql_table(REJECTED)
        conditions = rejected_conditions(wanted, rejected)
        if before is not None:
            columns = ("first_rejected_at", "rejection_id")
            values = [rejected.encode_value(*pair) for pair in zip(columns, before, strict=True)]
            conditions.append((f"({', '.join(columns)}) < (?, ?)", values))
        order = Order(("first_rejected_at", "rejection_id"), descending=True)
        return self._select_at(rejected, wanted.locations, conditions, order, limit)

    def select_rejected_of(
        self, local_ids: Sequence[UUID], locations: frozenset[str] | None
    ) -> list[RejectedTransaction]:
        rejected = self.sql_table(REJECTED)
        found: list[RejectedTransaction] = []
        for start in range(0, len(local_ids), IDS_PER_QUERY):
            chunk = local_ids[start : start + IDS_PER_QUERY]
            values = [rejected.encode_value("local_id", local_id) for local_id in chunk]
            conditions: list[Condition] = [
                rejected.among("local_id", values),
                ("status <> ?", [RejectionStatus.RESOLVED.value]),
            ]
            if locations is not None:
                conditions.append(rejected.among("location", sorted(locations)))
            where, parameters = where_clause(conditions)
            with self.reading() as run:
                rows = run(LAST_OF_EACH.format(columns=rejected.columns, where=where), parameters)
            found += [rejected.decode(row) for row in rows]
        return found

    def differences(
        self, live: Table[Any], shadow: Table[Any], *, upto: int, samples: int
    ) -> Differences:
        missing = (
            f"{shadow.name} AS s LEFT JOIN {live.name} AS l USING ({live.key}) "
            "WHERE l.position IS NULL"
        )
        surplus = (
            f"{live.name} AS l LEFT JOIN {shadow.name} AS s USING ({live.key}) "
            "WHERE s.position IS NULL AND l.position <= ?"
        )
        unequal = " OR ".join(f"l.{column} IS DISTINCT FROM s.{column}" for column in live.columns)
        changed = (
            f"{live.name} AS l JOIN {shadow.name} AS s USING ({live.key}) "
            f"WHERE l.position <= ? AND ({unequal})"
        )
        with self.reading() as run:
            rows = run(f"SELECT l.*, s.* FROM {changed} LIMIT ?", (upto, samples))  # noqa: S608
            return Differences(
                missing=_count(run, missing),
                surplus=_count(run, surplus, upto),
                changed=_count(run, changed, upto),
                samples=[sample for row in rows for sample in _unequal_values(live, row)],
            )

    def _select_at(
        self,
        table: SQLTable[RowT],
        locations: frozenset[str] | None,
        conditions: Sequence[Condition],
        order: Order,
        limit: int,
    ) -> list[RowT]:
        """Returns the first rows at these locations, in order.

        Merges several locations: each has its own range of the index. A single query would have to
        sort all rows at these locations. The keys are read first: a share of the page from each
        location, then more if a share was not enough. The rows of the page are read last.
        """
        if locations is not None and not locations:
            return []
        if locations is None or len(locations) == 1:
            at_location: list[Condition] = [("location = ?", [*locations])] if locations else []
            return self._select(table, [*at_location, *conditions], order.sql, limit)
        keys = self._first_keys(table, sorted(locations), conditions, order, limit)
        condition = table.among(table.table.key, keys)
        return self._select(table, [condition], order.sql, limit)

    def _first_keys(
        self,
        table: SQLTable[Any],
        locations: Sequence[str],
        conditions: Sequence[Condition],
        order: Order,
        limit: int,
    ) -> list[Any]:
        """Returns the keys of the first rows at these locations, as they are stored."""
        share = 2 * limit // len(locations) + SPARE_ROWS_PER_LOCATION
        unfinished = locations
        keys = [*self._keys_of_each(table, locations, conditions, order, share)]
        while True:
            page = order.arranged(keys)[:limit]
            # If the page has the whole share of a location, more of its rows may belong there.
            used = Counter(key.location for key in page)
            unfinished = [name for name in unfinished if used[name] == share]
            if not unfinished:
                return [key.key for key in page]
            share *= 4
            finished = [key for key in keys if key.location not in unfinished]
            keys = [*finished, *self._keys_of_each(table, unfinished, conditions, order, share)]

    def _keys_of_each(
        self,
        table: SQLTable[Any],
        locations: Sequence[str],
        conditions: Sequence[Condition],
        order: Order,
        share: int,
    ) -> list[_Key]:
        where, parameters = where_clause(conditions)
        statement = table.keys_of_each(where, order.columns, order.sql)
        with self.reading() as run:
            rows = run(statement, (table.encode_list(locations), *parameters, share))
        return [_Key(location, key, tuple(place)) for location, key, *place in rows]

    def _select_among(
        self, table: SQLTable[RowT], column: str, values: Sequence[Any]
    ) -> list[RowT]:
        """Returns the rows that have one of these values in a column where it is unique."""
        encoded = [table.encode_value(column, value) for value in values]
        found: list[RowT] = []
        for start in range(0, len(encoded), IDS_PER_QUERY):
            chunk = encoded[start : start + IDS_PER_QUERY]
            found += self._select(table, [table.among(column, chunk)], column, len(chunk))
        return found

    def _select(
        self, table: SQLTable[RowT], conditions: Sequence[Condition], order: str, limit: int
    ) -> list[RowT]:
        where, parameters = where_clause(conditions)
        with self.reading() as run:
            rows = run(
                f"SELECT {table.columns} FROM {table.table.name} "  # noqa: S608
                f"WHERE {where} ORDER BY {order} LIMIT ?",
                (*parameters, limit),
            )
        return [table.decode(row) for row in rows]


def _unequal_values(table: Table[Any], row: Sequence[Any]) -> list[tuple[Any, str, Any, Any]]:
    names = list(table.columns)
    live, rebuilt = row[: len(names)], row[len(names) :]
    key = live[names.index(table.key)]
    return [
        (_readable(key), name, _readable(was), _readable(now))
        for name, was, now in zip(names, live, rebuilt, strict=True)
        if was != now
    ]


def _readable(stored: Any) -> Any:
    """Not decoded, because a damaged value may not have the type of its column."""
    return stored.hex() if isinstance(stored, bytes) else stored


def _count(run: Run, rows: str, *parameters: Any) -> int:
    ((number,),) = run(f"SELECT count(*) FROM {rows}", parameters)  # noqa: S608
    return int(number)
