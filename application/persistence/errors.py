"""Errors of the database.

UnsupportedDatabase     the database URL is invalid, not supported, or names a missing file
SchemaMismatch          the database has another schema than this code
StoreUnavailable        the database can't be reached, or stayed locked for too long
  NotAllowed            the role lacks a right, or the database is read-only
  SchemaChanged         a newer version changed the tables since this process opened them
WriteConflict           another writer took a version or a `local_id` first
ReadCancelled           the read took too long, or its client has gone
AlreadyRunning          the same job is running on this ledger
"""

from uuid import UUID


class UnsupportedDatabase(ValueError):
    """The database URL is invalid, not supported, or names a missing file."""


class SchemaMismatch(Exception):
    """The database has another schema than this version of the code needs. Nothing was changed.

    The message says what to do.
    """


class StoreUnavailable(Exception):
    """The database can't be reached, or stayed locked for too long.

    Nothing was recorded. If the connection was lost during the commit, everything may be recorded.
    A retry is safe in both cases.
    """


class NotAllowed(StoreUnavailable):
    """The database role lacks a right, or the database is read-only."""


class SchemaChanged(StoreUnavailable):
    """A newer version of stockledger has changed the tables since this process opened them."""


class ReadCancelled(Exception):
    """The read took too long, or its client has gone."""


class AlreadyRunning(Exception):
    """Another process is doing the same job on this ledger: a rebuild, say."""


class WriteConflict(Exception):
    """Write conflict: another writer took a version or a `local_id` first. Nothing was recorded.

    `item_ids`: the conflicting items.
    """

    def __init__(self, item_ids: set[UUID]) -> None:
        super().__init__(f"write conflict on {len(item_ids)} items")
        self.item_ids = item_ids


def unique_violation(
    conflicting: set[UUID], refused: Exception
) -> WriteConflict | StoreUnavailable:
    """Maps a unique-constraint violation to the error to raise.

    WriteConflict if another writer took a version or a `local_id` of the conflicting items.
    Otherwise StoreUnavailable, because a retry would not help: a read model may have a stray row.
    """
    return WriteConflict(conflicting) if conflicting else StoreUnavailable(f"refused: {refused}")
