"""The rejected-transaction store: a repository of the rows of rejected transactions."""

import json
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from application.access.principal import Principal
from application.persistence.unit_of_work import UnitOfWork
from application.tables.rejected import (
    CLOSING,
    REJECTED,
    WAITING,
    RejectedTransaction,
    RejectionStatus,
)
from application.tables.table import Update, Upsert
from domain.actor import Actor
from domain.errors import Rejection, Unsupported
from domain.events import MovementRecorded
from domain.transaction import TransactionType

DEFAULT_RETENTION: Final = timedelta(days=90)
"""How long a closed rejection is kept, unless the settings say otherwise."""

DEFAULT_MAX_OPEN: Final = 10_000
"""Limit of open rejections per sender, unless the settings say otherwise."""


class NewRejection(NamedTuple):
    """A row to store."""

    row: RejectedTransaction
    kept: tuple[str, ...]
    """Columns that an existing row keeps. It exists if the same transaction was rejected before."""


def open_columns(sender: Principal, rejection: Rejection, now: datetime) -> dict[str, Any]:
    """Returns the columns of a new, open row that follow from its sender and its rejection."""
    return {
        "code": rejection.code,
        "message": rejection.message,
        "detail_object": json.dumps(rejection.details),
        "actor": sender.actor.name,
        "key_id": sender.actor.key_id,
        "first_rejected_at": now,
        "rejected_at": now,
        "status": RejectionStatus.OPEN.value,
        "closed_at": None,
        "closed_by": None,
        "closing_reason": None,
    }


class RejectedTransactionStore:
    """Stores rejected transactions, and closes them.

    Args:
        retention: how long a row is kept after it was closed.
        max_open: how many rows of one sender may be open.
    """

    def __init__(
        self, retention: timedelta = DEFAULT_RETENTION, max_open: int = DEFAULT_MAX_OPEN
    ) -> None:
        self._retention = retention
        self.max_open = max_open

    def add(
        self,
        unit_of_work: UnitOfWork,
        rejections: Iterable[NewRejection],
        sender: Actor,
        now: datetime,
        newest: datetime,
    ) -> set[UUID]:
        """Stores rejections, and deletes rows that were closed before the retention period.

        Args:
            unit_of_work: the unit of work of the answer.
            rejections: the rows to store.
            sender: their sender.
            now: the server's clock.
            newest: the timestamp of the ledger's last event. The deletion goes by the earlier of
                both, so that a clock that is ahead for a moment deletes nothing.

        Returns:
            The ids of rejections that are not stored, because the sender has too many open ones.
        """
        by_id = {new.row.rejection_id: new for new in rejections}
        known = {row.rejection_id: row for row in unit_of_work.rejections(sorted(by_id))}
        left_out = self._beyond_limit(unit_of_work, list(by_id), known, sender)
        rows: defaultdict[tuple[str, ...], list[RejectedTransaction]] = defaultdict(list)
        # Sorted, so that two units of work seldom deadlock. If they do, the database rolls one
        # back, and it is retried.
        for key in sorted(by_id.keys() - left_out):
            rows[_kept(by_id[key], known.get(key))].append(by_id[key].row)
        for kept, found in sorted(rows.items()):
            unit_of_work.write(REJECTED, [Upsert(found, kept)])
        if rows:
            unit_of_work.delete_before(REJECTED, "closed_at", min(now, newest) - self._retention)
        return left_out

    def _beyond_limit(
        self,
        unit_of_work: UnitOfWork,
        wanted: list[UUID],
        known: Container[UUID],
        sender: Actor,
    ) -> set[UUID]:
        """Returns the ids beyond the sender's limit. A row that exists already is always stored."""
        if not wanted:
            return set()
        room = self.max_open - unit_of_work.open_rejections(sender, self.max_open)
        if room >= len(wanted):
            return set()
        new = [rejection_id for rejection_id in wanted if rejection_id not in known]
        return set(new[max(room, 0) :])

    def resolve(
        self,
        unit_of_work: UnitOfWork,
        rejection_ids: Iterable[UUID],
        by: Actor,
        now: datetime,
    ) -> None:
        """Closes rejections as resolved: their transactions are recorded. Ignores unknown ids."""
        values = [
            (RejectionStatus.RESOLVED.value, now, by.name, None, None, None, rejection_id)
            for rejection_id in rejection_ids
        ]
        if values:
            unit_of_work.write(REJECTED, [Update((*CLOSING, *WAITING), values)])

    def resolve_malformed(
        self,
        unit_of_work: UnitOfWork,
        recorded: Mapping[UUID, MovementRecorded],
        by: Actor,
        now: datetime,
    ) -> None:
        """Resolves malformed elements that were corrected.

        An element was corrected if its `local_id` is in `recorded`, and the event has the same
        sender or the same location.
        """
        rows = unit_of_work.open_malformed(list(recorded)) if recorded else []
        chosen = [row.rejection_id for row in rows if _is_corrected(row, recorded)]
        self.resolve(unit_of_work, sorted(chosen), by, now)

    def rename(self, unit_of_work: UnitOfWork, before: UUID, now_called: UUID) -> None:
        """Gives a row the id of its transaction, because its malformed element has become readable.
        Does nothing if a row with the new id exists."""
        if not unit_of_work.rejections([now_called]):
            unit_of_work.write(REJECTED, [Update(("rejection_id",), [(now_called, before)])])

    def update(self, unit_of_work: UnitOfWork, rows: Iterable[RejectedTransaction]) -> None:
        """Stores the latest judgement of rows, and what they wait for."""
        columns = ("code", "message", "detail_object", "rejected_at", *WAITING)
        values = [
            tuple(getattr(row, column) for column in (*columns, "rejection_id")) for row in rows
        ]
        if values:
            unit_of_work.write(REJECTED, [Update(columns, values)])

    def mark_due(
        self, unit_of_work: UnitOfWork, rejection_ids: Iterable[UUID], now: datetime
    ) -> None:
        """Marks rows that must be judged again in a commit of their own."""
        values = [(now, rejection_id) for rejection_id in rejection_ids]
        if values:
            unit_of_work.write(REJECTED, [Update(("due_at",), values)])

    def dismiss(
        self,
        unit_of_work: UnitOfWork,
        rows: Iterable[RejectedTransaction],
        reason: str,
        by: Actor,
        now: datetime,
    ) -> None:
        """Closes rows as dismissed, for a reason that a person gave."""
        closing = (RejectionStatus.DISMISSED.value, now, by.name, reason, None, None)
        values = [(*closing, row.rejection_id) for row in rows]
        unit_of_work.write(REJECTED, [Update((*CLOSING, *WAITING), values)])

    def close_waiting(
        self, unit_of_work: UnitOfWork, rejection_id: UUID, reason: str, by: Actor, now: datetime
    ) -> None:
        """Closes a row that needs no person, but goes on waiting."""
        values = [(RejectionStatus.DISMISSED.value, now, by.name, reason, rejection_id)]
        unit_of_work.write(REJECTED, [Update(CLOSING, values)])


_ALL_BUT_THE_TIME: Final = tuple(
    column for column in REJECTED.columns if column not in {"rejection_id", "rejected_at"}
)


def _kept(new: NewRejection, known: RejectedTransaction | None) -> tuple[str, ...]:
    """Returns the columns that the row keeps. What waits stays its first sender's: another one may
    not have the rights for it."""
    if known is None or new.row.malformed:
        return new.kept
    if new.row.is_item:
        is_closed = known.status == RejectionStatus.RESOLVED  # It differs again.
        return tuple(one for one in new.kept if not (is_closed and one in CLOSING))
    if known.status != RejectionStatus.OPEN:
        return (*new.kept, *WAITING)
    if "actor" in new.kept:
        return new.kept
    is_of_another = (known.key_id, known.actor) != (new.row.key_id, new.row.actor)
    return _ALL_BUT_THE_TIME if known.waits_for is not None and is_of_another else new.kept


def _is_corrected(row: RejectedTransaction, recorded: Mapping[UUID, MovementRecorded]) -> bool:
    event = recorded[cast("UUID", row.local_id)]
    if row.code == Unsupported.code and not _is_of_type(row, event.type):
        return False  # Another transaction, which only a newer version can read.
    same_sender = (row.key_id or row.actor) == (event.key_id or event.actor)
    return same_sender or row.location == event.location


def _is_of_type(row: RejectedTransaction, type: TransactionType) -> bool:
    try:
        element = json.loads(row.element)
    except ValueError:
        return False
    return isinstance(element, dict) and str(element.get("type")).strip().upper() == type
