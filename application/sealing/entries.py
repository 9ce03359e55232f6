"""Stored events as entries of the log."""

from functools import lru_cache
from typing import Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.persistence.tree_reader import EventRow
from proof.entry import encode_entry
from proof.merkle import leaf_hash

CACHED_IDS: Final = 20_000
"""Ids in memory as text: the same items have events again and again."""


def entry_of(row: EventRow) -> bytes:
    """Returns the entry of a stored event. A damaged event has an entry, too: another one."""
    return encode_entry(row.position, _readable(row.stream_id), row.version, row.topic, row.state)


def leaf_of(row: EventRow) -> bytes:
    """Returns the hash of an event's leaf."""
    return leaf_hash(entry_of(row))


def leaf_of_event(position: int, event: StoredEvent) -> bytes:
    """Returns the same for an event that was not read from a row."""
    stream_id = _readable(cast("UUID", event.originator_id).bytes)
    return leaf_hash(
        encode_entry(
            position, stream_id, event.originator_version, event.topic.encode(), event.state
        )
    )


@lru_cache(CACHED_IDS)
def _readable(stream_id: bytes) -> str:
    """Returns an id as text: a UUID, unless it is damaged."""
    text = stream_id.hex()
    if len(stream_id) != 16:  # noqa: PLR2004
        return text
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
