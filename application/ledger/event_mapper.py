"""Event encoding: compact JSON that a person can read, under topics that never change.

docs/decisions/0004-event-encoding.md compares its cost with other encodings.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, NotRequired, TypedDict, cast, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import TopicError, get_topic, resolve_topic

from domain.events import ItemDiscontinued, LedgerEvent
from domain.labels import kept_form

_COLUMNS = ("originator_id", "originator_version")
"""Fields with a column of their own. They are not part of the state."""


_LABELS = ("location", "sku", "code")


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
    """Common base of an item's events, in every version of their classes: enough to decide a
    movement."""

    timestamp: datetime
    location: str
    sku: str
    on_hand: int
    counted_at: datetime | None = None
    scale: int = 0
    floor: int = 0
    discontinued_at: datetime | None = None
    provisional: bool | None = None


class Recording(msgspec.Struct):
    """When an event was recorded."""

    timestamp: datetime


class EventMapper(Mapper[UUID]):
    """Maps events to stored events and back. Omits fields that have their default. Restores all
    types.

    Upcasting follows the library: an event class with `class_version` N has static methods
    `upcast_v1_v2` … that convert an old state to the next version.
    """

    _base_decoder = msgspec.json.Decoder(EventBase)
    _recording_decoder = msgspec.json.Decoder(Recording)

    def to_base(self, stored_event: StoredEvent) -> EventBase:
        """Decodes only the common base of an item's event, at half the cost of the whole event.

        Raises MapperDeserialisationError: the state can't be read.
        """
        try:
            base = self._base_decoder.decode(stored_event.state)
        except msgspec.MsgspecError as error:
            raise _unreadable(stored_event, error) from error
        base.location, base.sku = kept_form(base.location), kept_form(base.sku)
        if stored_event.topic == ItemDiscontinued.TOPIC and base.discontinued_at is None:
            base.discontinued_at = base.timestamp  # An event from before this field.
        return base

    def to_timestamp(self, stored_event: StoredEvent) -> datetime:
        """Decodes only when an event was recorded. Raises MapperDeserialisationError."""
        try:
            return self._recording_decoder.decode(stored_event.state).timestamp
        except msgspec.MsgspecError as error:
            raise _unreadable(stored_event, error) from error

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        event_class = cast("type[LedgerEvent]", type(domain_event))
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            get_topic(event_class),
            self.transcoder.encode(_state_of(event_class)(domain_event)),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        try:
            event_class: type[LedgerEvent] = resolve_topic(stored_event.topic)
            values = _state_reader(event_class)(stored_event.state)
        except (msgspec.MsgspecError, AttributeError, TypeError, TopicError) as error:
            raise _unreadable(stored_event, error) from error
        # Older events may have their labels in another Unicode form.
        for name in _LABELS:
            if name in values:
                values[name] = kept_form(values[name])
        values["originator_id"] = stored_event.originator_id
        values["originator_version"] = stored_event.originator_version
        return cast("DomainEventProtocol[UUID]", event_class.of(values))


@cache
def _state_of(event_class: type[LedgerEvent]) -> Callable[[object], msgspec.Struct]:
    """Function from an event to its state: a struct, encoded without a dictionary."""
    fields = sorted(_stored_fields(event_class), key=len)  # Those without a default come first.
    values_of = attrgetter(*(name for name, *_ in fields))
    version = _class_version(event_class)
    if version == 1:
        state_type = msgspec.defstruct(event_class.__name__, fields, omit_defaults=True)
        return lambda event: state_type(*values_of(event))
    versioned = [*fields, ("class_version", int, 1)]
    versioned_type = msgspec.defstruct(event_class.__name__, versioned, omit_defaults=True)
    return lambda event: versioned_type(*values_of(event), version)


@cache
def _state_reader(event_class: type[LedgerEvent]) -> Callable[[bytes], dict[str, Any]]:
    """Decoder of states stored by any version of the class. What was left out has the default of
    the class, which needs no place in the event."""
    state_type = _state_type(event_class)
    if _class_version(event_class) == 1:
        return msgspec.json.Decoder(state_type).decode
    return lambda data: msgspec.convert(_upcast(event_class, data), state_type)


def _upcast(event_class: type[LedgerEvent], data: bytes) -> dict[str, Any]:
    state: dict[str, Any] = msgspec.json.decode(data)
    version = state.pop("class_version", 1)
    while version < _class_version(event_class):
        getattr(event_class, f"upcast_v{version}_v{version + 1}")(state)
        version += 1
    return state


def _class_version(event_class: type) -> int:
    version: int = getattr(event_class, "class_version", 1)
    return version


def _state_type(event_class: type[LedgerEvent]) -> Any:
    """A typed dictionary with the stored fields of an event, decoded in one pass."""
    types = {
        name: hint if not default else NotRequired[hint]
        for name, hint, *default in _stored_fields(event_class)
    }
    return TypedDict(event_class.__name__, types)  # type: ignore[operator]


def _stored_fields(event_class: type[LedgerEvent]) -> Iterator[tuple[Any, ...]]:
    hints = get_type_hints(event_class)
    for field in fields(event_class):
        if field.name not in _COLUMNS:
            default = () if field.default is MISSING else (field.default,)
            yield (field.name, hints[field.name], *default)


def _unreadable(stored_event: StoredEvent, error: Exception) -> MapperDeserialisationError:
    return MapperDeserialisationError(
        f"event {stored_event.originator_version} of item {stored_event.originator_id} "
        f"({stored_event.topic}) can't be read: {error}"
    )
