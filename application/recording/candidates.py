"""Candidates: refused transactions that the ledger may judge again by itself."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.access.principal import Principal, principal_of
from application.access.roles import Role
from application.persistence.unit_of_work import UnitOfWork
from application.recording.decide import Decision
from application.recording.judge import Status
from application.recording.rejected_element import rejected_transaction
from application.recording.rejections import waits_for
from application.recording.request import Request
from application.tables.access import API_KEYS, ApiKey
from application.tables.rejected import RejectedTransaction
from application.tables.rejection_ids import rejection_id
from domain.actor import Actor
from domain.device_clock import FirstArrival, happened_at
from domain.errors import Rejection
from domain.events import MovementRecorded
from domain.transaction import Transaction


@dataclass(eq=False, slots=True)
class Candidate:
    """A refused transaction that may be judged again."""

    transaction: Transaction
    principal: Principal
    """Its sender, with the rights at the sending."""
    waits_for: UUID | None
    arrival: FirstArrival
    row: RejectedTransaction | None = None
    """Its row; None if it was refused in this commit."""
    refused_at: datetime | None = None
    """When an earlier commit refused it."""
    place: int = 0
    """Its index in its batch, if it was refused in this commit."""
    rejection: Rejection | None = None
    """Of its last judgement in this commit, if that refused it again."""
    result: tuple[Status, MovementRecorded] | None = None
    """Set if it is accepted."""
    is_judged: bool = False
    """Whether this commit judged it again."""
    is_due: bool = False
    """Whether it must be judged in a later commit."""

    @property
    def rejection_id(self) -> UUID:
        """The id of its row."""
        if self.row is not None:
            return self.row.rejection_id
        return rejection_id(self.transaction.local_id, self.transaction.content)

    @property
    def moment(self) -> datetime:
        """When its goods moved, as far as is known."""
        return happened_at(self.transaction.occurred_at, self.arrival.received_at)


def candidates_of(
    request: Request,
    decision: Decision,
    rejected: Mapping[UUID, Sequence[RejectedTransaction]],
) -> Iterator[Candidate]:
    """Yields the failed elements of a batch that wait for something. `rejected`: what earlier
    commits rejected, by `local_id`.

    A person who waits for the answer was told no: that is not judged again.
    """
    if request.is_answered or request.atomic:
        return
    for one in decision.failed:
        if one.transaction is not None and one.arrival is not None:
            key = waits_for(one.rejection, one.transaction)
            if key is not None:
                found = Candidate(
                    one.transaction, request.principal, key, one.arrival, place=one.index
                )
                for row in rejected.get(one.transaction.local_id, ()):
                    if row.rejection_id == found.rejection_id:
                        found.refused_at = row.rejected_at
                yield found


class StoredCandidates:
    """Reads candidates from rows of rejected transactions."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._keys: dict[str, ApiKey | None] = {}

    def read(
        self, rows: Iterable[RejectedTransaction]
    ) -> tuple[list[Candidate], list[RejectedTransaction]]:
        """Returns the candidates, and the rows that must wait for a person: those that this version
        can't read, those with a revoked API key, and older ones without the sender's rights."""
        candidates, others = [], []
        for row in rows:
            principal = self._sender(row)
            try:
                transaction = rejected_transaction(row)
            except Rejection:
                principal = None
            if principal is None:
                others.append(row)
            else:
                candidates.append(
                    Candidate(
                        transaction,
                        principal,
                        row.waits_for,
                        row.first_arrival,
                        row,
                        refused_at=row.rejected_at,
                    )
                )
        return candidates, others

    def _sender(self, row: RejectedTransaction) -> Principal | None:
        """Returns the sender with the rights at the sending; None if they are not known, or if the
        API key is revoked."""
        if row.role is None or row.location_list is None:
            return None
        sender = Principal(Actor(row.actor), Role(row.role))
        if row.key_id is not None:
            key = self._key(row.key_id)
            if key is None or key.revoked_at is not None:
                return None
            sender = principal_of(key)
        locations = frozenset(json.loads(row.location_list))
        return replace(sender, role=Role(row.role), locations=locations, device=row.device)

    def _key(self, key_id: str) -> ApiKey | None:
        if key_id not in self._keys:
            self._keys[key_id] = self._unit_of_work.row(API_KEYS, key_id)
        return self._keys[key_id]
