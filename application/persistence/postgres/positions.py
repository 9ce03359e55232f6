"""Positions without gaps for those who follow the ledger, without a lock that writers queue for.

Positions come from a sequence, and writers commit in any order: an event may appear at a position
that a follower has passed already, and would be missed. So a writer makes known, before it takes
its positions, that they will lie above the last one taken so far: its low-water mark. A follower
reads only up to the lowest low-water mark of the writers at work.

A low-water mark is the key of a shared advisory lock that lives as long as its transaction.
PostgreSQL frees it after the commit has become visible, and whatever becomes of the process. Nobody
ever waits for it. Standbys don't see the locks of the primary, so nobody can follow a ledger there.

Two orders make this sound:

- A writer reads the sequence, then takes the lock, then takes its positions.
- A follower reads the sequence, then looks at the locks, then takes the snapshot that it reads
  the events from. A writer that it did not see had either ended, and is in the snapshot, or takes
  its positions later, above what the follower found in the sequence.
"""

from typing import Any, Final

from psycopg import Connection

from application.persistence.errors import StoreUnavailable
from application.persistence.postgres.datastore import execute

SEQUENCE: Final = "stored_events_notification_id_seq"

_TAG: Final = 0x534C
"""The upper 16 bits of a low-water mark's key, to tell it from other advisory locks."""

_LAST_TAKEN = "CASE WHEN is_called THEN last_value ELSE 0 END"

ANNOUNCE_LOW_WATER_MARK: Final = (
    f"SELECT pg_advisory_xact_lock_shared({_TAG}::bigint << 48 | {_LAST_TAKEN}) FROM {SEQUENCE}"  # noqa: S608
)

TAKE_POSITIONS: Final = f"SELECT nextval('{SEQUENCE}') FROM generate_series(1, %b)"  # noqa: S608

SET_POSITION: Final = f"SELECT setval('{SEQUENCE}', %s)"
"""As if all positions up to this one had been taken."""

_READ_LAST_TAKEN = f"SELECT {_LAST_TAKEN}, pg_is_in_recovery() FROM {SEQUENCE}"  # noqa: S608

# A key of 64 bits is shown in two halves, as unsigned numbers.
_READ_LOWEST_MARK = f"""
SELECT min((classid::bigint & 65535) << 32 | objid::bigint)
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {_TAG}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608


def horizon(connection: Connection[Any]) -> int:
    """The position up to which the ledger can be followed: what a snapshot taken from now on lacks
    there will never be there. Raises StoreUnavailable on a standby.
    """
    with connection.pipeline():
        sequence = execute(connection, _READ_LAST_TAKEN)
        marks = execute(connection, _READ_LOWEST_MARK)
        ((last_taken, is_standby),) = sequence.fetchall()
        ((lowest_mark,),) = marks.fetchall()
    if is_standby:
        raise StoreUnavailable("a standby can't tell which positions are settled")
    return int(last_taken if lowest_mark is None else min(last_taken, lowest_mark))
