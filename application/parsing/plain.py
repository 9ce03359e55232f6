"""The fast way to read elements in their usual spelling: one decoding call for all of them.

It reads nothing otherwise than `read_element`. Whatever it refuses, `read_element` decides.
"""

from datetime import timedelta
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from application.parsing.descriptions import (
    REASON_CODE,
    information,
    read_entered,
    read_metadata,
    read_scanned,
    read_unit_cost,
    require_cost_of_goods_in,
)
from application.parsing.transactions import read_age
from application.parsing.values import read_instant, read_quantity
from domain.transaction import NO_LINKS, Information, Links, Transaction, TransactionType

_ReasonCode = Annotated[str, msgspec.Meta(pattern=rf"\A{REASON_CODE}\Z")]


class PlainElement(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An element of a batch: every name in camelCase, every value in its usual JSON type."""

    local_id: UUID
    type: TransactionType
    item_id: UUID
    quantity: int | float | None = None
    occurred_at: str | None = None
    reason: _ReasonCode | None = None
    note: str | None = None
    reference: str | None = None
    device: str | None = None
    age: int | float | None = None
    override: bool | None = None
    voids: UUID | None = None
    corrects: UUID | None = None
    returns: UUID | None = None
    group: UUID | None = None
    scanned: str | None = None
    metadata: dict[str, Any] | None = None
    unit_cost: dict[str, Any] | None = None
    entered: dict[str, Any] | None = None


class PlainRead(NamedTuple):
    """What was read of the elements of a batch, each by its index."""

    transactions: dict[int, Transaction]
    ages: dict[int, timedelta]
    has_groups: bool


_NOTHING: Final = (None, None, None, None)


def plain_elements(elements: object) -> list[PlainElement]:
    """Converts values that were decoded from JSON. Raises msgspec.ValidationError."""
    return msgspec.convert(elements, list[PlainElement])


def read_plain(elements: list[PlainElement]) -> PlainRead:
    """Reads all elements. Raises ValueError, Invalid: one of them has an unusual value."""
    return PlainRead(
        dict(enumerate(map(_transaction, elements))),
        {place: read_age(one.age) for place, one in enumerate(elements) if one.age is not None},
        any(one.group is not None for one in elements),
    )


def _transaction(one: PlainElement) -> Transaction:
    kind = one.type
    return Transaction(
        one.local_id,
        kind,
        one.item_id,
        0 if kind is TransactionType.VOID else read_quantity(one.quantity),
        None if one.occurred_at is None else read_instant(one.occurred_at),
        None,
        one.reason,
        one.note,
        one.reference,
        one.device,
        _information(one),
        _links(one),
        bool(one.override),
    )


def _links(one: PlainElement) -> Links:
    links = (one.voids, one.corrects, one.returns, one.group)
    if links == NO_LINKS:
        return NO_LINKS
    if one.returns is not None and one.type is not TransactionType.INBOUND:
        raise ValueError("returns is for goods in only")
    return Links(*links)


def _information(one: PlainElement) -> Information | None:
    if (one.scanned, one.metadata, one.unit_cost, one.entered) == _NOTHING:
        return None
    if one.unit_cost is not None:
        require_cost_of_goods_in(one.type)
    return information(
        scanned=one.scanned and read_scanned(one.scanned),
        metadata=None if one.metadata is None else read_metadata(one.metadata),
        unit_cost=None if one.unit_cost is None else read_unit_cost(one.unit_cost),
        entered=None if one.entered is None else read_entered(one.entered),
    )
