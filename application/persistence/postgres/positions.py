"""Low-water marks: followers read positions in order and skip no event, without a lock for writers.

Positions come from a sequence, and writers commit in any order. An event may therefore appear at a
position that a follower has already passed, and be missed. So before a writer takes positions, it
announces its low-water mark: the last position taken so far. Its own positions will be higher. A
follower reads only up to the lowest low-water mark of the writers at work.

A low-water mark is the key of a shared advisory lock that lives as long as its transaction.
PostgreSQL releases it after the commit is visible, even if the process dies. No process waits for
it. A standby does not see the locks of the primary, so a ledger cannot be followed there.

Two orders make this correct:

- A writer reads the sequence, then takes the lock, then takes its positions.
- A follower reads the sequence, then looks at the locks, then takes the snapshot that it reads
  the events from. A writer that it did not see has either ended, and is in the snapshot, or takes
  its positions later, above the value that the follower read from the sequence.
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
