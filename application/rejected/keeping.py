"""Keeping what was rejected, in the commit that answers it, and closing it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.access.principal import Located, Principal
from application.persistence.port import LedgerTransaction
from application.projections.table import Update, Upsert
from application.rejected.rejections import TooManyRejections
from application.rejected.table import CLOSING, REJECTED, RejectedTransaction, Standing
from domain.actor import Actor
from domain.rejections import LocalIdReused, Rejection
from domain.transaction import Content, Transaction

RETENTION: Final = timedelta(days=90)
"""How long a rejection is kept after it was closed, unless the settings say otherwise."""

MAX_OPEN: Final = 10_000
"""Open rejections of one sender that are kept, unless the settings say otherwise."""

_FIRST: Final = ("first_rejected_at",)
_ALWAYS_NEW: Final = frozenset({"rejection_id", "rejected_at"})

MAX_EXCERPT: Final = 4_000
"""Characters kept of a malformed element."""


class Refused(NamedTuple):
    """An element of a batch that was not recorded."""

    element: object
    local_id: UUID | None
    item_id: UUID | None
    transaction: Transaction | None
    """None where the element is malformed."""
    item: Located | None
    """The item that it is about, where there is one."""
    rejection: Rejection


class RejectionKeeper:
    """Keeps what was rejected.

    Args:
        retention: how long after it was closed.
        max_open: how many open ones of one sender.
    """

    def __init__(self, retention: timedelta = RETENTION, max_open: int = MAX_OPEN) -> None:
        self._retention = retention
        self._max_open = max_open

    def keep(
        self,
        unit_of_work: LedgerTransaction,
        refused: Sequence[Refused],
        principal: Principal,
        now: datetime,
        newest: datetime,
    ) -> list[Refused]:
        """Keeps these, and forgets what was closed long ago; returns those that are too many.

        `newest` is when the ledger's last event was recorded: a clock that is ahead for a moment
        must not make it forget.
        """
        by_id: dict[UUID, tuple[Refused, RejectedTransaction]] = {}
        alike: defaultdict[UUID, list[Refused]] = defaultdict(list)
        for one in refused:
            row = _row(one, principal, now)
            by_id[row.rejection_id] = (one, row)
            alike[row.rejection_id].append(one)
        left_out = self._too_many(unit_of_work, list(by_id), principal)
        rows: defaultdict[tuple[str, ...], list[RejectedTransaction]] = defaultdict(list)
        # In one order, so that two of these seldom wait for each other in a circle. Where they do,
        # the database undoes one, which is then tried again.
        for rejection_id in sorted(by_id.keys() - left_out):
            one, row = by_id[rejection_id]
            rows[_kept(one, principal)].append(row)
        for kept, found in sorted(rows.items()):
            unit_of_work.write(REJECTED, [Upsert(found, kept)])
        if rows:
            unit_of_work.delete_before(REJECTED, "closed_at", min(now, newest) - self._retention)
        return [one for rejection_id in left_out for one in alike[rejection_id]]

    def too_many(self, one: Refused) -> TooManyRejections:
        """What is said of one that is not kept."""
        return TooManyRejections(one.rejection, self._max_open)

    def _too_many(
        self, unit_of_work: LedgerTransaction, wanted: list[UUID], principal: Principal
    ) -> set[UUID]:
        """Those that there is no more room for. One that is kept already takes none."""
        if not wanted:
            return set()
        actor = principal.actor
        room = self._max_open - unit_of_work.open_rejections(actor, self._max_open)
        if room >= len(wanted):
            return set()
        known = unit_of_work.rejections_among(wanted)
        new = [rejection_id for rejection_id in wanted if rejection_id not in known]
        return set(new[max(room, 0) :])

    def resolve(
        self,
        unit_of_work: LedgerTransaction,
        rejection_ids: Iterable[UUID],
        by: Actor,
        now: datetime,
    ) -> None:
        """These transactions are recorded: where one was rejected before, it waits no more."""
        values = [
            (Standing.RESOLVED.value, now, by.name, None, rejection_id)
            for rejection_id in rejection_ids
        ]
        if values:
            unit_of_work.write(REJECTED, [Update(CLOSING, values)])

    def dismiss(
        self,
        unit_of_work: LedgerTransaction,
        rows: Iterable[RejectedTransaction],
        reason: str,
        by: Actor,
        now: datetime,
    ) -> None:
        """Somebody decided that these need nothing more."""
        closing = (Standing.DISMISSED.value, now, by.name, reason)
        unit_of_work.write(
            REJECTED, [Update(CLOSING, [(*closing, row.rejection_id) for row in rows])]
        )


def rejection_id(local_id: UUID, content: Content) -> UUID:
    """The same for the same transaction, however often it is sent. Another transaction under the
    same `local_id` is another one to look at."""
    text = f"{content.type} {content.quantity}".encode()
    return _digest(local_id.bytes + content.item_id.bytes + text)


def _kept(refused: Refused, principal: Principal) -> tuple[str, ...]:
    """What stays of the row where the same was rejected before. Whoever does not know the item's
    place changes nothing but the time: their word must not hide it from those who do."""
    if refused.transaction is None:
        return _FIRST  # Nothing tells a new one from one that was dismissed, so it opens again.
    if _known_place(refused, principal) is not None:
        return (*_FIRST, *CLOSING)
    return tuple(column for column in REJECTED.columns if column not in _ALWAYS_NEW)


def _digest(data: bytes) -> UUID:
    return UUID(bytes=blake2b(data, digest_size=16).digest())


def _row(refused: Refused, principal: Principal, now: datetime) -> RejectedTransaction:
    transaction = refused.transaction
    if transaction is None:
        element = _json(refused.element)
        sender = principal.actor.key_id or principal.actor.name
        identity = _digest(f"{sender} {element}".encode())
        excerpt, device = element[:MAX_EXCERPT], None
    else:
        device = principal.device_for(transaction.device)
        identity = rejection_id(transaction.local_id, transaction.content)
        excerpt = _json(_element(transaction, device))
    rejection = refused.rejection
    if isinstance(rejection, LocalIdReused):  # The other transaction may be elsewhere.
        rejection = LocalIdReused.undisclosed()
    return RejectedTransaction(
        rejection_id=identity,
        local_id=refused.local_id,
        item_id=refused.item_id,
        location=_known_place(refused, principal) or min(principal.locations, default=None),
        element=excerpt,
        malformed=transaction is None,
        code=rejection.code,
        message=rejection.message,
        detail_object=json.dumps(rejection.details),
        actor=principal.actor.name,
        key_id=principal.actor.key_id,
        device=device or principal.device,
        first_rejected_at=now,
        rejected_at=now,
        standing=Standing.OPEN.value,
        closed_at=None,
        closed_by=None,
        closing_reason=None,
    )


def _known_place(refused: Refused, principal: Principal) -> str | None:
    """Where the item is, as far as the sender may know."""
    item = refused.item
    return item.location if item is not None and principal.may_enter(item.location) else None


def _element(transaction: Transaction, device: str | None) -> dict[str, Any]:
    """The transaction as an element of a batch, from which it can be sent again."""
    fields = {
        "localId": str(transaction.local_id),
        "type": transaction.type.value,
        "itemId": str(transaction.item_id),
        "quantity": transaction.quantity,
        "occurredAt": transaction.occurred_at and transaction.occurred_at.isoformat(),
        "reason": transaction.reason,
        "note": transaction.note,
        "reference": transaction.reference,
        "device": device,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _json(value: object) -> str:
    """In ASCII: what can't be stored as text is stored as its escape."""
    try:
        return json.dumps(value)
    except RecursionError:
        return json.dumps("nested too deeply to be shown")
