"""Independent checker of a database: replays the raw events, and compares every read model.

It uses no decoder, projection or SQL of the application, so that it can find their errors.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import apsw
import psycopg

Row = dict[str, Any]

EVENTS = (
    "SELECT {position}, originator_id, originator_version, topic, state, local_id "
    "FROM stored_events"
)

SIGNS = {"InboundRecorded": 1, "OutboundRecorded": -1}
TYPES = {"InboundRecorded": "INBOUND", "OutboundRecorded": "OUTBOUND"}


class Event(NamedTuple):
    position: int
    item_id: UUID
    version: int
    topic: str
    said: Row
    local_id: UUID | None


def assert_read_models_follow_from_events(database_url: str) -> int:
    """Checks the events, and every read model against them. Returns the number of events."""
    is_sqlite = database_url.startswith("sqlite")
    read = _read_sqlite if is_sqlite else _read_postgres
    position = "rowid" if is_sqlite else "notification_id"
    events = sorted(map(_event, read(database_url, EVENTS.format(position=position))))
    _assert_sound(events)
    for table, expected in (
        ("stock_levels", _stock_levels(events)),
        ("movements", _movements(events)),
        ("item_changes", _item_changes(events)),
    ):
        names = sorted(next(iter(expected))) if expected else []
        found = read(database_url, f"SELECT {', '.join(names) or '*'} FROM {table}")
        rows = [dict(zip(names, map(_plain, row), strict=True)) for row in found]
        _assert_same(table, rows, expected)
    return len(events)


def _assert_same(table: str, found: Iterable[Row], expected: Iterable[Row]) -> None:
    def keyed(rows: Iterable[Row]) -> dict[Any, Row]:
        return {
            _uuid(row["item_id" if table == "stock_levels" else "position"]): row for row in rows
        }

    one, other = keyed(found), keyed(expected)
    assert one.keys() == other.keys(), (table, one.keys() ^ other.keys())
    for key, row in other.items():
        assert {name: _same(value, row[name]) for name, value in one[key].items()} == row, table


def _same(found: Any, expected: Any) -> Any:
    """Converts a value of SQLite, which has no booleans, instants and UUIDs."""
    if isinstance(expected, bool) and found in (0, 1):
        return bool(found)
    if isinstance(expected, UUID) and isinstance(found, bytes):
        return UUID(bytes=found)
    if isinstance(expected, datetime) and isinstance(found, str):
        return datetime.fromisoformat(found)
    return found


def _assert_sound(events: list[Event]) -> None:
    on_hand: dict[UUID, int] = {}
    versions: dict[UUID, int] = defaultdict(int)
    local_ids = set()
    for event in events:
        versions[event.item_id] += 1
        assert event.version == versions[event.item_id], event
        stored_id = event.said.get("local_id")
        assert (stored_id and UUID(stored_id)) == event.local_id, event
        if event.local_id is not None:
            assert event.local_id not in local_ids, event
            local_ids.add(event.local_id)
        change = 0 if event.said.get("covered_at") else _delta(event)
        on_hand[event.item_id] = on_hand.get(event.item_id, 0) + change
        assert event.said["on_hand"] == on_hand[event.item_id] >= 0, event


def _delta(event: Event) -> int:
    if event.topic == "Adjusted":
        return int(event.said["delta"])
    return SIGNS.get(event.topic, 0) * int(event.said.get("quantity", 0))


def _stock_levels(events: list[Event]) -> list[Row]:
    levels: dict[UUID, Row] = {}
    for event in events:
        level = levels.setdefault(event.item_id, {"item_id": event.item_id, "active": True})
        for name in ("location", "sku", "on_hand", "name", "unit", "safety_stock"):
            if name in event.said:
                level[name] = event.said[name]
        if event.topic in {"ItemDiscontinued", "ItemReactivated"}:
            level["active"] = event.topic == "ItemReactivated"
        level["version"] = event.version
        level["position"] = event.position
        level["updated_at"] = _instant(event.said["timestamp"])
    return list(levels.values())


def _movements(events: list[Event]) -> list[Row]:
    return [_movement(event) for event in events if event.local_id is not None]


def _movement(event: Event) -> Row:
    said = event.said
    counted = said.get("counted")
    texts = ("reason", "note", "reference", "device", "key_id")
    return {
        "position": event.position,
        "item_id": event.item_id,
        "version": event.version,
        "local_id": event.local_id,
        "type": TYPES.get(event.topic, "ADJUST" if counted is None else "COUNT"),
        "quantity": said.get("quantity", said.get("delta") if counted is None else counted),
        "delta": _delta(event),
        "recorded_at": _instant(said["timestamp"]),
        "occurred_at": _instant(said.get("occurred_at")),
        "covered_at": _instant(said.get("covered_at")),
        **{name: said[name] for name in ("location", "sku", "on_hand", "actor")},
        **{name: said.get(name) for name in texts},
    }


def _item_changes(events: list[Event]) -> list[Row]:
    return [
        {
            "position": event.position,
            "item_id": event.item_id,
            "version": event.version,
            "kind": event.topic,
            "recorded_at": _instant(event.said["timestamp"]),
            **{name: event.said[name] for name in ("location", "sku", "on_hand", "actor")},
            **{name: event.said.get(name) for name in ("name", "unit", "safety_stock", "key_id")},
        }
        for event in events
        if event.local_id is None
    ]


def _event(row: tuple[Any, ...]) -> Event:
    position, item_id, version, topic, state, local_id = map(_plain, row)
    return Event(position, _uuid(item_id), version, topic, json.loads(state), _uuid(local_id))


def _uuid(value: Any) -> Any:
    return UUID(bytes=value) if isinstance(value, bytes) else value


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _read_sqlite(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(database_url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(query).fetchall()


def _read_postgres(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query.encode()).fetchall()
