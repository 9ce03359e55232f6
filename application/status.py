"""What became of transactions: what a device asks whose answer got lost."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from application.access.principal import Principal
from application.ledger.ledger import Ledger
from application.projections.projection import Recorded
from application.tables.rejected import RejectedTransaction
from domain.events import MovementRecorded

Status = Recorded[MovementRecorded] | RejectedTransaction | None
"""Recorded, rejected, or, as far as the caller may know, never seen."""


class StatusService:
    """Tells what became of transactions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def statuses(self, local_ids: Sequence[UUID], principal: Principal) -> list[Status]:
        """What became of each, in this order. What is elsewhere is as if it had never been seen."""
        # In this order: what is recorded between the two look-ups is found by the second one.
        rejected = self._rejected(local_ids, principal)
        recorded = self._recorded(local_ids, principal)
        return [recorded.get(local_id) or rejected.get(local_id) for local_id in local_ids]

    def _rejected(
        self, local_ids: Sequence[UUID], principal: Principal
    ) -> dict[UUID, RejectedTransaction]:
        """Of each, the last rejection."""
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
