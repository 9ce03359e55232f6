"""What readers ask of the read models. Every list is bounded by a limit and starts at a key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.sqlite import SQLiteCursor

from application.persistence.port import Differences, ItemFilter, MovementFilter
from application.persistence.sqlite.tables import SQLiteTable, encode_time, sqlite_table
from application.projections.movements import Movement, Movements
from application.projections.stock_levels import StockLevel, StockLevels
from application.projections.table import Table

_LEVELS = sqlite_table(StockLevels.table)
_MOVEMENTS = sqlite_table(Movements.table)

Condition = tuple[str, Sequence[Any]]


def item(cursor: SQLiteCursor, item_id: UUID) -> StockLevel | None:
    found = _select(cursor, _LEVELS, [("item_id = ?", [item_id.hex])], "item_id", limit=1)
    return StockLevel(*found[0]) if found else None


def items(
    cursor: SQLiteCursor, wanted: ItemFilter, after: tuple[str, str] | None, limit: int
) -> list[StockLevel]:
    conditions: list[Condition] = []
    if wanted.location is not None:
        conditions.append(("location = ?", [wanted.location]))
    if wanted.sku is not None:
        conditions.append(("sku = ?", [wanted.sku]))
    if wanted.text is not None:
        part = _like(wanted.text)
        conditions.append((r"(sku LIKE ? ESCAPE '\' OR name LIKE ? ESCAPE '\')", [part, part]))
    if wanted.below_safety_stock:
        conditions.append(("on_hand < safety_stock", []))
    if after is not None:
        conditions.append(("(location, sku) > (?, ?)", after))
    return [
        StockLevel(*row) for row in _select(cursor, _LEVELS, conditions, "location, sku", limit)
    ]


def movements(
    cursor: SQLiteCursor, wanted: MovementFilter, before: int | None, limit: int
) -> list[Movement]:
    equal = {
        "item_id": wanted.item_id and wanted.item_id.hex,
        "location": wanted.location,
        "type": wanted.type,
        "actor": wanted.actor,
        "device": wanted.device,
    }
    conditions: list[Condition] = [
        (f"{column} = ?", [value]) for column, value in equal.items() if value is not None
    ]
    if wanted.recorded_from is not None:
        conditions.append(("recorded_at >= ?", [encode_time(wanted.recorded_from)]))
    if wanted.recorded_to is not None:
        conditions.append(("recorded_at < ?", [encode_time(wanted.recorded_to)]))
    if before is not None:
        conditions.append(("position < ?", [before]))
    return [
        Movement(*row) for row in _select(cursor, _MOVEMENTS, conditions, "position DESC", limit)
    ]


def differences(
    cursor: SQLiteCursor, live: Table, shadow: Table, upto: int, samples: int
) -> Differences:
    key = live.key
    missing = _count(
        cursor,
        f"{shadow.name} AS s LEFT JOIN {live.name} AS l USING ({key}) WHERE l.position IS NULL",
    )
    surplus = _count(
        cursor,
        f"{live.name} AS l LEFT JOIN {shadow.name} AS s USING ({key}) "
        "WHERE s.position IS NULL AND l.position <= ?",
        upto,
    )
    unequal = " OR ".join(f"l.{column} IS NOT s.{column}" for column in live.columns)
    changed_rows = (
        f"{live.name} AS l JOIN {shadow.name} AS s USING ({key}) "
        f"WHERE l.position <= ? AND ({unequal})"
    )
    changed = _count(cursor, changed_rows, upto)
    found = Differences(missing=missing, surplus=surplus, changed=changed)
    if changed:
        cursor.execute(f"SELECT l.*, s.* FROM {changed_rows} LIMIT ?", (upto, samples))  # noqa: S608
        for row in cursor.fetchall():
            found.samples.extend(_unequal_values(live, tuple(row)))
    return found


def _unequal_values(table: Table, row: tuple[Any, ...]) -> list[tuple[Any, str, Any, Any]]:
    names = list(table.columns)
    live, rebuilt = row[: len(names)], row[len(names) :]
    key = live[names.index(table.key)]
    return [
        (key, name, was, now)
        for name, was, now in zip(names, live, rebuilt, strict=True)
        if was != now
    ]


def _select(
    cursor: SQLiteCursor,
    table: SQLiteTable,
    conditions: Sequence[Condition],
    order: str,
    limit: int,
) -> list[tuple[Any, ...]]:
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    parameters = [value for _, values in conditions for value in values]
    cursor.execute(
        f"SELECT {table.columns} FROM {table.table.name} "  # noqa: S608
        f"WHERE {where} ORDER BY {order} LIMIT ?",
        (*parameters, limit),
    )
    return [table.decode(tuple(row)) for row in cursor.fetchall()]


def _count(cursor: SQLiteCursor, rows: str, *parameters: Any) -> int:
    cursor.execute(f"SELECT count(*) FROM {rows}", parameters)  # noqa: S608
    number: int = cursor.fetchone()[0]
    return number


def _like(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
