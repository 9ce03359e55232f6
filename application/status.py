"""The status of transactions, for a device that lost the answer."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from application.access.principal import Principal
from application.ledger.ledger import Ledger
from application.projections.projection import Recorded
from application.tables.rejected import RejectedTransaction
from domain.events import MovementRecorded

Status = Recorded[MovementRecorded] | RejectedTransaction | None
"""Recorded, rejected, or None: unknown to the caller."""


class StatusService:
    """Looks up the status of transactions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def statuses(self, local_ids: Sequence[UUID], principal: Principal) -> list[Status]:
        """Returns the status of each transaction, in this order.

        A transaction at another location counts as unknown. Raises StoreUnavailable.
        """
        # In this order: the second look-up finds what is recorded between the two.
        rejected = self._rejected(local_ids, principal)
        recorded = self._recorded(local_ids, principal)
        return [recorded.get(local_id) or rejected.get(local_id) for local_id in local_ids]

    def _rejected(
        self, local_ids: Sequence[UUID], principal: Principal
    ) -> dict[UUID, RejectedTransaction]:
        """Returns the last rejection under each `local_id`."""
        found = self._ledger.recorder.select_rejected_of(local_ids, principal.scope(None))
        return {cast("UUID", row.local_id): row for row in found}

    def _recorded(
        self, local_ids: Sequence[UUID], principal: Principal
    ) -> dict[UUID, Recorded[MovementRecorded]]:
        found = self._ledger.recorded_under(local_ids)
        return {
            local_id: recorded
            for local_id, recorded in found.items()
            if principal.can_access(recorded.event.location)
        }
