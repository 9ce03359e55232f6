"""Schema on SQLite: tables that cannot be rebuilt from events, and the upgrade steps."""

from typing import Final

# INTEGER PRIMARY KEY, because VACUUM keeps its values, and so the positions. It may change an
# implicit rowid. Column names are the library's.
_EVENTS = """
CREATE TABLE stored_events (
    rowid INTEGER PRIMARY KEY,
    originator_id BLOB NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    local_id BLOB UNIQUE,
    UNIQUE (originator_id, originator_version)
)
"""

_READABLE_EVENTS = """
CREATE VIEW readable_events AS
SELECT rowid AS position, lower(hex(originator_id)) AS item_id, originator_version AS version,
       topic AS event, CAST(state AS TEXT) AS state
FROM stored_events
"""

EVENTS: Final = (_EVENTS, _READABLE_EVENTS)

# Rows that are facts. An attacker can drop the triggers; a slip of the hand can't.
GUARDS: Final = tuple(
    f"""
    CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END
    """
    for table in ("stored_events", "tree_tiles", "checkpoints", "declarations")
    for verb in ("UPDATE", "DELETE")
)

FIRST: Final = {
    "stored_events": {
        "rowid": "INTEGER",
        "originator_id": "BLOB",
        "originator_version": "INTEGER",
        "topic": "TEXT",
        "state": "BLOB",
        "local_id": "BLOB",
    },
    "api_keys": {
        "key_id": "TEXT",
        "digest": "TEXT",
        "name": "TEXT",
        "role": "TEXT",
        "location_list": "TEXT",
        "created_at": "TEXT",
        "created_by": "TEXT",
        "expires_at": "TEXT",
        "revoked_at": "TEXT",
    },
    "audit_log": {
        "entry_id": "BLOB",
        "recorded_at": "TEXT",
        "action": "TEXT",
        "actor": "TEXT",
        "key_id": "TEXT",
        "address": "TEXT",
        "request_id": "TEXT",
        "detail": "TEXT",
    },
    "rejected_transactions": {
        "rejection_id": "BLOB",
        "local_id": "BLOB",
        "item_id": "BLOB",
        "location": "TEXT",
        "element": "TEXT",
        "malformed": "INTEGER",
        "code": "TEXT",
        "message": "TEXT",
        "detail_object": "TEXT",
        "actor": "TEXT",
        "key_id": "TEXT",
        "device": "TEXT",
        "first_rejected_at": "TEXT",
        "rejected_at": "TEXT",
        "standing": "TEXT",
        "closed_at": "TEXT",
        "closed_by": "TEXT",
        "closing_reason": "TEXT",
    },
}

STEPS: Final = {
    2: (
        "CREATE TABLE ledger_properties (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE INDEX rejected_by_actor ON rejected_transactions (actor, standing)",
    ),
    3: ("ALTER TABLE rejected_transactions ADD COLUMN moved_at TEXT",),
    4: ("ALTER TABLE rejected_transactions RENAME COLUMN standing TO status",),
    5: (
        "ALTER TABLE api_keys ADD COLUMN extra_list TEXT",
        "ALTER TABLE api_keys ADD COLUMN replaces TEXT",
        "ALTER TABLE rejected_transactions ADD COLUMN moment TEXT",
        "ALTER TABLE rejected_transactions ADD COLUMN rank INTEGER",
        "ALTER TABLE rejected_transactions ADD COLUMN role TEXT",
        "ALTER TABLE rejected_transactions ADD COLUMN location_list TEXT",
        "ALTER TABLE rejected_transactions ADD COLUMN waits_for BLOB",
        "ALTER TABLE rejected_transactions ADD COLUMN due_at TEXT",
        "ALTER TABLE rejected_transactions ADD COLUMN group_id BLOB",
        """
        CREATE INDEX rejected_by_wait ON rejected_transactions (waits_for, moment)
        WHERE waits_for IS NOT NULL
        """,
        "CREATE INDEX rejected_due ON rejected_transactions (due_at) WHERE due_at IS NOT NULL",
        """
        CREATE INDEX rejected_by_group ON rejected_transactions (group_id)
        WHERE group_id IS NOT NULL
        """,
    ),
    6: (),  # Codes, and provisional items: read models.
    7: (
        """
        CREATE TABLE sessions (
            digest TEXT NOT NULL PRIMARY KEY,
            key_id TEXT,
            actor TEXT NOT NULL,
            role TEXT,
            location_list TEXT,
            created_at TEXT NOT NULL,
            seen_at TEXT NOT NULL,
            ends_at TEXT NOT NULL
        )
        """,
        "CREATE INDEX sessions_by_end ON sessions (ends_at)",
        "CREATE INDEX rejected_by_place ON rejected_transactions (closed_at, location)",
    ),
    8: (
        """
        CREATE TABLE tree_tiles (
            tile_id INTEGER NOT NULL PRIMARY KEY,
            hashes BLOB NOT NULL,
            root BLOB NOT NULL,
            last_position INTEGER NOT NULL
        )
        """,
        "CREATE INDEX tree_tiles_by_position ON tree_tiles (last_position)",
        """
        CREATE TABLE checkpoints (
            checkpoint_id TEXT NOT NULL PRIMARY KEY,
            epoch INTEGER NOT NULL,
            size INTEGER NOT NULL,
            position INTEGER NOT NULL,
            note TEXT NOT NULL,
            signed_at TEXT NOT NULL
        )
        """,
        "CREATE INDEX checkpoints_by_time ON checkpoints (signed_at)",
        """
        CREATE TABLE declarations (
            number INTEGER NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            note TEXT NOT NULL,
            made_at TEXT NOT NULL
        )
        """,
        *GUARDS,
    ),
    9: (),  # The journal without its index by item.
}
