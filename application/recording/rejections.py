"""Rejected transactions of a commit: stores failed elements, and closes recorded ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic.alias_generators import to_camel

from application.access.principal import Located
from application.ledger.ledger import Known
from application.parsing.batch import FailedElement
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decider, Decision
from application.recording.rejected_store import NewRejection, RejectedTransactionStore
from application.recording.rejection_errors import TooManyRejections
from application.recording.request import Request
from application.tables.rejected import CLOSING, REJECTED, RejectedTransaction, RejectionStatus
from application.tables.rejection_ids import as_json, malformed_id, rejection_id
from domain.errors import LocalIdReused
from domain.transaction import Transaction, plain

_FROM_FIRST: Final = ("first_rejected_at", "moved_at")
"""Columns that keep the values of the first rejection."""

_NEVER_KEPT: Final = frozenset({"rejection_id", "rejected_at"})

MAX_EXCERPT_BYTES: Final = 16_384
"""Bytes stored of a malformed element. A longer one is cut, and cannot be retried."""


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
        """`newest`: the timestamp of the ledger's last event before this commit."""
        self._store = store
        self._unit_of_work = unit_of_work
        self._known = known
        self._decider = decider
        self._now = now
        self._newest = newest

    def settle(self, request: Request, decision: Decision) -> list[FailedElement]:
        """Stores the batch's failed elements, and closes rejections of its recorded ones.

        Returns:
            The failed elements for the answer. One that is not stored, because too many are open,
            has the rejection TooManyRejections.
        """
        retried, known = request.retried, self._known
        if retried is not None and retried.malformed:
            # It has become readable, so its row takes the id of the transaction.
            self._store.rename(self._unit_of_work, retried.rejection_id, request.retried_id)
        answered = self._keep(request, decision.failed)
        # Later batches of this commit must find these rejections.
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
        """Closes rejections that are recorded now, and malformed elements that were corrected."""
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
        events = {key: event for key, event in found.items() if event is not None}
        self._store.resolve_malformed(self._unit_of_work, events, actor, self._now)

    def _rejection(self, request: Request, failed: FailedElement) -> NewRejection:
        item = None if failed.item_id is None else self._known.items.get(failed.item_id)
        transaction = request.batch.transactions.get(failed.index)
        location = _disclosed_location(request, item)
        return NewRejection(
            _row(request, failed, transaction, location, self._now),
            _kept_columns(transaction, location),
        )


def _disclosed_location(request: Request, item: Located | None) -> str | None:
    """Returns the item's location; None if the sender may not know it."""
    may_know = item is not None and request.principal.can_access(item.location)
    return item.location if item is not None and may_know else None


def _kept_columns(transaction: Transaction | None, location: str | None) -> tuple[str, ...]:
    """Returns the columns that an existing row keeps.

    A sender who may not know the item's location changes only the time. Otherwise they could hide
    the row from people at that location.
    """
    if transaction is None:
        return _FROM_FIRST  # It may be new, or the dismissed one again, so the row opens again.
    if location is not None:
        return (*_FROM_FIRST, *CLOSING)
    return tuple(column for column in REJECTED.columns if column not in _NEVER_KEPT)


def _row(
    request: Request,
    failed: FailedElement,
    transaction: Transaction | None,
    location: str | None,
    now: datetime,
) -> RejectedTransaction:
    principal, rejection = request.principal, failed.rejection
    if isinstance(rejection, LocalIdReused):  # The other transaction may have another location.
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
    """Returns the rejection's id, the element as stored, and the device that it names."""
    if transaction is None:
        element = request.batch.elements[failed.index]
        return malformed_id(element, request.principal.actor), _excerpt(element), None
    device = request.principal.device_for(transaction.device)
    identity = rejection_id(transaction.local_id, transaction.content)
    return identity, json.dumps(element_of(transaction, device)), device


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


def _excerpt(element: object) -> str:
    """Returns compact JSON, cut to MAX_EXCERPT_BYTES; in ASCII if it has no UTF-8 form."""
    text = as_json(element, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()[:MAX_EXCERPT_BYTES].decode(errors="ignore")
    except UnicodeEncodeError:
        return as_json(element, separators=(",", ":"))[:MAX_EXCERPT_BYTES]
