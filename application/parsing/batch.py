"""A batch as it was understood: its well-formed transactions, and what is wrong with the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from application.parsing.fields import FieldWarning, readable
from application.parsing.items import ParsedItem, parse_item
from application.parsing.spellings import read_instant, read_text, read_uuid
from application.parsing.transactions import (
    TRANSACTION,
    read_age,
    read_element,
    read_plain_elements,
)
from domain.errors import Rejection
from domain.labels import kept_form
from domain.moments import CLOCK_TRUST, goods_time
from domain.transaction import NOTHING_SENT, Transaction


@dataclass(frozen=True, slots=True)
class FailedElement:
    """An element that is not recorded, and why. The ids are None where they can't be read."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    rejection: Rejection


class Arrival(NamedTuple):
    """When a batch came, by the server's clock and by its sender's."""

    received_at: datetime
    sent_at: datetime | None
    device: str | None
    """Whose clock `sent_at` is of: it says nothing of what other devices recorded."""


class Batch(NamedTuple):
    """Each element is either one of the transactions or malformed."""

    elements: Sequence[object]
    transactions: dict[int, Transaction]
    """By their places in the batch, in order."""
    malformed: list[FailedElement]
    warnings: Mapping[int, list[FieldWarning]]
    """What was passed over in elements, by their places."""
    moments: Mapping[int, datetime]
    """When the goods of malformed elements moved, where their devices' clocks were put right."""
    items: Sequence[ParsedItem] = ()
    """To be registered before."""

    @property
    def malformed_ids(self) -> list[UUID]:
        """The `local_id`s of malformed elements, as far as they can be read."""
        return [one.local_id for one in self.malformed if one.local_id is not None]

    def corrected_time(self, index: int) -> datetime | None:
        """When the goods of an element moved, where that is not what was sent."""
        transaction = self.transactions.get(index)
        if transaction is None:
            return self.moments.get(index)
        return None if transaction.device_time is None else transaction.occurred_at


def parse_batch(
    elements: Sequence[object], arrival: Arrival | None = None, items: Sequence[object] = ()
) -> Batch:
    """What a batch asks for.

    Args:
        elements: its transactions, as they were decoded from JSON; anything may stand there.
        arrival: by which times are put right that a device's clock had wrong.
        items: what is to be registered before, as it was decoded.
    """
    batch = _parse_elements(elements, arrival)
    return batch._replace(items=[parse_item(item) for item in items]) if items else batch


def _parse_elements(elements: Sequence[object], arrival: Arrival | None) -> Batch:
    """Reads all in one go; one by one only where one of them is spelt in another way, or is
    malformed."""
    try:
        transactions = dict(enumerate(read_plain_elements(elements)))
    except (ValidationError, Rejection):
        return _parse_one_by_one(elements, arrival)
    _put_right(transactions, {}, arrival)
    return Batch(elements, transactions, [], {}, {})


def batch_of(transactions: Sequence[Transaction]) -> Batch:
    """A batch of transactions that are understood already."""
    return Batch(transactions, dict(enumerate(transactions)), [], {}, {})


def _parse_one_by_one(elements: Sequence[object], arrival: Arrival | None) -> Batch:
    transactions: dict[int, Transaction] = {}
    malformed: list[FailedElement] = []
    warnings: dict[int, list[FieldWarning]] = {}
    ages: dict[int, timedelta] = {}
    for index, element in enumerate(elements):
        try:
            read = read_element(element)
        except Rejection as rejection:
            local_id = readable(element, TRANSACTION, "local_id", read_uuid)
            item_id = readable(element, TRANSACTION, "item_id", read_uuid)
            malformed.append(FailedElement(index, local_id, item_id, rejection))
            continue
        transactions[index] = read.transaction
        if read.age is not None:
            ages[index] = read.age
        if read.warnings:
            warnings[index] = read.warnings
    _put_right(transactions, ages, arrival)
    moments = _moments(elements, malformed, arrival)
    return Batch(elements, transactions, malformed, warnings, moments)


def _put_right(
    transactions: dict[int, Transaction], ages: Mapping[int, timedelta], arrival: Arrival | None
) -> None:
    if arrival is None or not (ages or _is_off(arrival)):
        return
    for place, transaction in transactions.items():
        moment = goods_time(
            transaction.occurred_at,
            received_at=arrival.received_at,
            sent_at=_sent_at(arrival, transaction.device),
            age=ages.get(place),
        )
        transactions[place] = moved_at(transaction, moment)


def moved_at(transaction: Transaction, moment: datetime | None) -> Transaction:
    """The transaction with the moment put right, and what was sent for it kept."""
    sent = transaction.occurred_at
    if moment == sent:
        return transaction
    device_time = transaction.device_time
    if device_time is None:
        device_time = NOTHING_SENT if sent is None else sent.isoformat()
    return replace(transaction, occurred_at=moment, device_time=device_time)


def _moments(
    elements: Sequence[object], malformed: Sequence[FailedElement], arrival: Arrival | None
) -> dict[int, datetime]:
    if arrival is None:
        return {}
    moments = {}
    for one in malformed:
        element = elements[one.index]
        sent = readable(element, TRANSACTION, "occurred_at", read_instant)
        moment = goods_time(
            sent,
            received_at=arrival.received_at,
            sent_at=_sent_at(arrival, readable(element, TRANSACTION, "device", read_text)),
            age=readable(element, TRANSACTION, "age", read_age),
        )
        if moment is not None and moment != sent:
            moments[one.index] = moment
    return moments


def _is_off(arrival: Arrival) -> bool:
    return arrival.sent_at is not None and abs(arrival.received_at - arrival.sent_at) > CLOCK_TRUST


def _sent_at(arrival: Arrival, device: str | None) -> datetime | None:
    is_its_own = device is None or (arrival.device and kept_form(device) == arrival.device)
    return arrival.sent_at if is_its_own else None
