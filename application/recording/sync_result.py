"""The outcome of a batch, for its sender."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from application.ledger.ledger import Known
from application.parsing.batch import FailedElement
from application.parsing.fields import FieldWarning
from application.projections.projection import Recorded
from application.recording.decide import Decision, Outcome
from application.recording.judge import Status
from application.recording.registration import RegistrationResult
from application.recording.request import Request
from domain.errors import Rejection
from domain.events import Adjusted, LedgerEvent, MovementRecorded
from domain.quantities import to_number


class StockTake(NamedTuple):
    """The result of a COUNT."""

    expected: int | float
    """On hand at the moment of the count, as far as the ledger knew."""
    counted: int | float
    delta: int | float


class Synced(msgspec.Struct, frozen=True):
    """An element that is recorded, by this commit or an earlier one."""

    index: int
    local_id: UUID
    item_id: UUID
    status: Status
    on_hand: int | float
    version: int
    position: int
    synced_at: datetime
    count: StockTake | None
    """For a COUNT."""
    covered_at: datetime | None
    """The moment of the stock-take that covers this movement; None if none does."""


class SyncResult(NamedTuple):
    """The outcome of a batch. Each list is in the order of the request."""

    synced: list[Synced]
    failed: list[FailedElement]
    items: list[RegistrationResult]
    """The outcomes of its items."""
    warnings: Mapping[int, Sequence[FieldWarning]]
    """Warnings about ignored fields, by the index of their element."""
    position: int
    """The ledger's last position when the batch was recorded, its own events included."""
    server_time: datetime
    """When it was decided."""

    @property
    def rejections(self) -> list[Rejection]:
        """The rejections of all elements and items that were not recorded as sent."""
        of_items = (item.rejection for item in self.items if item.rejection is not None)
        return [*(one.rejection for one in self.failed), *of_items]


def results_of(
    requests: Sequence[Request],
    decisions: Sequence[Decision],
    failed: Sequence[list[FailedElement]],
    positions: Mapping[UUID, int],
    position: int,
    now: datetime,
) -> list[SyncResult]:
    """Returns the result of each request.

    Args:
        requests: those of the commit.
        decisions: on each of them.
        failed: the failed elements of each, as they are answered.
        positions: the position of the event under each `local_id`.
        position: the ledger's last position.
        now: when they were decided.
    """
    return [
        SyncResult(
            synced=[synced_of(outcome, positions) for outcome in decision.outcomes],
            failed=of_request,
            items=decision.items,
            warnings=_merged(request.batch.warnings, decision.warnings),
            position=position,
            server_time=now,
        )
        for request, decision, of_request in zip(requests, decisions, failed, strict=True)
    ]


def positions_of(known: Known, appended: Iterable[Recorded[LedgerEvent]]) -> dict[UUID, int]:
    """Returns the position of the event under each `local_id`."""
    positions = {local_id: found.position for local_id, found in known.recorded.items()}
    positions.update(
        (found.event.local_id, found.position)
        for found in appended
        if isinstance(found.event, MovementRecorded)
    )
    return positions


def _merged(
    parsed: Mapping[int, Sequence[FieldWarning]], decided: Mapping[int, FieldWarning]
) -> Mapping[int, Sequence[FieldWarning]]:
    """Returns the warnings of the parser and of the decider."""
    if not decided:
        return parsed
    both = {index: list(found) for index, found in parsed.items()}
    for index, warning in decided.items():
        both.setdefault(index, []).append(warning)
    return both


def synced_of(outcome: Outcome, positions: Mapping[UUID, int]) -> Synced:
    """Returns the answer to a recorded element. `positions`: by `local_id`."""
    event = outcome.event
    return Synced(
        index=outcome.place,
        local_id=event.local_id,
        item_id=event.originator_id,
        status=outcome.status,
        on_hand=to_number(event.on_hand, event.scale),
        version=event.originator_version,
        position=positions[event.local_id],
        synced_at=event.timestamp,
        count=stock_take(event),
        covered_at=event.covered_at,
    )


def stock_take(event: MovementRecorded) -> StockTake | None:
    """Returns the result of a COUNT; None for any other event."""
    if not isinstance(event, Adjusted) or event.counted is None or event.expected is None:
        return None
    found = (event.expected, event.counted, event.delta)
    return StockTake(*(to_number(steps, event.scale) for steps in found))
