"""Event format: stored events stay readable for people and for every later version."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from eventsourcing.utils import get_topic, resolve_topic

from application.ledger.event_mapper import EventMapper, JSONTranscoder
from domain import barcode, events
from domain.barcode import BARCODE_TOPICS
from domain.events import LedgerEvent, StockItemEvent

pytestmark = pytest.mark.pure

STORED = json.loads((Path(__file__).parent / "stored_events.json").read_text())
ITEM = UUID("25611397-d162-5417-9427-6c759c4ceb9c")
MAPPER = EventMapper(JSONTranscoder())


def stored(topic: str, state: dict[str, Any], version: int = 2) -> StoredEvent:
    return StoredEvent(ITEM, version, topic, json.dumps(state).encode())


@pytest.mark.parametrize("example", STORED, ids=lambda example: str(example["topic"]))
def test_events_as_they_were_first_released_can_be_read_for_ever(example: dict[str, Any]) -> None:
    """Never edit the file: a changed event class gets a new `class_version` and an upcast."""
    event = MAPPER.to_domain_event(stored(example["topic"], example["state"]))
    assert type(event) is resolve_topic(example["topic"])
    for field, value in example["reads_as"].items():
        assert str(getattr(event, field)) == str(value)


@pytest.mark.parametrize("example", STORED, ids=lambda example: str(example["topic"]))
def test_stored_state_is_compact_and_comes_out_as_it_went_in(example: dict[str, Any]) -> None:
    event = MAPPER.to_domain_event(stored(example["topic"], example["state"]))
    again = MAPPER.to_stored_event(event)
    assert json.loads(again.state) == example["state"]
    assert b" :" not in again.state
    assert b"null" not in again.state
    assert MAPPER.to_domain_event(again) == event


def test_every_event_class_is_in_the_file() -> None:
    topics = {example["topic"] for example in STORED}
    classes = {
        event_class.__dict__["TOPIC"]
        for event_class in (*vars(events).values(), *vars(barcode).values())
        if isinstance(event_class, type)
        and issubclass(event_class, LedgerEvent)
        and "TOPIC" in event_class.__dict__
    }
    assert topics == classes


class Weighed(StockItemEvent):
    """An event class that changed twice since its first release."""

    TOPIC = "tests.Weighed"
    class_version: ClassVar[int] = 3
    grams: int
    balance: str

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["grams"] = state.pop("kilograms") * 1000

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["balance"] = "unknown"


BASE = {
    "timestamp": "2026-01-08T00:20:11.482Z",
    "location": "main",
    "sku": "TEA-250",
    "on_hand": 3,
    "actor": "clerk",
}


@pytest.mark.parametrize(
    ("state", "grams", "balance"),
    [
        (BASE | {"kilograms": 2}, 2000, "unknown"),
        (BASE | {"grams": 7, "class_version": 2}, 7, "unknown"),
        (BASE | {"grams": 7, "balance": "A", "class_version": 3}, 7, "A"),
    ],
)
def test_stored_event_of_an_older_class_version_is_brought_up_to_date(
    state: dict[str, Any], grams: int, balance: str
) -> None:
    event = MAPPER.to_domain_event(stored(get_topic(Weighed), state))
    assert isinstance(event, Weighed)
    assert (event.grams, event.balance, event.on_hand) == (grams, balance, 3)
    assert event.timestamp == datetime(2026, 1, 8, 0, 20, 11, 482_000, tzinfo=UTC)
    assert json.loads(MAPPER.to_stored_event(event).state)["class_version"] == 3


@pytest.mark.parametrize(
    "state", [b"{", b"{}", b"[]", json.dumps(BASE | {"on_hand": "many"}).encode()]
)
def test_damaged_event_is_named(state: bytes) -> None:
    damaged = StoredEvent(ITEM, 2, "InboundRecorded", state)
    for read in [MAPPER.to_domain_event, MAPPER.to_base]:
        with pytest.raises(MapperDeserialisationError, match=f"event 2 of item {ITEM}"):
            read(damaged)


@pytest.mark.parametrize(
    "example",
    [one for one in STORED if one["topic"] not in BARCODE_TOPICS],
    ids=lambda example: str(example["topic"]),
)
def test_base_is_the_same_as_in_the_whole_event(example: dict[str, Any]) -> None:
    event = MAPPER.to_domain_event(stored(example["topic"], example["state"]))
    assert isinstance(event, StockItemEvent)
    base = MAPPER.to_base(stored(example["topic"], example["state"]))
    assert (base.timestamp, base.location, base.sku, base.on_hand) == (
        event.timestamp,
        event.location,
        event.sku,
        event.on_hand,
    )
