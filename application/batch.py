"""A batch as it was understood: its well-formed transactions, and what is wrong with the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from application.transaction_parser import parse_transaction, parse_transactions
from domain.rejections import Rejection
from domain.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Failed:
    """An element that is not recorded, and why. The ids are None where they can't be read."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    rejection: Rejection


class Batch(NamedTuple):
    """Each element is either one of the transactions or malformed."""

    elements: Sequence[object]
    transactions: dict[int, Transaction]
    """By their places in the batch, in order."""
    malformed: list[Failed]


def parse_batch(elements: Sequence[object]) -> Batch:
    """Reads all elements in one go; one by one only where one of them is malformed."""
    try:
        return Batch(elements, dict(enumerate(parse_transactions(elements))), [])
    except (ValidationError, Rejection):
        return _parse_one_by_one(elements)


def _parse_one_by_one(elements: Sequence[object]) -> Batch:
    transactions: dict[int, Transaction] = {}
    malformed: list[Failed] = []
    for index, element in enumerate(elements):
        try:
            transactions[index] = parse_transaction(element)
        except Rejection as rejection:
            local_id, item_id = (_readable_id(element, field) for field in ("localId", "itemId"))
            malformed.append(Failed(index, local_id, item_id, rejection))
    return Batch(elements, transactions, malformed)


def _readable_id(element: object, field: str) -> UUID | None:
    """What a malformed element says of its id, so that its sender finds it again."""
    if not isinstance(element, dict):
        return None
    text = element.get(field) or element.get({"localId": "local_id", "itemId": "item_id"}[field])
    try:
        return UUID(text)
    except (AttributeError, TypeError, ValueError):
        return None
