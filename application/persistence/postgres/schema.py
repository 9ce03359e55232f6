"""Schema on PostgreSQL: tables that cannot be rebuilt from events, and the upgrade steps."""

from typing import Final

# Column names are the library's. Positions do not come from the column's default: a writer takes
# them before it inserts.
_EVENTS = """
CREATE TABLE stored_events (
    notification_id bigserial PRIMARY KEY,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    local_id uuid UNIQUE,
    UNIQUE (originator_id, originator_version)
)
"""

_READABLE_EVENTS = """
CREATE VIEW readable_events AS
SELECT notification_id AS position, originator_id AS item_id, originator_version AS version,
       topic AS event, convert_from(state, 'UTF8')::jsonb AS state
FROM stored_events
"""

EVENTS: Final = (_EVENTS, _READABLE_EVENTS)

FIRST: Final = {
    "stored_events": {
        "notification_id": "bigint",
        "originator_id": "uuid",
        "originator_version": "bigint",
        "topic": "text",
        "state": "bytea",
        "local_id": "uuid",
    },
    "api_keys": {
        "key_id": "text",
        "digest": "text",
        "name": "text",
        "role": "text",
        "location_list": "text",
        "created_at": "timestamp with time zone",
        "created_by": "text",
        "expires_at": "timestamp with time zone",
        "revoked_at": "timestamp with time zone",
    },
    "audit_log": {
        "entry_id": "uuid",
        "recorded_at": "timestamp with time zone",
        "action": "text",
        "actor": "text",
        "key_id": "text",
        "address": "text",
        "request_id": "text",
        "detail": "text",
    },
    "rejected_transactions": {
        "rejection_id": "uuid",
        "local_id": "uuid",
        "item_id": "uuid",
        "location": "text",
        "element": "text",
        "malformed": "boolean",
        "code": "text",
        "message": "text",
        "detail_object": "text",
        "actor": "text",
        "key_id": "text",
        "device": "text",
        "first_rejected_at": "timestamp with time zone",
        "rejected_at": "timestamp with time zone",
        "standing": "text",
        "closed_at": "timestamp with time zone",
        "closed_by": "text",
        "closing_reason": "text",
    },
}

STEPS: Final = {
    2: (
        """
        CREATE TABLE ledger_properties (
            name text COLLATE "C" NOT NULL PRIMARY KEY, value text COLLATE "C" NOT NULL
        )
        """,
        "CREATE INDEX rejected_by_actor ON rejected_transactions (actor, standing)",
    ),
    3: ("ALTER TABLE rejected_transactions ADD COLUMN moved_at timestamptz",),
    4: ("ALTER TABLE rejected_transactions RENAME COLUMN standing TO status",),
    5: (
        'ALTER TABLE api_keys ADD COLUMN extra_list text COLLATE "C"',
        'ALTER TABLE api_keys ADD COLUMN replaces text COLLATE "C"',
        """
        ALTER TABLE rejected_transactions
            ADD COLUMN moment timestamptz,
            ADD COLUMN rank bigint,
            ADD COLUMN role text COLLATE "C",
            ADD COLUMN location_list text COLLATE "C",
            ADD COLUMN waits_for uuid,
            ADD COLUMN due_at timestamptz,
            ADD COLUMN group_id uuid
        """,
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
            digest text COLLATE "C" NOT NULL PRIMARY KEY,
            key_id text COLLATE "C",
            actor text COLLATE "C" NOT NULL,
            role text COLLATE "C",
            location_list text COLLATE "C",
            created_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL
        )
        """,
        "CREATE INDEX sessions_by_end ON sessions (ends_at)",
        "CREATE INDEX rejected_by_place ON rejected_transactions (closed_at, location)",
    ),
    8: (
        """
        CREATE TABLE tree_tiles (
            tile_id bigint NOT NULL PRIMARY KEY,
            hashes bytea NOT NULL,
            root bytea NOT NULL,
            last_position bigint NOT NULL
        )
        """,
        "CREATE INDEX tree_tiles_by_position ON tree_tiles (last_position)",
        """
        CREATE TABLE checkpoints (
            checkpoint_id text COLLATE "C" NOT NULL PRIMARY KEY,
            epoch bigint NOT NULL,
            size bigint NOT NULL,
            position bigint NOT NULL,
            note text COLLATE "C" NOT NULL,
            signed_at timestamptz NOT NULL
        )
        """,
        "CREATE INDEX checkpoints_by_time ON checkpoints (signed_at)",
        """
        CREATE TABLE declarations (
            number bigint NOT NULL PRIMARY KEY,
            kind text COLLATE "C" NOT NULL,
            note text COLLATE "C" NOT NULL,
            made_at timestamptz NOT NULL
        )
        """,
    ),
    9: (),  # The journal without its index by item.
}
