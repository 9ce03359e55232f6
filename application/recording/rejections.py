"""Rejected transactions of a commit: stores failed elements, and closes recorded ones."""

import json
from collections.abc import Container
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from application.access.principal import Located
from application.parsing.batch import FailedElement
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decision
from application.recording.differing_items import differing_item_id_of, differing_items
from application.recording.judge import Judge
from application.recording.registration import RegistrationResult
from application.recording.rejected_element import element_of, excerpt_of
from application.recording.rejected_store import (
    NewRejection,
    RejectedTransactionStore,
    open_columns,
)
from application.recording.rejection_errors import TooManyRejections
from application.recording.request import Request
from application.tables.rejected import (
    CLOSING,
    REJECTED,
    WAITING,
    RejectedTransaction,
)
from application.tables.rejection_ids import malformed_id, rejection_id
from domain.device_clock import FirstArrival, happened_at
from domain.errors import (
    InsufficientStock,
    ItemDiscontinued,
    LocalIdReused,
    Rejection,
    UnknownItem,
    UnknownTransaction,
)
from domain.transaction import Transaction

_FROM_FIRST: Final = ("first_rejected_at", "moved_at", "moment", "rank")
"""Columns that keep the values of the first rejection."""

_OF_THE_SENDER: Final = (
    "actor",
    "key_id",
    "device",
    "role",
    "location_list",
    "waits_for",
    "due_at",
    "group_id",
)
"""Columns that a retry by another person does not change."""

_NEVER_KEPT: Final = frozenset({"rejection_id", "rejected_at"})


class Rejections:
    """The rejected transactions of one commit. Takes its batches in turn, as the decider does."""

    def __init__(
        self,
        store: RejectedTransactionStore,
        unit_of_work: UnitOfWork,
        judge: Judge,
        newest: datetime,
    ) -> None:
        """`newest`: the timestamp of the ledger's last event before this commit."""
        self._store = store
        self._unit_of_work = unit_of_work
        self._known = judge.known
        self._judge = judge
        self._now = judge.now
        self._newest = newest

    def settle(self, request: Request, decision: Decision) -> list[FailedElement]:
        """Stores the batch's failed elements, and closes rejections of its recorded ones.

        Returns:
            The failed elements for the answer. One that is not stored, because too many are open,
            has the rejection TooManyRejections.
        """
        known = self._known
        for place, row in request.retried.items():
            if row.malformed:
                # It has become readable, so its row takes the id of the transaction.
                self._store.rename(self._unit_of_work, row.rejection_id, request.retried_id(place))
        answered = self._keep(request, decision)
        # Later batches of this commit must find these rejections.
        for one in decision.failed:
            if one.local_id is not None:
                known.rejected.setdefault(one.local_id, [])
        if known.rejected or request.retried:
            self._close(request, decision)
        self._close_items(request, decision)
        return answered

    def _keep(self, request: Request, decision: Decision) -> list[FailedElement]:
        """Stores what is refused, and returns the failed elements for the answer. Items that can't
        be kept become failed."""
        failed = decision.failed
        new = {one.index: self._rejection(request, one) for one in failed if request.keeps(one)}
        rows = [*new.values(), *differing_items(request, decision, self._now)]
        left_out = self._store.add(
            self._unit_of_work, rows, request.principal.actor, self._now, self._newest
        )
        if left_out:
            decision.items[:] = [self._kept_item(one, left_out) for one in decision.items]
        cut = {one.row.group_id for one in new.values() if one.row.rejection_id in left_out}
        return [
            replace(one, rejection=TooManyRejections(one.rejection, self._store.max_open))
            if one.index in new and _is_left_out(new[one.index].row, left_out, cut)
            else one
            for one in failed
        ]

    def _kept_item(
        self, result: RegistrationResult, left_out: Container[UUID]
    ) -> RegistrationResult:
        """Returns the result of an item for the answer: failed, if its row is left out."""
        if result.status != "differs" or result.rejection is None:
            return result
        if differing_item_id_of(result) not in left_out:
            return result
        rejection = TooManyRejections(result.rejection, self._store.max_open)
        return result._replace(status="failed", rejection=rejection)

    def _close(self, request: Request, decision: Decision) -> None:
        """Closes rejections that are recorded now, and malformed elements that were corrected."""
        rejected, actor = self._known.rejected, request.principal.actor
        recorded = [
            rejection_id(outcome.event.local_id, outcome.event.content)
            for outcome in decision.outcomes
            if outcome.status == "recorded" and outcome.event.local_id in rejected
        ]
        for place, row in request.retried.items():
            if decision.records(place):
                recorded += [row.rejection_id, request.retried_id(place)]
        self._store.resolve(self._unit_of_work, recorded, actor, self._now)
        local_ids = [
            *(outcome.event.local_id for outcome in decision.outcomes),
            *request.batch.malformed_ids,
        ]
        found = {key: self._judge.recorded(key) for key in local_ids if key in rejected}
        events = {key: event for key, event in found.items() if event is not None}
        self._store.resolve_malformed(self._unit_of_work, events, actor, self._now)

    def _close_items(self, request: Request, decision: Decision) -> None:
        """Closes differing items that have replaced what stood."""
        by_place = {result.place: result.status for result in decision.items}
        replaced = [
            row.rejection_id
            for place, row in request.retried_items.items()
            if by_place[place] not in {"differs", "failed"}
        ]
        self._store.resolve(self._unit_of_work, replaced, request.principal.actor, self._now)

    def _rejection(self, request: Request, failed: FailedElement) -> NewRejection:
        item = None if failed.item_id is None else self._known.items.get(failed.item_id)
        location = _disclosed_location(request, item)
        row = _row(request, failed, location, self._now)
        kept = _kept_columns(row, is_disclosed=location is not None)
        if request.retried:
            kept = (*kept, *_OF_THE_SENDER)
        elif request.is_answered:  # What was sent as a fact before stays one.
            kept = (*kept, *WAITING)
        return NewRejection(row, kept)


def _is_left_out(
    row: RejectedTransaction, left_out: Container[UUID], groups: Container[UUID | None]
) -> bool:
    """Whether the device must keep the transaction: a group as a whole."""
    return row.rejection_id in left_out or (row.group_id is not None and row.group_id in groups)


def _disclosed_location(request: Request, item: Located | None) -> str | None:
    """Returns the item's location; None if the sender may not know it."""
    may_know = item is not None and request.principal.can_access(item.location)
    return item.location if item is not None and may_know else None


def _kept_columns(row: RejectedTransaction, *, is_disclosed: bool) -> tuple[str, ...]:
    """Returns the columns that an existing row keeps.

    A sender who may not know the item's location changes only the time, and makes a fact of a
    refused request. Otherwise they could hide the row from people at that location.
    """
    if row.malformed:
        return _FROM_FIRST  # It may be new, or the dismissed one again, so the row opens again.
    if is_disclosed:
        return (*_FROM_FIRST, *CLOSING)
    changed = _NEVER_KEPT if row.waits_for is None else _NEVER_KEPT | {*WAITING}
    return tuple(column for column in REJECTED.columns if column not in changed)


def _row(
    request: Request,
    failed: FailedElement,
    location: str | None,
    now: datetime,
) -> RejectedTransaction:
    principal, rejection, transaction = request.principal, failed.rejection, failed.transaction
    if isinstance(rejection, LocalIdReused):  # The other transaction may have another location.
        rejection = LocalIdReused.undisclosed()
    identity, element, device = _identified(request, failed, transaction)
    arrival = failed.arrival or FirstArrival(now, None)
    is_fact = transaction is not None and not request.is_answered
    return RejectedTransaction(
        rejection_id=identity,
        local_id=failed.local_id,
        item_id=failed.item_id,
        location=location or min(principal.locations, default=None),
        element=element,
        malformed=transaction is None,
        device=device or principal.device,
        moved_at=request.batch.corrected_time(failed.index),
        moment=None
        if transaction is None
        else happened_at(transaction.occurred_at, arrival.received_at),
        rank=arrival.rank,
        role=principal.role.value,
        location_list=json.dumps(sorted(principal.locations)),
        waits_for=waits_for(failed.rejection, transaction) if is_fact and transaction else None,
        group_id=failed.group if transaction is None else transaction.links.group,
        **open_columns(principal, rejection, now),
    )


def with_rejection(
    row: RejectedTransaction, rejection: Rejection, now: datetime
) -> RejectedTransaction:
    """Returns the row with another rejection. The same one changes nothing."""
    if isinstance(rejection, LocalIdReused):  # The other transaction may have another location.
        rejection = LocalIdReused.undisclosed()
    details = json.dumps(rejection.details)
    if (row.code, row.message, row.detail_object) == (rejection.code, rejection.message, details):
        return row
    return row._replace(
        code=rejection.code,
        message=rejection.message,
        detail_object=details,
        rejected_at=now,
    )


def waits_for(rejection: Rejection, transaction: Transaction) -> UUID | None:
    """Returns the item, or the `local_id`, whose next change may let the transaction be accepted.
    None: it waits for a person."""
    if transaction.links.group is not None:
        return None
    if isinstance(rejection, UnknownTransaction):
        return transaction.links.original
    is_of_item = type(rejection) in {InsufficientStock, ItemDiscontinued, UnknownItem}
    return transaction.item_id if is_of_item else None


def _identified(
    request: Request, failed: FailedElement, transaction: Transaction | None
) -> tuple[UUID, str, str | None]:
    """Returns the rejection's id, the element as stored, and the device that it names."""
    if transaction is None:
        element = request.batch.elements[failed.index]
        return malformed_id(element, request.principal.actor), excerpt_of(element), None
    device = request.principal.device_for(transaction.device)
    identity = rejection_id(transaction.local_id, transaction.content)
    return identity, json.dumps(element_of(transaction, device)), device
