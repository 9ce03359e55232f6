"""SQL of SQLite for events and rejected transactions. See tables.py for read models."""

from typing import Final

from application.persistence.sqlite.bulk import values
from application.tables.rejected import RejectionStatus

STATE: Final = "e.state"

RECORDED = """
SELECT {columns}
FROM json_each(?2) AS place JOIN stored_events AS e ON e.local_id = substr(?1, place.value, 16)
"""
RECORDED_COLUMNS = ("hex(e.originator_id)", "e.originator_version", "e.topic", STATE, "e.rowid")

_IDS = "SELECT substr(?1, place.value, 16) FROM json_each(?2) AS place"

REJECTED_AMONG = f"local_id IN ({_IDS})"

_OLDEST_FIRST = "ORDER BY moment, first_rejected_at, rank LIMIT"

WAITING = """
SELECT waits_for, EXISTS (SELECT 1 FROM rejected_transactions WHERE due_at IS NOT NULL)
FROM rejected_transactions WHERE waits_for IS NOT NULL LIMIT ?
"""

WAITING_FOR = f"waits_for IS NOT NULL AND waits_for IN ({_IDS}) {_OLDEST_FIRST} ?3"

DUE = f"due_at IS NOT NULL {_OLDEST_FIRST} ?"

MARK_DUE = f"""
UPDATE rejected_transactions SET due_at = ?3
WHERE waits_for IS NOT NULL AND waits_for IN ({_IDS})
"""  # noqa: S608

OPEN_REJECTIONS = f"""
SELECT count(*) FROM (
    SELECT 1 FROM rejected_transactions
    WHERE actor = ? AND status = '{RejectionStatus.OPEN}'
      AND key_id IS NOT DISTINCT FROM ? LIMIT ?
) AS found
"""  # noqa: S608

COUNT = """
SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {column} = ? LIMIT ?) AS found
"""

REJECTIONS = f"rejection_id IN ({_IDS})"

OPEN_MALFORMED = f"""
malformed AND status = '{RejectionStatus.OPEN}' AND local_id IN ({_IDS})
"""

LOCKED_LEVELS = """
SELECT json_group_array(json_array(key, version, on_hand, active))
FROM json_each(?2) AS place JOIN stock_levels ON item_id = substr(?1, place.value, 16)
"""

LATEST = """
SELECT {columns}
FROM (SELECT key, substr(?1, value, 16) AS item_id FROM json_each(?2)) AS wanted
JOIN stored_events AS e ON e.originator_id = wanted.item_id AND e.originator_version = (
    SELECT max(originator_version) FROM stored_events WHERE originator_id = wanted.item_id)
LEFT JOIN stock_levels AS l ON l.item_id = wanted.item_id
"""
LATEST_COLUMNS = (
    "wanted.key", "e.originator_version", "e.topic", STATE,
    "l.name", "l.unit", "l.safety_stock", "l.on_hand", "l.version", "l.active",
)  # fmt: skip

EVENTS_OF = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = ? ORDER BY originator_version
"""

EVENTS_BEFORE = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = ? AND originator_version < ?
ORDER BY originator_version DESC LIMIT ?
"""

LAST_EVENT = """
SELECT originator_id, originator_version, topic, state
FROM stored_events ORDER BY rowid DESC LIMIT 1
"""

SELECT_EVENTS = """
SELECT originator_id, originator_version, topic, state
FROM stored_events
WHERE originator_id = ? AND originator_version > ? AND originator_version <= ?
ORDER BY originator_version {order} LIMIT ?
"""

EVENTS_AFTER = """
SELECT originator_id, originator_version, topic, state, rowid
FROM stored_events WHERE rowid > ? AND rowid <= ? {among} ORDER BY rowid LIMIT ?
"""

_IS_TYPED = """
typeof(originator_id) = 'blob' AND typeof(originator_version) = 'integer'
AND typeof(topic) = 'text' AND typeof(state) = 'blob' AND typeof(local_id) IN ('blob', 'null')
"""

# As they are stored, not as they are meant: a hash needs every byte.
ROWS_AFTER = f"""
SELECT rowid, CAST(ifnull(originator_id, '') AS BLOB), originator_version,
       CAST(ifnull(topic, '') AS BLOB), CAST(ifnull(state, '') AS BLOB), CAST(local_id AS BLOB),
       {_IS_TYPED}
FROM stored_events WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?
"""  # noqa: S608

# In hexadecimal, because JSON has no blobs.
ROWS_AFTER_AS_JSON = f"""
SELECT json_group_array(json_array(
    rowid, hex(originator_id), originator_version, hex(topic), hex(state),
    CASE WHEN local_id IS NOT NULL THEN hex(local_id) END, {_IS_TYPED}))
FROM (SELECT rowid, * FROM stored_events WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?)
"""  # noqa: S608

DELETE_EVENTS = "DELETE FROM stored_events WHERE rowid > ? AND rowid <= ?"

# Both read the index alone. An index without the event, or with another one, is noticed.
POSITIONS_OF = """
SELECT place.key, e.rowid
FROM json_each(?2) AS place JOIN stored_events AS e ON e.local_id = substr(?1, place.value, 16)
"""

POSITIONS_AT = """
SELECT place.key, e.rowid FROM json_each(?2) AS place
JOIN stored_events AS e ON e.originator_id = substr(?1, place.value ->> 0, 16)
     AND e.originator_version = place.value ->> 1
"""

INTEGRITY_CHECK = "PRAGMA integrity_check(1000)"

TAKEN = """
SELECT EXISTS (
    SELECT * FROM stored_events
    WHERE (local_id = ? OR (originator_id = ? AND originator_version = ?)) AND rowid <= ?)
"""

HEAD = "SELECT coalesce(max(rowid), 0) FROM stored_events"


_EVENT_COLUMNS: Final = ("originator_id", "originator_version", "topic", "state", "local_id")
EVENT_COLUMNS: Final = len(_EVENT_COLUMNS)


def append_events(number: int) -> str:
    """INSERT statement for `number` events at the next positions. It rolls the whole transaction
    back if a key is taken.

    SQLite copies each page that a bulk statement changes, if it may have to undo that statement
    alone. This one never fails alone, so SQLite copies nothing (docs/decisions/0034).
    """
    columns = ", ".join(_EVENT_COLUMNS)
    return f"INSERT OR ROLLBACK INTO stored_events ({columns}) {values(number, EVENT_COLUMNS)}"


def insert_events(number: int) -> str:
    """INSERT statement for `number` events with their positions."""
    return f"INSERT INTO stored_events {values(number, 1 + EVENT_COLUMNS)}"
