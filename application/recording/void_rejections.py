"""Rejections that are voided: the VOID of a transaction that is not recorded closes both."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decision
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.request import Request
from application.tables.rejected import RejectedTransaction, RejectionStatus
from application.tables.rejection_ids import rejection_id
from domain.errors import UnknownItem, UnknownTransaction
from domain.transaction import Transaction

VOIDED: Final = "voided"
"""The closing reason of both."""


class OpenVoid(NamedTuple):
    """A VOID that waits for the transaction that it voids."""

    transaction: Transaction
    principal: Principal
    rejection_id: UUID


def open_voids(
    requests: Sequence[Request], decisions: Sequence[Decision], rejected: Container[UUID]
) -> Iterator[OpenVoid]:
    """Yields the VOIDs of a commit whose originals are not recorded, but rejected."""
    for request, decision in zip(requests, decisions, strict=True):
        if request.is_answered:  # A refused request has no effect.
            continue
        for one in decision.failed:
            is_early = type(one.rejection) in {UnknownTransaction, UnknownItem}
            if not is_early or one.transaction is None or one.transaction.links.group is not None:
                continue
            if one.transaction.links.voids in rejected:
                identity = rejection_id(one.transaction.local_id, one.transaction.content)
                yield OpenVoid(one.transaction, request.principal, identity)


def close_voided(
    store: RejectedTransactionStore,
    unit_of_work: UnitOfWork,
    voids: Iterable[OpenVoid],
    now: datetime,
) -> None:
    """Closes open rejections that are voided, and their VOIDs. The VOID goes on waiting, in case
    the transaction is recorded after all. A VOID that a person has dismissed closes nothing."""
    for void in voids:
        voided = cast("UUID", void.transaction.links.voids)
        rows = [row for row in unit_of_work.rejected(voided) if _may_void(void, row)]
        if rows and not _is_dismissed(unit_of_work, void):
            by = void.principal.actor
            store.dismiss(unit_of_work, rows, VOIDED, by, now)
            store.close_waiting(unit_of_work, void.rejection_id, VOIDED, by, now)


def _is_dismissed(unit_of_work: UnitOfWork, void: OpenVoid) -> bool:
    """Whether a person has closed the VOID. One that this module closed is still waiting."""
    rows = unit_of_work.rejections([void.rejection_id])
    return any(row.status == RejectionStatus.DISMISSED and row.waits_for is None for row in rows)


def _may_void(void: OpenVoid, row: RejectedTransaction) -> bool:
    if row.status != RejectionStatus.OPEN or row.local_id != void.transaction.links.voids:
        return False
    if row.item_id not in {None, void.transaction.item_id}:
        return False
    if void.principal.has_sent(row.key_id, row.actor):
        return True
    return void.principal.may(Permission.VOID_ANY) and void.principal.can_access(row.location)
