"""Duplicates of a large batch, found before its commit.

A device that got no answer sends its backlog again. What is recorded stays recorded, so a duplicate
needs no lock: it is found by a reader, and writers do not wait for it.
"""

from typing import Final, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.ledger.ledger import Ledger
from application.parsing.batch import Batch
from application.projections.projection import Recorded
from application.recording.decide import Outcome
from application.recording.sync_result import Synced, SyncResult, synced_of
from domain.events import MovementRecorded
from domain.transaction import Transaction

LARGE_BATCH: Final = 2_000
"""Transactions. A smaller batch keeps writers waiting for a shorter time than the look-up takes."""

IDS_PER_LOOK_UP: Final = 500
"""`local_id`s in one look-up. Other threads wait while its answer is decoded."""


class Deduplicated(NamedTuple):
    """A batch without the duplicates that were found."""

    batch: Batch
    duplicates: list[Synced]

    def merged(self, result: SyncResult) -> SyncResult:
        """Returns the result of the whole batch."""
        both = sorted([*self.duplicates, *result.synced], key=lambda one: one.index)
        return result._replace(synced=both)


def deduplicate(ledger: Ledger, batch: Batch, principal: Principal) -> Deduplicated:
    """Takes out the duplicates whose answer depends on nothing else. Raises StoreUnavailable."""
    plain = {place: one for place, one in batch.transactions.items() if _is_plain(one)}
    local_ids = list({one.local_id for one in plain.values()})
    recorded: dict[UUID, Recorded[MovementRecorded]] = {}
    for start in range(0, len(local_ids), IDS_PER_LOOK_UP):
        recorded |= ledger.recorded_under(local_ids[start : start + IDS_PER_LOOK_UP])
    if not recorded:
        return Deduplicated(batch, [])
    rejected = {row.local_id for row in ledger.recorder.select_rejected_of(local_ids, None)}
    duplicates = []
    left = dict(batch.transactions)
    for place, transaction in plain.items():
        found = recorded.get(transaction.local_id)
        if found is None or transaction.local_id in rejected:
            continue
        position, event = found
        if event.content == transaction.content and principal.can_access(event.location):
            outcome = Outcome(place, "duplicate", event)
            duplicates.append(synced_of(outcome, {event.local_id: position}))
            del left[place]
    return Deduplicated(batch._replace(transactions=left), duplicates)


def _is_plain(transaction: Transaction) -> bool:
    """Whether nothing but its duplicate decides: neither a group nor a warning."""
    links = transaction.links
    return links.group is None and links.voids is None and not transaction.override
