"""Errors of the database.

UnsupportedDatabase     the URL names no database that can be used
SchemaMismatch          the database has another schema than this code
StoreUnavailable        the database can't be reached, or stayed locked for too long
  NotAllowed            the role lacks a right, or the database is read-only
  SchemaChanged         a newer version changed the tables since this process opened them
WriteConflict           another writer took a version or a `local_id` first
ReadCancelled           the read took too long, or its client has gone
RebuildRunning          another rebuild of this ledger is at work
"""

from uuid import UUID


class UnsupportedDatabase(ValueError):
    """The database URL names no database that the ledger can be kept in."""


class StoreUnavailable(Exception):
    """The database can't be reached, or stayed locked for too long.

    Nothing was recorded; or all was, where the connection was lost amid the commit. Doing the same
    again is safe.
    """


class NotAllowed(StoreUnavailable):
    """The database's role may not do this, or the database can only be read."""


class SchemaChanged(StoreUnavailable):
    """A newer version of stockledger has changed the tables since this process opened them."""


class ReadCancelled(Exception):
    """The read took too long, or nobody waited for it any more."""


class RebuildRunning(Exception):
    """Another rebuild of this ledger is at work."""


class WriteConflict(Exception):
    """Another writer took a version or a `local_id` first. Nothing was recorded."""

    def __init__(self, item_ids: set[UUID]) -> None:
        super().__init__(f"lost the race for {len(item_ids)} items")
        self.item_ids = item_ids


def unique_violation(
    conflicting: set[UUID], refused: Exception
) -> WriteConflict | StoreUnavailable:
    """What it means that the database refused what these items' events write: where no other writer
    took anything, something is wrong that trying again would not mend, such as a row in a read
    model that should not be there."""
    return WriteConflict(conflicting) if conflicting else StoreUnavailable(f"refused: {refused}")
