"""The parsed batch: its well-formed transactions, and the rejections of the other elements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple
from uuid import UUID

from application.parsing.fields import FieldWarning, readable
from application.parsing.items import ParsedItem, parse_item
from application.parsing.plain import PlainElement, PlainRead, plain_elements, read_plain
from application.parsing.transactions import TRANSACTION, read_age, read_element
from application.parsing.values import read_instant, read_text, read_uuid
from domain.device_clock import CLOCK_TRUST, FirstArrival, goods_time
from domain.errors import Rejection
from domain.labels import kept_form
from domain.transaction import NOTHING_SENT, Transaction


@dataclass(frozen=True, slots=True)
class FailedElement:
    """An element that is not recorded, and why. The ids are None if they can't be read."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    rejection: Rejection
    transaction: Transaction | None = None
    """None if it is malformed."""
    arrival: FirstArrival | None = None
    """Its first arrival; None if it is malformed."""
    group: UUID | None = None
    """The group of a malformed element."""


class Arrival(NamedTuple):
    """The arrival of a batch, by the server's clock and by the clock of its sender."""

    received_at: datetime
    sent_at: datetime | None
    device: str | None
    """The sender. Its clock says nothing about transactions of other devices."""


NO_GROUPS: Final[Mapping[UUID, Sequence[int]]] = {}


class Batch(NamedTuple):
    """A parsed batch. Each element is either one of `transactions` or one of `malformed`."""

    elements: Sequence[object]
    transactions: dict[int, Transaction]
    """By index in the batch, in order."""
    malformed: list[FailedElement]
    warnings: Mapping[int, list[FieldWarning]]
    """Warnings about ignored fields, by the index of their element."""
    moments: Mapping[int, datetime]
    """Corrected times of malformed elements, by index. They differ from what was sent."""
    items: Sequence[ParsedItem] = ()
    """Items to register before the transactions."""
    groups: Mapping[UUID, Sequence[int]] = NO_GROUPS
    """The indices of each group's elements, in order, malformed ones included."""

    @property
    def malformed_ids(self) -> list[UUID]:
        """The `local_id`s of malformed elements, if they can be read."""
        return [one.local_id for one in self.malformed if one.local_id is not None]

    def members(self, group: UUID) -> dict[int, Transaction]:
        """Returns the group's well-formed transactions by index, in order."""
        found = ((place, self.transactions.get(place)) for place in self.groups[group])
        return {place: transaction for place, transaction in found if transaction is not None}

    def is_first_of_group(self, place: int, group: UUID) -> bool:
        """Whether the transaction at `place` is the first well-formed one of its group."""
        return place == next(one for one in self.groups[group] if one in self.transactions)

    def corrected_time(self, index: int) -> datetime | None:
        """Returns the corrected time of an element; None if the time is as sent."""
        transaction = self.transactions.get(index)
        if transaction is None:
            return self.moments.get(index)
        return None if transaction.device_time is None else transaction.occurred_at


def parse_batch(
    elements: Sequence[object], arrival: Arrival | None = None, items: Sequence[object] = ()
) -> Batch:
    """Parses a batch. A malformed element becomes a FailedElement, a malformed item a rejection.

    Args:
        elements: its transactions as decoded from JSON; they may be anything.
        arrival: the clocks by which times of a wrong device clock are corrected; None for no
            correction.
        items: the items to register before the transactions, as decoded from JSON.
    """
    try:
        batch = parse_plain(plain_elements(elements), arrival)
    except (ValueError, Rejection):
        batch = _parse_one_by_one(elements, arrival)
    return batch._replace(items=[parse_item(item) for item in items]) if items else batch


def parse_plain(elements: list[PlainElement], arrival: Arrival | None) -> Batch:
    """Parses a batch whose elements all have their usual spelling. Raises ValueError, Invalid: one
    of them has not."""
    return batch_of_plain(elements, read_plain(elements), arrival)


def batch_of_plain(elements: list[PlainElement], read: PlainRead, arrival: Arrival | None) -> Batch:
    """Makes a batch of what was read of its elements."""
    transactions, ages, has_groups = read
    _correct_times(transactions, ages, arrival)
    groups = _groups(transactions, []) if has_groups else NO_GROUPS
    return Batch(elements, transactions, [], {}, {}, groups=groups)


def batch_of(transactions: Sequence[Transaction]) -> Batch:
    """Makes a batch of transactions that are parsed already."""
    by_index = dict(enumerate(transactions))
    return Batch(transactions, by_index, [], {}, {}, groups=_groups(by_index, []))


def _groups(
    transactions: Mapping[int, Transaction], malformed: Sequence[FailedElement]
) -> Mapping[UUID, Sequence[int]]:
    found = [
        *((one.links.group, place) for place, one in transactions.items()),
        *((one.group, one.index) for one in malformed),
    ]
    groups: dict[UUID, list[int]] = {}
    for group, place in sorted(found, key=itemgetter(1)):
        if group is not None:
            groups.setdefault(group, []).append(place)
    return groups


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
            group = readable(element, TRANSACTION, "group", read_uuid)
            malformed.append(FailedElement(index, local_id, item_id, rejection, group=group))
            continue
        transactions[index] = read.transaction
        if read.age is not None:
            ages[index] = read.age
        if read.warnings:
            warnings[index] = read.warnings
    _correct_times(transactions, ages, arrival)
    moments = _corrected_moments(elements, malformed, arrival)
    groups = _groups(transactions, malformed)
    return Batch(elements, transactions, malformed, warnings, moments, groups=groups)


def _correct_times(
    transactions: dict[int, Transaction], ages: Mapping[int, timedelta], arrival: Arrival | None
) -> None:
    if arrival is None or not (ages or _is_clock_off(arrival)):
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
    """Returns the transaction with a corrected moment. `device_time` keeps what was sent."""
    sent = transaction.occurred_at
    if moment == sent:
        return transaction
    device_time = transaction.device_time
    if device_time is None:
        device_time = NOTHING_SENT if sent is None else sent.isoformat()
    return transaction._replace(occurred_at=moment, device_time=device_time)


def _corrected_moments(
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


def _is_clock_off(arrival: Arrival) -> bool:
    return arrival.sent_at is not None and abs(arrival.received_at - arrival.sent_at) > CLOCK_TRUST


def _sent_at(arrival: Arrival, device: str | None) -> datetime | None:
    is_its_own = device is None or (arrival.device and kept_form(device) == arrival.device)
    return arrival.sent_at if is_its_own else None
