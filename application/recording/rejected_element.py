"""A rejected transaction as JSON: written when it is rejected, read when it is judged again."""

import json
from typing import Any, Final

from pydantic.alias_generators import to_camel

from application.parsing.batch import moved_at
from application.parsing.transactions import read_element
from application.tables.rejected import RejectedTransaction
from application.tables.rejection_ids import as_json
from domain.errors import Invalid, Rejection
from domain.transaction import Transaction, plain

MAX_EXCERPT_BYTES: Final = 16_384
"""Bytes stored of a malformed element. A longer one is cut, and cannot be retried."""


def element_of(transaction: Transaction, device: str | None) -> dict[str, Any]:
    """Returns the transaction as an element of a batch, with the values as sent."""
    fields = {
        "localId": str(transaction.local_id),
        "type": transaction.type.value,
        "itemId": str(transaction.item_id),
        "quantity": None if transaction.links.voids else plain(transaction.quantity),
        "occurredAt": transaction.content.occurred_at,
        "reason": transaction.reason,
        "note": transaction.note,
        "reference": transaction.reference,
        "device": device,
        "override": transaction.override or None,
        **{to_camel(name): value for name, value in (transaction.info or {}).items()},
        **{name: str(value) for name, value in transaction.links.named().items()},
    }
    return {name: value for name, value in fields.items() if value is not None}


def excerpt_of(element: object) -> str:
    """Returns compact JSON, cut to MAX_EXCERPT_BYTES; in ASCII if it has no UTF-8 form."""
    text = as_json(element, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()[:MAX_EXCERPT_BYTES].decode(errors="ignore")
    except UnicodeEncodeError:
        return as_json(element, separators=(",", ":"))[:MAX_EXCERPT_BYTES]


def at_moment_of(row: RejectedTransaction, transaction: Transaction) -> Transaction:
    """Returns the transaction with the moment that it had when it was rejected first. The device's
    clock may be corrected in another way now."""
    try:
        first = rejected_transaction(row)
    except Rejection:
        return transaction
    return transaction._replace(occurred_at=first.occurred_at, device_time=first.device_time)


def rejected_transaction(row: RejectedTransaction) -> Transaction:
    """Reads the stored element with this version.

    Raises:
        Invalid: this version can't read it.
        Unsupported: only a newer version can read it.
    """
    try:
        transaction = read_element(json.loads(row.element)).transaction
    except (ValueError, Invalid) as error:
        problem = f" ({error})" if isinstance(error, Invalid) else ""
        raise Invalid("transaction", f"is malformed{problem}: it can only be dismissed") from None
    return transaction if row.moved_at is None else moved_at(transaction, row.moved_at)
