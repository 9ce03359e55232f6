"""Stored events as entries of the log."""

from uuid import UUID

from application.persistence.tree_reader import EventRow
from proof.entry import encode_entry
from proof.merkle import leaf_hash


def entry_of(row: EventRow) -> bytes:
    """Returns the entry of a stored event. A damaged event has an entry, too: another one."""
    stream_id = row.stream_id
    readable = str(UUID(bytes=stream_id)) if len(stream_id) == 16 else stream_id.hex()  # noqa: PLR2004
    return encode_entry(row.position, readable, row.version, row.topic, row.state)


def leaf_of(row: EventRow) -> bytes:
    """Returns the hash of an event's leaf."""
    return leaf_hash(entry_of(row))
