"""Barcodes: a code belongs to one SKU at a location, and counts a number of base units.

The ledger keeps codes unique. It never resolves one inside a movement: the device does, with its
copy, because a code may be reassigned between the scan and the sync.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self, TypeVar
from uuid import UUID, uuid5

from eventsourcing.utils import register_topic

from domain.actor import Actor
from domain.errors import CodeTaken, Invalid, UnknownCode
from domain.events import LedgerEvent
from domain.labels import kept_form, label
from domain.quantities import MAX_SCALE, Quantity, canonical, to_number, to_steps
from domain.stock_item import StockItem

NAMESPACE: Final = UUID("cc8478e1-82bd-4522-9cde-08dd21f76b8a")
"""Fixed for ever: the ids of all codes follow from it."""

GTIN_LENGTH: Final = 14
"""Digits in which GTINs are compared."""

MAX_CODES_PER_ITEM: Final = 100

MAX_PER: Final = 1_000_000
"""Maximum number of base units that one scan counts."""

_GTIN: Final = re.compile(r"\d{8}|\d{12,14}", re.ASCII)

AnyEvent = TypeVar("AnyEvent", bound="BarcodeEvent")


def is_gtin(code: str) -> bool:
    """Whether the code is a GTIN: 8, 12, 13 or 14 digits, the last one a good check digit (GS1
    General Specifications, section 7.9)."""
    if not _GTIN.fullmatch(code):
        return False
    digits = [int(digit) for digit in reversed(code)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def compared_form(code: str) -> str:
    """Returns the form in which codes are compared: a GTIN in 14 digits, any other as its text."""
    return code.zfill(GTIN_LENGTH) if is_gtin(code) else kept_form(code)


def code_id(location: str, code: str) -> UUID:
    """Returns the id of a code's event stream: the UUIDv5 (RFC 9562) of location and code. So two
    devices that assign one code offline meet in one stream."""
    return uuid5(NAMESPACE, f"{kept_form(location)}\x1f{compared_form(code)}")


class BarcodeEvent(LedgerEvent):
    """The fields of every event of a code: enough to decide the next one."""

    code: str
    """As it was assigned."""
    item_id: UUID
    sku: str
    per: Decimal
    """The base units that one scan counts: 12 for a carton of 12."""


class CodeAssigned(BarcodeEvent):
    """The code was assigned to the item, or counts another number of base units now."""

    TOPIC = "CodeAssigned"


class CodeRetired(BarcodeEvent):
    """The code does not belong to the item any more. It may be assigned again."""

    TOPIC = "CodeRetired"


BARCODE_EVENTS: Final = (CodeAssigned, CodeRetired)
BARCODE_TOPICS: Final = tuple(event.TOPIC for event in BARCODE_EVENTS)

for _event in BARCODE_EVENTS:
    register_topic(_event.TOPIC, _event)


class Barcode:
    """A code at a location: assigned to an item, or free.

    Its last event is its whole state.
    """

    def __init__(self, location: str, code: str, last: BarcodeEvent | None = None) -> None:
        """`last`: its last event; None if it was never assigned. Raises Invalid: the code is not a
        label."""
        self.location = location
        self.code = label("code", code)
        self.pending_events: list[BarcodeEvent] = []
        self._last = last

    @classmethod
    def after(cls, event: BarcodeEvent) -> Self:
        """Returns the code as it is after its last event."""
        return cls(event.location, event.code, event)

    @property
    def id(self) -> UUID:
        """The id of its event stream."""
        return code_id(self.location, self.code)

    @property
    def version(self) -> int:
        """The number of its events."""
        return 0 if self._last is None else self._last.originator_version

    @property
    def assignment(self) -> CodeAssigned | None:
        """The assignment in force; None if the code is free."""
        return self._last if isinstance(self._last, CodeAssigned) else None

    @property
    def per(self) -> Quantity | None:
        """The base units that one scan counts; None if the code is free."""
        return None if self.assignment is None else canonical(self.assignment.per)

    @property
    def shown_per(self) -> int | float | None:
        """The same as a number for JSON."""
        return (
            None if self.per is None else to_number(to_steps("per", self.per, MAX_SCALE), MAX_SCALE)
        )

    def assign(
        self, item: StockItem, per: Quantity, *, by: Actor, recorded_at: datetime
    ) -> CodeAssigned | None:
        """Assigns the code to the item, or changes what it counts; returns the event. None: it is
        assigned in this way already.

        Raises:
            CodeTaken: it belongs to another SKU.
            Invalid: `per` is out of bounds, or has more decimal places than the item.
        """
        if not 0 < per <= MAX_PER:
            raise Invalid("per", f"must be above 0, and at most {MAX_PER}")
        to_steps("per", per, item.scale)
        taken = self.assignment
        if taken is not None and taken.item_id != item.id:
            raise CodeTaken(taken.code, taken.item_id, taken.sku)
        if taken is not None and self.per == per:
            return None
        values = {"item_id": item.id, "sku": item.sku, "per": Decimal(per)}
        return self._trigger(CodeAssigned, by, recorded_at, **values)

    def retire(self, item_id: UUID, *, by: Actor, recorded_at: datetime) -> CodeRetired | None:
        """Frees the code; returns the event. None: it is free already.

        Raises:
            UnknownCode: it was never assigned, or belongs to another item.
        """
        if self._last is None or self._last.item_id != item_id:
            raise UnknownCode(self.code)
        if self.assignment is None:
            return None
        values = {"item_id": item_id, "sku": self._last.sku, "per": self._last.per}
        return self._trigger(CodeRetired, by, recorded_at, **values)

    def _trigger(
        self, event_class: type[AnyEvent], by: Actor, recorded_at: datetime, **facts: Any
    ) -> AnyEvent:
        last = self._last
        event = event_class.of(
            {
                "originator_id": self.id,
                "originator_version": 1 if last is None else last.originator_version + 1,
                "timestamp": recorded_at if last is None else max(recorded_at, last.timestamp),
                "location": self.location,
                "code": self.code,
                "actor": by.name,
                "key_id": by.key_id,
                **facts,
            }
        )
        self._last = event
        self.pending_events.append(event)
        return event
