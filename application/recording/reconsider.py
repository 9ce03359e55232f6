"""Judging again: what was refused only because of its order of arrival is recorded after all.

A refused transaction waits for its item, or for the transaction that it voids or corrects. Whatever
may let it be accepted judges it again in the same commit, the oldest goods first, until nothing
more is accepted. So every order of arrival ends the same (docs/stock-takes.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from application.ledger.ledger import Ledger
from application.persistence.unit_of_work import UnitOfWork
from application.recording.candidates import Candidate, StoredCandidates, candidates_of
from application.recording.decide import Decision, Outcome
from application.recording.judge import Judge
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.rejections import waits_for, with_rejection
from application.recording.request import Request
from application.recording.void_rejections import OpenVoid, close_voided, open_voids
from application.tables.rejected import RejectedTransaction
from domain.actor import Actor
from domain.errors import Conflict, Invalid, LedgerDamaged, Rejection, UnknownTransaction
from domain.events import (
    Adjusted,
    ItemDiscontinued,
    LedgerEvent,
    MovementRecorded,
    OutboundRecorded,
    StockItemEvent,
)
from domain.transaction import Transaction

MAX_ROWS_PER_COMMIT: Final = 1_000
"""Limit of the stored rejections that one commit judges again. The rest follows in commits of its
own."""

MAX_JUDGED_PER_COMMIT: Final = 10_000
"""Limit of the decisions of one commit on transactions that are judged again."""


class Reconsideration:
    """Judges refused transactions again: those of one commit, and stored ones."""

    def __init__(
        self,
        ledger: Ledger,
        unit_of_work: UnitOfWork,
        store: RejectedTransactionStore,
        judge: Judge,
    ) -> None:
        self._ledger = ledger
        self._unit_of_work = unit_of_work
        self._store = store
        self._judge = judge
        self._waits = judge.known.waits
        self._reader = StoredCandidates(unit_of_work)
        self._own: list[tuple[Candidate, Decision]] = []
        self._stored: dict[UUID, Candidate] = {}
        self._for_a_person: list[RejectedTransaction] = []
        self._fetched: set[UUID] = set()
        self._seen = 0
        """How many events of the judge are taken into account."""
        self._decisions_left = MAX_JUDGED_PER_COMMIT
        self.has_more = self._waits.has_due
        """Whether rows may be due, so that a commit of their own must follow."""

    def judge_due(self, rows: Sequence[RejectedTransaction]) -> None:
        """Judges rows that an earlier commit left to this one."""
        self._take(rows)
        self._judge_all(list(self._stored.values()))
        self._judge_until_nothing_changes()

    def judge_after(self, request: Request, decision: Decision) -> None:
        """Judges what the decisions on a batch may let be accepted, until nothing more is. Whatever
        of this commit's batches is accepted becomes an outcome."""
        own = list(candidates_of(request, decision, self._judge.known.rejected))
        if not own and not self._own and self._waits.keys == frozenset():
            self._seen = len(self._judge.events)
            return
        self._own += [(candidate, decision) for candidate in own]
        self._fetch(one.local_id for one in decision.failed)
        self._judge_until_nothing_changes()

    def judge_changes(self) -> None:
        """Judges what the events of the judge may let be accepted, until nothing more is."""
        if self._waits.keys != frozenset():
            self._judge_until_nothing_changes()

    def _judge_until_nothing_changes(self) -> None:
        while self._seen < len(self._judge.events):
            keys = _admitted_by(self._judge.events[self._seen :])
            self._seen = len(self._judge.events)
            self._fetch(keys)
            self._judge_all([one for one in self._candidates() if one.waits_for in keys])

    def revise(self, decisions: Iterable[Decision]) -> None:
        """Puts what became of the commit's own elements into its decisions."""
        for decision in decisions:
            _revise(decision, [one for one, of in self._own if of is decision])

    def save(self, requests: Sequence[Request] = (), decisions: Sequence[Decision] = ()) -> None:
        """Writes what became of the rows, and closes those that are voided. Call it when the
        rejections of the commit are stored."""
        unit_of_work, now = self._unit_of_work, self._judge.now
        self._close_recorded()
        refused = [one for one in self._stored.values() if one.result is None]
        judged = [_updated_row(one, now) for one in refused if one.is_judged or one.is_due]
        self._store.update(unit_of_work, judged)
        waiting = [row._replace(waits_for=None, due_at=None) for row in self._for_a_person]
        self._store.update(unit_of_work, waiting)
        due = [one.rejection_id for one, _ in self._own if one.is_due and one.result is None]
        self._store.mark_due(unit_of_work, due, now)
        voids = [
            *open_voids(requests, decisions, self._judge.known.rejected),
            *(
                OpenVoid(one.transaction, one.principal, one.rejection_id)
                for one in refused
                if one.waits_for is not None and one.waits_for == one.transaction.links.voids
            ),
        ]
        close_voided(self._store, unit_of_work, voids, now)

    def _close_recorded(self) -> None:
        """Closes the rows that are recorded now, and malformed elements that they correct."""
        recorded: defaultdict[Actor, dict[UUID, MovementRecorded]] = defaultdict(dict)
        for one in self._stored.values():
            if one.result is not None:
                _, event = one.result
                recorded[one.principal.actor][one.rejection_id] = event
        for actor, events in recorded.items():
            self._store.resolve(self._unit_of_work, events, actor, self._judge.now)
            by_local_id = {event.local_id: event for event in events.values()}
            self._store.resolve_malformed(self._unit_of_work, by_local_id, actor, self._judge.now)

    def _candidates(self) -> list[Candidate]:
        return [*(one for one, _ in self._own), *self._stored.values()]

    def _judge_all(self, candidates: Iterable[Candidate]) -> None:
        """Judges each of them once, in order."""
        waiting = [one for one in candidates if one.result is None and not one.is_due]
        moments = {one.transaction.local_id: one.moment for one in waiting}
        for candidate in sorted(waiting, key=lambda one: self._order(one, moments)):
            self._judge_one(candidate)

    def _order(
        self, candidate: Candidate, moments: Mapping[UUID, datetime]
    ) -> tuple[datetime, datetime, int]:
        """Returns its place in the order of judging: the oldest goods first, then the first
        arrival. What voids or corrects another one stands at its place."""
        moment, named = candidate.moment, candidate.transaction.links.original
        if named is not None:
            original = self._judge.recorded(named)
            moment = moments.get(named, moment) if original is None else original.happened_at
        return moment, candidate.arrival.received_at, candidate.arrival.rank or 0

    def _judge_one(self, candidate: Candidate) -> None:
        if self._decisions_left == 0:
            candidate.is_due = self.has_more = True
            return
        self._decisions_left -= 1
        candidate.is_judged = True
        try:
            self._require_same_item(candidate)
            candidate.result = self._judge.judge(
                candidate.transaction,
                candidate.principal,
                arrival=candidate.arrival,
                refused_at=candidate.refused_at,
            )
        except Conflict:
            candidate.is_due = self.has_more = True
        except LedgerDamaged:
            candidate.waits_for = None  # Once it is repaired, a person retries.
        except Rejection as rejection:
            self._refuse(candidate, rejection)

    def _refuse(self, candidate: Candidate, rejection: Rejection) -> None:
        candidate.rejection = rejection
        candidate.waits_for = waits_for(rejection, candidate.transaction)

    def _require_same_item(self, candidate: Candidate) -> None:
        """Checks the original before the item, which may not be locked.

        Raises:
            Invalid: the original is of another item.
            UnknownTransaction: that item is not at a location of the sender's.
        """
        links = candidate.transaction.links
        original = None if links.original is None else self._judge.recorded(links.original)
        if original is None or original.originator_id == candidate.transaction.item_id:
            return
        if not candidate.principal.can_access(original.location):
            raise UnknownTransaction(original.local_id)
        field = "voids" if links.voids else "corrects"
        raise Invalid(field, "names a transaction of another item")

    def _fetch(self, keys: Iterable[UUID | None]) -> None:
        """Reads the rows that wait for one of the keys. Those beyond the limit become due."""
        wanted = self._waits.among({key for key in keys if key is not None}) - self._fetched
        if not wanted:
            return
        self._fetched |= wanted
        room = max(0, MAX_ROWS_PER_COMMIT - len(self._stored))
        rows = self._unit_of_work.waiting_for(sorted(wanted), room + 1)
        if len(rows) > room:
            self._unit_of_work.mark_due(sorted(wanted), self._judge.now)
            self.has_more = True
        self._take(rows[:room])

    def _take(self, rows: Iterable[RejectedTransaction]) -> None:
        new = [row for row in rows if row.rejection_id not in self._stored]
        candidates, for_a_person = self._reader.read(new)
        self._for_a_person += for_a_person
        self._look_up([one.transaction for one in candidates])
        self._stored.update((one.rejection_id, one) for one in candidates)

    def _look_up(self, transactions: Sequence[Transaction]) -> None:
        """Looks up what is recorded under their `local_id`s, and under those of their originals."""
        named = {one.local_id for one in transactions}
        named.update(one.links.original for one in transactions if one.links.original is not None)
        unknown = [name for name in named if self._judge.recorded(name) is None]
        if unknown:
            self._judge.learn(*self._ledger.recorded_in(self._unit_of_work, unknown))


def _revise(decision: Decision, candidates: Sequence[Candidate]) -> None:
    """Puts what became of a batch's candidates into its decision."""
    if not candidates:
        return
    failed = {
        one.index: replace(one, rejection=candidate.rejection)
        for candidate in candidates
        if candidate.rejection is not None
        for one in decision.failed
        if one.index == candidate.place
    }
    outcomes = [
        Outcome(candidate.place, *candidate.result)
        for candidate in candidates
        if candidate.result is not None
    ]
    decision.revise(failed, outcomes)


def _admitted_by(events: Iterable[LedgerEvent]) -> set[UUID]:
    """Returns the items, and the `local_id`s of originals, for which these events may let a
    transaction be accepted."""
    keys: set[UUID] = set()
    for event in events:
        if isinstance(event, MovementRecorded):
            keys.add(event.local_id)
        if isinstance(event, StockItemEvent) and not _only_lowers(event):
            keys.add(event.originator_id)
    return keys


def _only_lowers(event: StockItemEvent) -> bool:
    """Whether the event can't let anything of its item be accepted."""
    if isinstance(event, Adjusted):
        return event.counted is None and event.delta < 0
    return isinstance(event, OutboundRecorded | ItemDiscontinued)


def _updated_row(candidate: Candidate, now: datetime) -> RejectedTransaction:
    """Returns the row after its transaction was refused again."""
    row = cast("RejectedTransaction", candidate.row)
    row = row._replace(
        waits_for=candidate.waits_for,
        due_at=now if candidate.is_due else None,
    )
    return row if candidate.rejection is None else with_rejection(row, candidate.rejection, now)
