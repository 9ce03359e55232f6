"""Rejected transactions in a commit: what failed is stored, what is recorded is closed."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.access.principal import Located
from application.ledger.ledger import Known
from application.parsing.batch import FailedElement
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decider, Decision
from application.recording.errors import TooManyRejections
from application.recording.rejected_store import NewRejection, RejectedTransactionStore
from application.recording.request import Request
from application.tables.rejected import CLOSING, REJECTED, RejectedTransaction, RejectionStatus
from application.tables.rejection_ids import as_json, malformed_id, rejection_id
from domain.errors import LocalIdReused
from domain.transaction import Transaction

_FIRST: Final = ("first_rejected_at", "moved_at")
_ALWAYS_NEW: Final = frozenset({"rejection_id", "rejected_at"})

MAX_EXCERPT_BYTES: Final = 16_384
"""Bytes kept of an element that could not be understood; a longer one can't be tried again."""


class Rejections:
    """The rejected transactions of one commit. Takes its batches in turn, as the decider does."""

    def __init__(
        self,
        store: RejectedTransactionStore,
        unit_of_work: UnitOfWork,
        known: Known,
        decider: Decider,
        now: datetime,
        newest: datetime,
    ) -> None:
        """`newest`: when the ledger's last event was recorded before this commit."""
        self._store = store
        self._unit_of_work = unit_of_work
        self._known = known
        self._decider = decider
        self._now = now
        self._newest = newest

    def settle(self, request: Request, decision: Decision) -> list[FailedElement]:
        """Stores what failed, and closes what is recorded.

        Returns:
            The failed elements as they are answered: one that is not stored, as too many are open,
            fails with TooManyRejections.
        """
        retried, known = request.retried, self._known
        if retried is not None and retried.malformed:
            # It is understood by now, so its row takes the id of the transaction.
            self._store.rename(self._unit_of_work, retried.rejection_id, request.retried_id)
        answered = self._keep(request, decision.failed)
        # What failed counts as known for the batches behind.
        known.rejected.update(one.local_id for one in decision.failed if one.local_id is not None)
        if known.rejected or retried is not None:
            self._close(request, decision)
        return answered

    def _keep(self, request: Request, failed: Sequence[FailedElement]) -> list[FailedElement]:
        new = {one.index: self._rejection(request, one) for one in failed if request.keeps(one)}
        left_out = self._store.add(
            self._unit_of_work, new.values(), request.principal.actor, self._now, self._newest
        )
        return [
            replace(one, rejection=TooManyRejections(one.rejection, self._store.max_open))
            if one.index in new and new[one.index].row.rejection_id in left_out
            else one
            for one in failed
        ]

    def _close(self, request: Request, decision: Decision) -> None:
        """Closes what is recorded after all, and the malformed elements that it puts right."""
        rejected, actor = self._known.rejected, request.principal.actor
        recorded = [
            rejection_id(outcome.event.local_id, outcome.event.content)
            for outcome in decision.outcomes
            if outcome.status == "recorded" and outcome.event.local_id in rejected
        ]
        if request.retried is not None and decision.records(request.retried_place):
            recorded += [request.retried.rejection_id, request.retried_id]
        self._store.resolve(self._unit_of_work, recorded, actor, self._now)
        local_ids = [
            *(outcome.event.local_id for outcome in decision.outcomes),
            *request.batch.malformed_ids,
        ]
        found = {key: self._decider.recorded(key) for key in local_ids if key in rejected}
        put_right = {key: event for key, event in found.items() if event is not None}
        self._store.resolve_malformed(self._unit_of_work, put_right, actor, self._now)

    def _rejection(self, request: Request, failed: FailedElement) -> NewRejection:
        item = None if failed.item_id is None else self._known.items.get(failed.item_id)
        transaction = request.batch.transactions.get(failed.index)
        location = _disclosed_location(request, item)
        return NewRejection(
            _row(request, failed, transaction, location, self._now), _kept(transaction, location)
        )


def _disclosed_location(request: Request, item: Located | None) -> str | None:
    """Where the item is, as far as the sender may know."""
    may_know = item is not None and request.principal.can_access(item.location)
    return item.location if item is not None and may_know else None


def _kept(transaction: Transaction | None, location: str | None) -> tuple[str, ...]:
    """The columns that stay where the same was rejected before. A sender who does not know the
    item's location changes the time alone: they must not hide the row from those who do."""
    if transaction is None:
        return _FIRST  # Nothing tells a new one from one that was dismissed, so it opens again.
    if location is not None:
        return (*_FIRST, *CLOSING)
    return tuple(column for column in REJECTED.columns if column not in _ALWAYS_NEW)


def _row(
    request: Request,
    failed: FailedElement,
    transaction: Transaction | None,
    location: str | None,
    now: datetime,
) -> RejectedTransaction:
    principal, rejection = request.principal, failed.rejection
    if isinstance(rejection, LocalIdReused):  # The other transaction may be elsewhere.
        rejection = LocalIdReused.undisclosed()
    identity, element, device = _identified(request, failed, transaction)
    return RejectedTransaction(
        rejection_id=identity,
        local_id=failed.local_id,
        item_id=failed.item_id,
        location=location or min(principal.locations, default=None),
        element=element,
        malformed=transaction is None,
        code=rejection.code,
        message=rejection.message,
        detail_object=json.dumps(rejection.details),
        actor=principal.actor.name,
        key_id=principal.actor.key_id,
        device=device or principal.device,
        first_rejected_at=now,
        rejected_at=now,
        status=RejectionStatus.OPEN.value,
        closed_at=None,
        closed_by=None,
        closing_reason=None,
        moved_at=request.batch.corrected_time(failed.index),
    )


def _identified(
    request: Request, failed: FailedElement, transaction: Transaction | None
) -> tuple[UUID, str, str | None]:
    """The rejection's id, the element as it is kept, and the device that it names."""
    if transaction is None:
        element = request.batch.elements[failed.index]
        return malformed_id(element, request.principal.actor), _excerpt(element), None
    device = request.principal.device_for(transaction.device)
    identity = rejection_id(transaction.local_id, transaction.content)
    return identity, json.dumps(element_of(transaction, device)), device


def element_of(transaction: Transaction, device: str | None) -> dict[str, Any]:
    """The transaction as an element of a batch, as it was sent."""
    fields = {
        "localId": str(transaction.local_id),
        "type": transaction.type.value,
        "itemId": str(transaction.item_id),
        "quantity": transaction.quantity,
        "occurredAt": transaction.content.occurred_at,
        "reason": transaction.reason,
        "note": transaction.note,
        "reference": transaction.reference,
        "device": device,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _excerpt(element: object) -> str:
    """As short as JSON can be; in ASCII where it can't be stored as it is."""
    text = as_json(element, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()[:MAX_EXCERPT_BYTES].decode(errors="ignore")
    except UnicodeEncodeError:
        return as_json(element, separators=(",", ":"))[:MAX_EXCERPT_BYTES]
