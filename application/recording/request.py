"""A request to record one batch."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from application.access.principal import ANONYMOUS, Principal
from application.parsing.batch import Batch, FailedElement, batch_of
from application.tables.rejected import RejectedTransaction
from application.tables.rejection_ids import rejection_id
from domain.device_clock import FirstArrival

NOTHING_RETRIED: Final[Mapping[int, RejectedTransaction]] = {}


class Request(NamedTuple):
    """A batch and its sender."""

    batch: Batch
    principal: Principal
    atomic: bool = False
    """All of its transactions are recorded, or none."""
    retried: Mapping[int, RejectedTransaction] = NOTHING_RETRIED
    """The rejected transactions that this request retries, by the index of the transaction."""
    retried_items: Mapping[int, RejectedTransaction] = NOTHING_RETRIED
    """The differing items that this request retries, by the index of the item."""
    is_answered: bool = False
    """Whether a person waits for the answer. A refusal is final then: the ledger does not judge it
    again by itself."""
    is_kept: bool = True
    """Whether failed elements and differing items are kept for a review."""
    is_follow_up: bool = False
    """Whether to judge the rejected transactions that are due."""

    @property
    def weight(self) -> int:
        """The number of elements, items and codes that it adds to a commit."""
        codes = sum(one.number_of_codes for one in self.batch.items)
        elements = len(self.batch.transactions) + len(self.batch.malformed)
        return elements + len(self.batch.items) + codes

    @property
    def arrivals(self) -> dict[int, FirstArrival]:
        """The first arrivals of the retried transactions, by index."""
        return {place: row.first_arrival for place, row in self.retried.items()}

    def retried_id(self, place: int) -> UUID:
        """The rejection id that follows from a retried transaction's content."""
        transaction = self.batch.transactions[place]
        return rejection_id(transaction.local_id, transaction.content)

    def keeps(self, failed: FailedElement) -> bool:
        """Whether to store the failed element as a rejected transaction. A retry under a new
        `local_id` is not stored: it is open already, under the old one."""
        if not self.retried:
            return self.is_kept
        row = self.retried.get(failed.index)
        return row is not None and row.local_id in {None, failed.local_id}


FOLLOW_UP: Final = Request(batch_of([]), ANONYMOUS, is_follow_up=True)
"""The request to judge the rejected transactions that are due."""
