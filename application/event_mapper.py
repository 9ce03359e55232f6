"""How events are stored: compact JSON that a person can read, under topics that never change.

Measured on the event of one movement (µs, encode and decode, in one run): the library's JSON
transcoder 14.4 and 10.8; msgspec 0.8 and, checked against the event's types, 5.9.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import get_topic, resolve_topic

_COLUMNS = frozenset({"originator_id", "originator_version"})


class JSONTranscoder(Transcoder):
    """JSON by msgspec: UUIDs and instants as text, no type markers."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder()

    def encode(self, obj: Any) -> bytes:
        return self._encoder.encode(obj)

    def decode(self, data: bytes) -> Any:
        return self._decoder.decode(data)


class EventBase(msgspec.Struct):
    """What every event says, in every version of its class: enough to judge a movement by."""

    timestamp: datetime
    location: str
    sku: str
    on_hand: int
    counted_at: datetime | None = None


class EventMapper(Mapper[UUID]):
    """Leaves out what an event does not say, and gives every field its type back.

    Upcasting is the library's: an event class with `class_version` N has static methods
    `upcast_v1_v2` … that bring an old state up to date.
    """

    _base_decoder = msgspec.json.Decoder(EventBase)

    def to_base(self, stored_event: StoredEvent) -> EventBase:
        """The event's base alone, at a fifth of the cost of the event."""
        try:
            return self._base_decoder.decode(stored_event.state)
        except msgspec.MsgspecError as error:
            raise _unreadable(stored_event, error) from error

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        event_class = type(domain_event)
        state = {
            field: value
            for field, value in vars(domain_event).items()
            if value is not None and field not in _COLUMNS
        }
        class_version = getattr(event_class, "class_version", 1)
        if class_version > 1:
            state["class_version"] = class_version
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=get_topic(event_class),
            state=self.transcoder.encode(state),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        event_class = resolve_topic(stored_event.topic)
        try:
            state = self.transcoder.decode(stored_event.state)
            version = state.pop("class_version", 1)
            while version < getattr(event_class, "class_version", 1):
                getattr(event_class, f"upcast_v{version}_v{version + 1}")(state)
                version += 1
            state["originator_id"] = stored_event.originator_id
            state["originator_version"] = stored_event.originator_version
            event: DomainEventProtocol[UUID] = msgspec.convert(state, event_class)
        except (msgspec.MsgspecError, AttributeError, TypeError) as error:
            raise _unreadable(stored_event, error) from error
        return event


def _unreadable(stored_event: StoredEvent, error: Exception) -> MapperDeserialisationError:
    return MapperDeserialisationError(
        f"event {stored_event.originator_version} of item {stored_event.originator_id} "
        f"({stored_event.topic}) can't be read: {error}"
    )
