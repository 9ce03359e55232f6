"""The transactions that a retry records: as sent, with an adjustment, or with an override."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from application.parsing.descriptions import split_reason
from application.recording.rejected_element import rejected_transaction
from application.tables.rejected import RejectedTransaction
from domain.errors import Invalid, LocalIdReused
from domain.labels import label
from domain.limits import MAX_NOTE_LENGTH
from domain.quantities import Quantity
from domain.transaction import Transaction, TransactionType


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An adjustment to record before a retry, under a `local_id` of its own."""

    local_id: UUID
    quantity: Quantity
    """The signed difference."""
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class RetryOptions:
    """How to retry a rejected transaction."""

    correction: Correction | None = None
    local_id: UUID | None = None
    """A new one, for a transaction with the `local_id` of another transaction. The default is the
    UUIDv5 of the old one and the rejection's id."""
    override: str | None = None
    """The reason why the quantity on hand may end below the floor; None if it may not."""


AS_SENT = RetryOptions()


def transactions_to_retry(
    row: RejectedTransaction, group: Sequence[RejectedTransaction], options: RetryOptions
) -> tuple[list[Transaction], Mapping[int, RejectedTransaction]]:
    """Returns the transactions to record, and the rejections that they retry, by index.

    Args:
        row: the rejected transaction.
        group: the rejected transactions of its group, itself included; empty without a group.
        options: how to retry it.

    Raises:
        Invalid: this version can't read a transaction either; or a `local_id` must be new, or must
            not be given.
        Unsupported: only a newer version can read a transaction.
    """
    rows = group or [row]
    own_id = options.local_id
    retried = [
        retried_transaction(
            one, replace(options, local_id=own_id if one.rejection_id == row.rejection_id else None)
        )
        for one in rows
    ]
    if options.correction is None:
        return retried, dict(enumerate(rows))
    taken = {row.local_id, *(one.local_id for one in retried)}
    if options.correction.local_id in taken:
        raise Invalid("adjustment.localId", "must differ from that of the transaction")
    ids = [one.rejection_id for one in rows]
    item_id = retried[ids.index(row.rejection_id)].item_id
    return [_adjustment(options.correction, item_id), *retried], dict(enumerate(rows, 1))


def retried_transaction(row: RejectedTransaction, options: RetryOptions) -> Transaction:
    """Returns one rejected transaction as it is retried. Raises Invalid, Unsupported."""
    transaction = _with_own_id(rejected_transaction(row), row, options.local_id)
    return transaction if options.override is None else _overridden(transaction, options.override)


def _with_own_id(
    transaction: Transaction, row: RejectedTransaction, local_id: UUID | None
) -> Transaction:
    """Gives the transaction a new `local_id` if its own is that of another transaction. The default
    is the same for every retry. Raises Invalid: the id is not new, or must not be given."""
    if row.code == LocalIdReused.code:
        new = local_id or uuid5(transaction.local_id, str(row.rejection_id))
        if new == transaction.local_id:
            raise Invalid("localId", "is recorded with other content: give a new one")
        return transaction._replace(local_id=new)
    if local_id is not None:
        raise Invalid("localId", f"can only be changed after the rejection {LocalIdReused.code}")
    return transaction


def _overridden(transaction: Transaction, reason: str) -> Transaction:
    """Lets the transaction end below the floor. The reason becomes the beginning of its note."""
    texts = [label("reason", reason), *([transaction.note] if transaction.note else [])]
    return transaction._replace(override=True, note="\n".join(texts)[:MAX_NOTE_LENGTH])


def _adjustment(correction: Correction, item_id: UUID) -> Transaction:
    code, prose = (None, None) if correction.reason is None else split_reason(correction.reason)
    texts = [text for text in (prose, correction.note) if text]
    try:
        return Transaction(
            local_id=correction.local_id,
            type=TransactionType.ADJUST,
            item_id=item_id,
            quantity=correction.quantity,
            reason=code,
            note="\n".join(texts) or None,
        )
    except Invalid as error:
        details = error.details
        raise Invalid(f"adjustment.{details['field']}", str(details["problem"])) from None
