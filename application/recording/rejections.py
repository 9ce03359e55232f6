"""Keeping what was rejected, in the commit that answers it, and closing it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from application.access.principal import Located, Principal
from application.persistence.unit_of_work import LedgerTransaction
from application.recording.errors import TooManyRejections
from application.tables.rejected import CLOSING, REJECTED, RejectedTransaction, Standing
from application.tables.rejection_ids import as_json, malformed_id, rejection_id
from application.tables.table import Update, Upsert
from domain.actor import Actor
from domain.errors import LocalIdReused, Rejection, Unsupported
from domain.events import MovementRecorded
from domain.transaction import Transaction, TransactionType

RETENTION: Final = timedelta(days=90)
"""How long a rejection is kept after it was closed, unless the settings say otherwise."""

MAX_OPEN: Final = 10_000
"""Open rejections of one sender that are kept, unless the settings say otherwise."""

_FIRST: Final = ("first_rejected_at", "moved_at")
_ALWAYS_NEW: Final = frozenset({"rejection_id", "rejected_at"})

MAX_EXCERPT: Final = 16_384
"""Bytes kept of an element that could not be understood; a longer one can't be tried again."""


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
    moved_at: datetime | None
    """When goods moved, where the device's clock was put right."""


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
        for key in sorted(by_id.keys() - left_out):
            one, row = by_id[key]
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
        """These are recorded: where one was rejected before, it waits no more."""
        values = [
            (Standing.RESOLVED.value, now, by.name, None, rejection_id)
            for rejection_id in rejection_ids
        ]
        if values:
            unit_of_work.write(REJECTED, [Update(CLOSING, values)])

    def resolve_malformed(
        self,
        unit_of_work: LedgerTransaction,
        recorded: Mapping[UUID, MovementRecorded],
        by: Actor,
        now: datetime,
    ) -> None:
        """Under these `local_id`s something is recorded: what the same sender sent under them, or
        somebody at the same location, and could not be understood, has been put right."""
        rows = unit_of_work.open_malformed(list(recorded)) if recorded else []
        chosen = [row.rejection_id for row in rows if _is_put_right(row, recorded)]
        self.resolve(unit_of_work, sorted(chosen), by, now)

    def rename(self, unit_of_work: LedgerTransaction, before: UUID, now_called: UUID) -> None:
        """An element that could not be understood is understood by now: its row bears the
        transaction's id from here on."""
        if not unit_of_work.rejections_among([now_called]):
            unit_of_work.write(REJECTED, [Update(("rejection_id",), [(now_called, before)])])

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


def _kept(refused: Refused, principal: Principal) -> tuple[str, ...]:
    """What stays of the row where the same was rejected before. Whoever does not know the item's
    place changes nothing but the time: their word must not hide it from those who do."""
    if refused.transaction is None:
        return _FIRST  # Nothing tells a new one from one that was dismissed, so it opens again.
    if _known_place(refused, principal) is not None:
        return (*_FIRST, *CLOSING)
    return tuple(column for column in REJECTED.columns if column not in _ALWAYS_NEW)


def _row(refused: Refused, principal: Principal, now: datetime) -> RejectedTransaction:
    transaction = refused.transaction
    if transaction is None:
        identity = malformed_id(refused.element, principal.actor)
        excerpt, device = _excerpt(refused.element), None
    else:
        device = principal.device_for(transaction.device)
        identity = rejection_id(transaction.local_id, transaction.content)
        excerpt = json.dumps(element_of(transaction, device))
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
        moved_at=refused.moved_at,
    )


def _known_place(refused: Refused, principal: Principal) -> str | None:
    """Where the item is, as far as the sender may know."""
    item = refused.item
    return item.location if item is not None and principal.may_enter(item.location) else None


def _is_put_right(row: RejectedTransaction, recorded: Mapping[UUID, MovementRecorded]) -> bool:
    event = recorded[cast("UUID", row.local_id)]
    if row.code == Unsupported.code and not _is_of_type(row, event.type):
        return False  # It is another fact, which only a newer version understands.
    same_sender = (row.key_id or row.actor) == (event.key_id or event.actor)
    return same_sender or row.location == event.location


def _is_of_type(row: RejectedTransaction, type: TransactionType) -> bool:
    try:
        element = json.loads(row.element)
    except ValueError:
        return False
    return isinstance(element, dict) and str(element.get("type")).strip().upper() == type


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
        return text.encode()[:MAX_EXCERPT].decode(errors="ignore")
    except UnicodeEncodeError:
        return as_json(element, separators=(",", ":"))[:MAX_EXCERPT]
