"""SQL of PostgreSQL for events and rejected transactions. See tables.py for read models."""

from application.tables.rejected import RejectionStatus

# A fixed lock order, so that two units of work can't deadlock.
LOCK = """
SELECT item_id, version, on_hand, active
FROM stock_levels WHERE item_id = ANY(%b) ORDER BY item_id FOR NO KEY UPDATE
"""

# The lock order of a unit of work, so that the two can't deadlock.
EXCLUDE_WRITERS = "LOCK TABLE stock_levels, stored_events IN EXCLUSIVE MODE"

RECORDED = """
SELECT originator_id, originator_version, topic, state, notification_id
FROM stored_events WHERE local_id = ANY(%b)
"""

# Sorted, so that two units of work can't deadlock.
LOCK_UNREGISTERED = """
SELECT pg_advisory_xact_lock(hashtextextended(item_id::text, 0))
FROM (SELECT unnest(%b::uuid[]) AS item_id ORDER BY 1) AS wanted
"""

REJECTED_AMONG = "local_id = ANY(%b)"

_OLDEST_FIRST = "ORDER BY moment, first_rejected_at, rank LIMIT %s"

WAITING = """
SELECT waits_for, EXISTS (SELECT FROM rejected_transactions WHERE due_at IS NOT NULL)
FROM rejected_transactions WHERE waits_for IS NOT NULL LIMIT %s
"""

WAITING_FOR = f"waits_for = ANY(%b) {_OLDEST_FIRST} FOR UPDATE"

DUE = f"due_at IS NOT NULL {_OLDEST_FIRST}"

MARK_DUE = "UPDATE rejected_transactions SET due_at = %s WHERE waits_for = ANY(%b)"

OPEN_REJECTIONS = f"""
SELECT count(*) FROM (
    SELECT 1 FROM rejected_transactions
    WHERE actor = %s AND status = '{RejectionStatus.OPEN}'
      AND key_id IS NOT DISTINCT FROM %s::text LIMIT %s
) AS found
"""  # noqa: S608

COUNT = """
SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {column} = %s LIMIT %s) AS found
"""

REJECTIONS = "rejection_id = ANY(%b) ORDER BY rejection_id FOR UPDATE"

OPEN_MALFORMED = f"""
malformed AND status = '{RejectionStatus.OPEN}' AND local_id = ANY(%b)
ORDER BY rejection_id FOR UPDATE
"""

LATEST = """
SELECT e.originator_id, e.originator_version, e.topic, e.state,
       l.name, l.unit, l.safety_stock, l.on_hand, l.version, l.active
FROM unnest(%b::uuid[]) AS wanted (item_id)
CROSS JOIN LATERAL (
    SELECT * FROM stored_events WHERE originator_id = wanted.item_id
    ORDER BY originator_version DESC LIMIT 1
) AS e
LEFT JOIN stock_levels AS l ON l.item_id = wanted.item_id
"""

EVENTS_OF = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = %s ORDER BY originator_version
"""

EVENTS_BEFORE = """
SELECT originator_id, originator_version, topic, state
FROM stored_events WHERE originator_id = %s AND originator_version < %s
ORDER BY originator_version DESC LIMIT %s
"""

LAST_EVENT = """
SELECT originator_id, originator_version, topic, state
FROM stored_events ORDER BY notification_id DESC LIMIT 1
"""

EVENTS_AFTER = """
SELECT originator_id, originator_version, topic, state, notification_id
FROM stored_events
WHERE notification_id > %s AND notification_id <= %s AND (%s OR topic = ANY(%b::text[]))
ORDER BY notification_id LIMIT %s
"""

INSERT_EVENTS = """
INSERT INTO stored_events
    (notification_id, originator_id, originator_version, topic, state, local_id)
SELECT * FROM unnest(%b::bigint[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::uuid[])
"""

# One at a time: two processes that create the same table would collide in the catalogue.
LOCK_SCHEMA = "SELECT pg_advisory_xact_lock(hashtextextended('stockledger schema', 0))"

# The catalogue, not information_schema, which hides tables without a right of this role.
COLUMNS = """
SELECT attname, format_type(atttypid, NULL)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = current_schema()::regnamespace AND relname = %s
  AND attnum > 0 AND NOT attisdropped
"""

# Not to_regclass: its answer may be from before the wait for LOCK_SCHEMA.
TABLE_EXISTS = """
SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s)
"""

# A UNION, so that each half is a look-up by key.
CONFLICTING = """
WITH wanted (item_id, version, local_id) AS (
    SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::uuid[])
)
SELECT item_id FROM wanted JOIN stored_events USING (local_id)
UNION
SELECT item_id FROM wanted
JOIN stored_events ON originator_id = item_id AND originator_version = version
"""

# The setting of the database may be off, for all other commits.
FLUSH_AT_COMMIT = "SET LOCAL synchronous_commit TO on"

LAST_UP_TO = """
SELECT coalesce(max(notification_id), 0) FROM stored_events WHERE notification_id <= %s
"""

# As they are stored, not as they are meant: a hash needs every byte.
ROWS_AFTER = """
SELECT notification_id, uuid_send(originator_id), originator_version, convert_to(topic, 'UTF8'),
       state, uuid_send(local_id)
FROM stored_events WHERE notification_id > %s AND notification_id <= %s
ORDER BY notification_id LIMIT %s
"""

DELETE_EVENTS = "DELETE FROM stored_events WHERE notification_id > %s AND notification_id <= %s"

POSITIONS_OF = """
SELECT place - 1, notification_id
FROM unnest(%b::uuid[]) WITH ORDINALITY AS wanted (local_id, place)
JOIN stored_events USING (local_id)
"""

POSITIONS_AT = """
SELECT place - 1, notification_id
FROM unnest(%b::uuid[], %b::bigint[]) WITH ORDINALITY AS wanted (item_id, version, place)
JOIN stored_events ON originator_id = item_id AND originator_version = version
"""

# No idle timeout: the transaction that holds the lock is idle during the whole job.
TRY_JOB_LOCK = """
SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0)),
       set_config('idle_in_transaction_session_timeout', '0', true)
"""
