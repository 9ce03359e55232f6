"""Read-model queries, in SQL that SQLite and PostgreSQL share.

Every list has a limit. Pages use keyset pagination: each page starts after a key.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from application.persistence.conditions import (
    Condition,
    equal_or_between,
    item_conditions,
    ranges_after,
    rejected_conditions,
    where_clause,
)
from application.persistence.filters import AuditFilter, ItemFilter, RejectedFilter
from application.persistence.maintenance import Differences
from application.persistence.table_queries import IDS_PER_QUERY, Order, Run
from application.persistence.verification_queries import VerificationQueries
from application.projections.codes import Code, Codes
from application.projections.item_changes import ItemChange, ItemChanges
from application.projections.movements import Movements
from application.projections.stock_levels import StockLevel, StockLevels
from application.tables.access import API_KEYS, AUDIT_LOG, SESSIONS, ApiKey, AuditEntry, Session
from application.tables.rejected import REJECTED, RejectedTransaction, RejectionStatus
from application.tables.table import Table
from domain.barcode import MAX_CODES_PER_ITEM

MAX_LISTED_KEYS = 10_000
"""Maximum number of API keys in a list."""

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


class ReadModelQueries(VerificationQueries):
    """Base class of both recorders: implements `Reader`. Its methods raise the same errors."""

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

    def select_recorded_among(self, local_ids: Sequence[UUID]) -> set[UUID]:
        movements = self.sql_table(Movements.table)
        encoded = {movements.encode_value("local_id", one): one for one in local_ids}
        condition, parameters = movements.among("local_id", [*encoded])
        with self.reading() as run:
            found = run(f"SELECT local_id FROM stored_events WHERE {condition}", parameters)  # noqa: S608
        return {encoded[stored] for (stored,) in found}

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
