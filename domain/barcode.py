"""Barcodes: a code belongs to one SKU at a location, and counts a number of base units.

The ledger keeps codes unique. It never resolves one inside a movement: the device does, with its
copy, because a code may be reassigned between the scan and the sync.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from eventsourcing.utils import register_topic

from domain.actor import Actor
from domain.errors import CodeTaken, CodeWasRetired, Invalid, ItemDiffers, UnknownCode
from domain.events import LedgerEvent
from domain.labels import kept_form, label
from domain.quantities import MAX_SCALE, Quantity, json_number, to_steps
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


def require_per(per: Quantity) -> None:
    """Raises Invalid: a scan can't count so many base units."""
    if not 0 < per <= MAX_PER:
        raise Invalid("per", f"must be above 0, and at most {MAX_PER}")
    to_steps("per", per, MAX_SCALE)


class BarcodeEvent(LedgerEvent):
    """The fields of every event of a code: enough to decide the next one."""

    code: str
    """As it was assigned."""
    item_id: UUID
    sku: str
    per: Decimal
    """The base units that one scan counts: 12 for a carton of 12."""
    _: KW_ONLY
    retired_from: list[UUID] | None = None
    """Other items that it was taken from, and not given back to. None if there are none."""

    @property
    def shown_per(self) -> int | float:
        """The same as a number for JSON."""
        return json_number(self.per)


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

    Its last event is its whole state. It decides, and returns events; it does not change.
    """

    def __init__(self, location: str, code: str, last: BarcodeEvent | None = None) -> None:
        """`last`: its last event; None if it was never assigned. Raises Invalid: the code is not a
        label."""
        self._location = location
        self._code = label("code", code)
        self._last = last
        self.id = code_id(location, self._code) if last is None else last.originator_id
        """The id of its event stream."""

    @property
    def assignment(self) -> CodeAssigned | None:
        """The assignment in force; None if the code is free."""
        return self._last if isinstance(self._last, CodeAssigned) else None

    def require_not_of_another(self, item_id: UUID) -> None:
        """Raises CodeTaken: it belongs to another SKU."""
        taken = self.assignment
        if taken is not None and taken.item_id != item_id:
            raise CodeTaken(taken.code, taken.item_id, taken.sku)

    def require_of(self, item_id: UUID) -> BarcodeEvent:
        """Returns its last event. Raises UnknownCode: it is not, and was not last, of the item."""
        if self._last is None or self._last.item_id != item_id:
            raise UnknownCode(self._code)
        return self._last

    def require_as_it_stands(self, item: StockItem, per: Quantity) -> None:
        """Checks a request of a sender who may not change what a manager decided.

        Raises:
            ItemDiffers: it counts another number of base units of the item.
            CodeWasRetired: it is free, and was taken from this item.
        """
        taken = self.assignment
        if taken is None and item.id in self._retired_from:
            raise CodeWasRetired(self._code, item.sku)
        if taken is not None and taken.item_id == item.id and taken.per != per:
            raise ItemDiffers(item.id, code=taken.code, per=taken.shown_per)

    def assign(
        self, item: StockItem, per: Quantity, *, by: Actor, recorded_at: datetime
    ) -> CodeAssigned | None:
        """Assigns the code to the item, or changes what it counts; returns the event. None: it is
        assigned in this way already.

        Raises:
            CodeTaken: it belongs to another SKU.
            Invalid: `per` is out of bounds, or has more decimal places than the item.
        """
        require_per(per)
        to_steps("per", per, item.scale)
        self.require_not_of_another(item.id)
        if self.assignment is not None and self.assignment.per == per:
            return None
        values = {"item_id": item.id, "sku": item.sku, "per": Decimal(per)}
        return self._event(CodeAssigned, by, recorded_at, code=self._code, **values)

    def retire(self, *, by: Actor, recorded_at: datetime) -> CodeRetired | None:
        """Frees the code; returns the event. None: it is free already."""
        taken = self.assignment
        if taken is None:
            return None
        values = {"item_id": taken.item_id, "sku": taken.sku, "per": taken.per}
        return self._event(CodeRetired, by, recorded_at, code=taken.code, **values)

    @property
    def _retired_from(self) -> set[UUID]:
        """The items that it was taken from, and not given back to."""
        last = self._last
        if last is None:
            return set()
        earlier = set(last.retired_from or ())
        return earlier | {last.item_id} if isinstance(last, CodeRetired) else earlier

    def _event(
        self, event_class: type[AnyEvent], by: Actor, recorded_at: datetime, **facts: Any
    ) -> AnyEvent:
        last = self._last
        retired_from = sorted(self._retired_from - {facts["item_id"]})
        return event_class.of(
            {
                "originator_id": self.id,
                "originator_version": 1 if last is None else last.originator_version + 1,
                "timestamp": recorded_at if last is None else max(recorded_at, last.timestamp),
                "location": self._location,
                "actor": by.name,
                "key_id": by.key_id,
                "retired_from": retired_from or None,
                **facts,
            }
        )
