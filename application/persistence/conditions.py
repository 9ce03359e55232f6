"""Conditions of read-model queries, from filters."""

from collections.abc import Sequence
from typing import Any

from application.persistence.filters import ItemFilter, MovementFilter, RejectedFilter
from application.persistence.sql_tables import SQLTable
from domain.barcode import compared_form
from domain.labels import folded

Condition = tuple[str, Sequence[Any]]
"""SQL with `?` placeholders, and the values of its parameters."""


def where_clause(conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    """All of the conditions as one, and the values of its parameters."""
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    return where, [value for _, values in conditions for value in values]


def ranges_after(
    locations: frozenset[str] | None, after: tuple[str, str, Any] | None
) -> list[list[Condition]]:
    """Returns the index ranges of the stock list after the key `after`: location, SKU and item.

    One range per location, in order; a single range for all locations.
    """
    if locations is None:
        return [[] if after is None else [("(location, sku, item_id) > (?, ?, ?)", after)]]
    if after is None:
        return [[("location = ?", [name])] for name in sorted(locations)]
    location, *key = after
    after_key: Condition = ("(sku, item_id) > (?, ?)", key)
    return [
        [("location = ?", [name]), *([after_key] if name == location else [])]
        for name in sorted(locations)
        if name >= location
    ]


def item_conditions(wanted: ItemFilter) -> list[Condition]:
    """Conditions on the stock list."""
    conditions: list[Condition] = []
    if wanted.sku is not None:
        conditions.append(("sku = ?", [wanted.sku]))
    if wanted.text is not None:
        conditions.append((r"search_text LIKE ? ESCAPE '\'", [_like(folded(wanted.text))]))
    if wanted.active is not None:
        conditions.append(("active = ?", [wanted.active]))
    if wanted.below_safety_stock:
        conditions.append(("on_hand < safety_stock AND active", []))
    if wanted.negative:
        conditions.append(("on_hand < 0", []))
    if wanted.provisional:
        conditions.append(("provisional_by IS NOT NULL", []))
    if wanted.code is not None:
        assigned = "item_id IN (SELECT item_id FROM codes WHERE compared = ?)"
        conditions.append((assigned, [compared_form(wanted.code)]))
    return conditions


def movement_conditions(wanted: MovementFilter, movements: SQLTable[Any]) -> list[Condition]:
    """Conditions on the journal, without those on the item and the locations."""
    conditions = equal_or_between(
        movements,
        ("type", "=", wanted.type),
        ("actor", "=", wanted.actor),
        ("device", "=", wanted.device),
        ("reference", "=", wanted.reference),
        ("recorded_at", ">=", wanted.recorded_from),
        ("recorded_at", "<", wanted.recorded_to),
    )
    if wanted.was_refused:
        conditions.append(("refused_at IS NOT NULL", []))
    return conditions


def rejected_conditions(wanted: RejectedFilter, rejected: SQLTable[Any]) -> list[Condition]:
    """Conditions on rejected transactions."""
    conditions = equal_or_between(
        rejected,
        ("status", "=", wanted.status),
        ("code", "=", wanted.code),
        ("group_id", "=", wanted.group_id),
        ("item_id", "=", wanted.item_id),
        ("actor", "=", wanted.actor),
        ("device", "=", wanted.device),
        ("first_rejected_at", ">=", wanted.rejected_from),
        ("first_rejected_at", "<", wanted.rejected_to),
    )
    if wanted.names is not None:
        names = [rejected.encode_value("local_id", name) for name in wanted.names]
        (by_local_id, first), (by_id, second) = (
            rejected.among(column, names) for column in ("local_id", "rejection_id")
        )
        conditions.append((f"({by_local_id} OR {by_id})", [*first, *second]))
    return conditions


def equal_or_between(table: SQLTable[Any], *bounds: tuple[str, str, Any]) -> list[Condition]:
    """Conditions on columns: name, operator and value. A value of None gives no condition."""
    return [
        (f"{column} {operator} ?", [table.encode_value(column, value)])
        for column, operator, value in bounds
        if value is not None
    ]


def _like(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
