"""A request to record one batch."""

from typing import NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.parsing.batch import Batch, FailedElement
from application.tables.rejected import RejectedTransaction
from application.tables.rejection_ids import rejection_id
from domain.transaction import Transaction


class Request(NamedTuple):
    """A batch and its sender."""

    batch: Batch
    principal: Principal
    atomic: bool = False
    """All of its transactions are recorded, or none."""
    retried: RejectedTransaction | None = None
    """The rejected transaction that the last transaction of this request retries."""

    @property
    def weight(self) -> int:
        """The number of elements and items that it adds to a commit."""
        return len(self.batch.elements) + len(self.batch.items)

    @property
    def retried_place(self) -> int:
        """The place of the retried transaction."""
        return len(self.batch.transactions) - 1

    @property
    def retried_id(self) -> UUID:
        """The rejection id that follows from the retried transaction's content."""
        transaction = self._retried_transaction
        return rejection_id(transaction.local_id, transaction.content)

    def keeps(self, failed: FailedElement) -> bool:
        """Whether to store the failed element as a rejected transaction. A retry under a new
        `local_id` is not stored: it is open already, under the old one."""
        if self.retried is None:
            return True
        has_own_id = self.retried.local_id in {None, self._retried_transaction.local_id}
        return has_own_id and failed.index == self.retried_place

    @property
    def _retried_transaction(self) -> Transaction:
        return self.batch.transactions[self.retried_place]
