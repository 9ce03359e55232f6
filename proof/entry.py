"""The entry of an event in the log: the bytes that its leaf hashes.

    stockledger/event/v1
    POSITION ITEM-ID VERSION TOPIC
    STATE

Position and version are decimal numbers, the id is a UUID in lower case with hyphens, and the state
has the bytes that the ledger stored. Each field but the last ends at a byte that it can't have, so
two events never have one entry.
"""

import json
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from proof.encoding import read_number
from proof.errors import ProofError
from proof.merkle import leaf_hash

_FORMAT: Final = b"stockledger/event/v1\n"


def encode_entry(position: int, stream_id: str, version: int, topic: bytes, state: bytes) -> bytes:
    """Returns the entry of an event.

    Args:
        position: in the order of the ledger.
        stream_id: the UUID of the item or code.
        version: of the item or code after the event.
        topic: the kind of the event.
        state: the stored bytes of the event.
    """
    head = f"{position} {stream_id} {version} ".encode()
    return b"".join((_FORMAT, head, topic, b"\n", state))


class Entry(NamedTuple):
    """An event, as its entry tells it."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: bytes

    @classmethod
    def parse(cls, entry: bytes) -> Self:
        """Reads an entry. Raises ProofError: it is no entry of an event."""
        if not entry.startswith(_FORMAT):
            raise ProofError("not the entry of an event")
        head, separator, state = entry.removeprefix(_FORMAT).partition(b"\n")
        try:
            position, stream_id, version, topic = head.decode().split(" ")
            found = cls(read_number(position), UUID(stream_id), read_number(version), topic, state)
        except ValueError:
            separator = b""
        if not separator or found.encoded != entry:
            raise ProofError("not the entry of an event: its head can't be read")
        return found

    @property
    def encoded(self) -> bytes:
        """The bytes of the entry."""
        return encode_entry(
            self.position, str(self.stream_id), self.version, self.topic.encode(), self.state
        )

    @property
    def leaf(self) -> bytes:
        """The hash of its leaf."""
        return leaf_hash(self.encoded)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the event. Raises ProofError: the state is no JSON object."""
        try:
            fields = json.loads(self.state)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise ProofError("the state of the event is not a JSON object")
        return fields
