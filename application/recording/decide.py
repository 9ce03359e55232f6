"""The decider: decides a batch, element by element, group by group, or all or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.parsing.batch import Batch, FailedElement
from application.parsing.fields import FieldWarning
from application.recording.judge import Judge, Status, problem_of_override
from application.recording.registration import Registrar, RegistrationResult
from application.recording.rejected_element import at_moment_of
from application.tables.rejection_ids import rejection_id
from domain.device_clock import FirstArrival
from domain.errors import (
    GroupFailed,
    InsufficientStock,
    Invalid,
    Rejection,
    UnknownTransaction,
)
from domain.events import MovementRecorded
from domain.transaction import Transaction

MAX_GROUP_SIZE: Final = 100
"""Maximum number of transactions in a group."""

NO_ARRIVALS: Final[Mapping[int, FirstArrival]] = {}

_BY_INDEX: Final = attrgetter("index")
_BY_PLACE: Final = attrgetter("place")


class Outcome(NamedTuple):
    """The outcome of a recorded element: recorded by this commit, or a duplicate."""

    place: int
    status: Status
    event: MovementRecorded


class Decision(NamedTuple):
    """The decision on one batch. Each list is in the order of the batch."""

    items: list[RegistrationResult]
    outcomes: list[Outcome]
    failed: list[FailedElement]
    """Malformed elements included."""
    warnings: dict[int, FieldWarning]
    """Warnings that only the decision can give, by the index of their element."""

    def records(self, place: int) -> bool:
        """Whether the transaction at `place` is recorded, by this commit or an earlier one."""
        return any(outcome.place == place for outcome in self.outcomes)

    def revise(self, failed: Mapping[int, FailedElement], outcomes: Sequence[Outcome]) -> None:
        """Replaces failed elements that were judged again.

        Args:
            failed: those that were refused again, by their index.
            outcomes: of those that were accepted.
        """
        accepted = {one.place for one in outcomes}
        self.failed[:] = [
            failed.get(one.index, one) for one in self.failed if one.index not in accepted
        ]
        self.outcomes.extend(outcomes)
        self.outcomes.sort(key=_BY_PLACE)


class Decider:
    """Decides the batches of a commit, in turn."""

    def __init__(self, judge: Judge, registrar: Registrar) -> None:
        """`judge` decides each transaction of the commit, `registrar` each item."""
        self._judge = judge
        self._known = judge.known
        self._refused: dict[UUID, tuple[Transaction, FirstArrival]] = {}
        """What this commit refused, by rejection id."""
        self._sequence = 0
        self._registrar = registrar

    def decide(
        self,
        batch: Batch,
        principal: Principal,
        *,
        atomic: bool = False,
        arrivals: Mapping[int, FirstArrival] = NO_ARRIVALS,
    ) -> Decision:
        """Decides one batch: its items, then its transactions.

        Args:
            batch: the batch.
            principal: its sender.
            atomic: whether to record all transactions, or none if one fails or is a duplicate.
            arrivals: first arrivals by index, of rejected transactions that a person retries.
        """
        items = self._registrar.register(batch.items, principal)
        decision = Decision(items, [], [], {})
        turn = _Turn(batch, principal, arrivals, decision)
        if atomic:
            self._decide_all_or_none(turn)
        else:
            self._decide_each(turn)
        if batch.malformed or batch.groups:
            decision.failed[:] = sorted([*batch.malformed, *decision.failed], key=_BY_INDEX)
            decision.outcomes.sort(key=_BY_PLACE)
        decision.warnings.update(self._warnings(batch, principal))
        return decision

    def _decide_each(self, turn: "_Turn") -> None:
        batch, principal, arrivals, decision = turn
        outcomes, judge = decision.outcomes, self._judge.judge
        for place, transaction in batch.transactions.items():
            if transaction.links.group is not None:
                if batch.is_first_of_group(place, transaction.links.group):
                    self._decide_group(turn, transaction.links.group)
                continue
            sent, arrival = transaction, None
            if arrivals or self._known.rejected or self._refused:
                sent, arrival = self._as_first_sent(transaction, arrivals.get(place))
            try:
                status, event = judge(sent, principal, arrival=arrival)
            except Rejection as rejection:
                decision.failed.append(self._failed(place, sent, rejection, arrival))
            else:
                outcomes.append(Outcome(place, status, event))

    def _decide_all_or_none(self, turn: "_Turn") -> None:
        batch, decision = turn.batch, turn.decision
        before = self._judge.checkpoint(batch.transactions.values())
        self._decide_each(turn)
        are_new = all(outcome.status == "recorded" for outcome in decision.outcomes)
        if decision.failed or batch.malformed or not are_new:
            self._judge.roll_back(before)
            duplicates = [one for one in decision.outcomes if one.status == "duplicate"]
            decision.outcomes[:] = duplicates

    def _decide_group(self, turn: "_Turn", group: UUID) -> None:
        """Records all transactions of the group that are not recorded yet, or none of them.

        What may be accepted after the others is judged again after them, as in a batch. So what
        raises an item comes before what lowers it, and each keeps its place among equal moments.
        """
        members = turn.batch.members(group)
        before = self._judge.checkpoint(members.values())
        failure = _failure_before(turn.batch, group)
        outcomes: list[Outcome] = []
        arrivals = dict(turn.arrivals)
        left = dict(members)
        while left and failure is None:
            accepted, refused = self._judge_members(left, turn.principal, arrivals)
            outcomes += accepted
            left = {place: left[place] for place in refused}
            failure = _failure_of(group, refused, is_over=not accepted)
        if failure is None:
            turn.decision.outcomes.extend(outcomes)
        else:
            self._judge.roll_back(before)
            self._fail(turn, members, failure)

    def _judge_members(
        self,
        members: Mapping[int, Transaction],
        principal: Principal,
        arrivals: dict[int, FirstArrival],
    ) -> tuple[list[Outcome], dict[int, Rejection]]:
        """Judges each of them once. Adds the first arrivals of what is refused to `arrivals`."""
        accepted: list[Outcome] = []
        refused: dict[int, Rejection] = {}
        for place, transaction in members.items():
            sent, arrival = self._as_first_sent(transaction, arrivals.get(place))
            try:
                accepted.append(
                    Outcome(place, *self._judge.judge(sent, principal, arrival=arrival))
                )
            except Rejection as rejection:
                refused[place] = rejection
                arrivals[place] = arrival or self._new_arrival(transaction)
        return accepted, refused

    def _fail(self, turn: "_Turn", members: Mapping[int, Transaction], failure: "_Failure") -> None:
        """Fails a group. A transaction that is recorded already counts as recorded."""
        _, principal, arrivals, decision = turn
        for place, transaction in members.items():
            rejection = failure.own.get(place)
            try:
                item = self._known.items.get(transaction.item_id)
                event = self._judge.find_duplicate(transaction, item, principal)
            except Rejection as own:
                event, rejection = None, own
            if event is not None:
                decision.outcomes.append(Outcome(place, "duplicate", event))
            else:
                rejection = rejection or failure.of_others
                sent, arrival = self._as_first_sent(transaction, arrivals.get(place))
                decision.failed.append(self._failed(place, sent, rejection, arrival))

    def _failed(
        self,
        place: int,
        transaction: Transaction,
        rejection: Rejection,
        arrival: FirstArrival | None,
    ) -> FailedElement:
        if arrival is None:
            arrival = self._new_arrival(transaction)
            own_id = rejection_id(transaction.local_id, transaction.content)
            self._refused[own_id] = transaction, arrival
        return FailedElement(
            place, transaction.local_id, transaction.item_id, rejection, transaction, arrival
        )

    def _new_arrival(self, transaction: Transaction) -> FirstArrival:
        """Returns the first arrival of a transaction that is refused now."""
        self._sequence += 1
        item = self._known.items.get(transaction.item_id)
        if item is None:
            return FirstArrival.before_registration(self._judge.now, self._sequence)
        return item.first_arrival(self._judge.now, self._sequence)

    def _as_first_sent(
        self, transaction: Transaction, of_retried: FirstArrival | None
    ) -> tuple[Transaction, FirstArrival | None]:
        """Returns the transaction with the moment and the first arrival that it had when it was
        rejected before. None as first arrival: it was not."""
        if of_retried is not None:
            return transaction, of_retried
        rows = self._known.rejected.get(transaction.local_id, ())
        if not rows and not self._refused:
            return transaction, None
        own_id = rejection_id(transaction.local_id, transaction.content)
        for row in rows:
            if row.rejection_id == own_id:
                return at_moment_of(row, transaction), row.first_arrival
        if own_id not in self._refused:
            return transaction, None
        first, arrival = self._refused[own_id]
        same = transaction._replace(occurred_at=first.occurred_at, device_time=first.device_time)
        return same, arrival

    def _warnings(self, batch: Batch, principal: Principal) -> Iterator[tuple[int, FieldWarning]]:
        for place, transaction in batch.transactions.items():
            if transaction.override:
                problem = problem_of_override(transaction, principal)
                if problem is not None:
                    yield (
                        place,
                        FieldWarning("NOT_ALLOWED", "override", f"override: {problem}; ignored"),
                    )
            elif transaction.links.voids is not None:
                original = self._judge.recorded(transaction.links.voids)
                if original is None or not principal.can_access(original.location):
                    continue
                if original.group is not None:
                    yield (
                        place,
                        FieldWarning(
                            "PART_OF_GROUP",
                            "voids",
                            f"voids: is of the group {original.group}; the others stay recorded",
                        ),
                    )


class _Turn(NamedTuple):
    """A batch that is being decided."""

    batch: Batch
    principal: Principal
    arrivals: Mapping[int, FirstArrival]
    decision: Decision


class _Failure(NamedTuple):
    """Why a group failed."""

    of_others: Rejection
    own: Mapping[int, Rejection]
    """The rejection of the transaction that broke the group, by its index."""


def _failure_before(batch: Batch, group: UUID) -> _Failure | None:
    """Returns why a group fails before any of its transactions is decided."""
    places = batch.groups[group]
    if len(places) > MAX_GROUP_SIZE:
        return _Failure(Invalid("group", f"has more than {MAX_GROUP_SIZE} transactions"), {})
    for place in places:
        if place not in batch.transactions:
            return _Failure(GroupFailed(group, place), {})
    return None


def _failure_of(group: UUID, refused: Mapping[int, Rejection], *, is_over: bool) -> _Failure | None:
    """Returns why a group fails: one of its transactions is refused for good, or nothing more is
    accepted."""
    final = [
        place
        for place, rejection in refused.items()
        if not isinstance(rejection, InsufficientStock | UnknownTransaction)
    ]
    breaking = final or (list(refused) if is_over else [])
    if not breaking:
        return None
    place, rejection = breaking[0], refused[breaking[0]]
    failed = GroupFailed(group, place, retryable=rejection.retryable)
    return _Failure(failed, {place: rejection})
