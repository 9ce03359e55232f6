"""The decider: decides a batch, element by element, group by group, or all or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from application.access.principal import Principal
from application.parsing.batch import Batch, FailedElement
from application.parsing.fields import FieldWarning
from application.recording.judge import Judge, Status, problem_of_override
from application.recording.registration import Registrar, RegistrationResult, registrations
from application.tables.rejection_ids import rejection_id
from domain.device_clock import FirstArrival
from domain.errors import GroupFailed, Invalid, Rejection
from domain.events import MovementRecorded
from domain.quantities import Quantity
from domain.transaction import Transaction, TransactionType

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

    def __init__(
        self, judge: Judge, conflicting: set[UUID], default_floor: Quantity | None = 0
    ) -> None:
        """Takes the judge of the commit.

        Args:
            judge: decides each transaction.
            conflicting: items that this commit must not write.
            default_floor: the floor of new items that do not name one.
        """
        self._judge = judge
        self._known = judge.known
        self._refused: dict[UUID, FirstArrival] = {}
        """First arrivals of what this commit refused, by rejection id."""
        self._registrar = Registrar(judge.known, conflicting, judge.now, default_floor)

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
        self._judge.events += registrations(items)
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
        may_be_known = bool(arrivals or self._known.rejected or self._refused)
        for place, transaction in batch.transactions.items():
            if transaction.links.group is not None:
                if batch.is_first_of_group(place, transaction.links.group):
                    self._decide_group(turn, transaction.links.group)
                continue
            arrival = self._arrival(transaction, arrivals.get(place)) if may_be_known else None
            try:
                status, event = judge(transaction, principal, arrival=arrival)
            except Rejection as rejection:
                decision.failed.append(self._failed(place, transaction, rejection, arrival))
                may_be_known = True
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
        """Records all transactions of the group that are not recorded yet, or none of them."""
        batch, principal, arrivals, decision = turn
        members = batch.members(group)
        before = self._judge.checkpoint(members.values())
        outcomes: list[Outcome] = []
        failure = _failure_before(batch, group)
        for place in sorted(members, key=lambda one: _order_in_group(members[one])):
            if failure is not None:
                break
            try:
                arrival = self._arrival(members[place], arrivals.get(place))
                result = self._judge.judge(members[place], principal, arrival=arrival)
            except Rejection as rejection:
                failure = _Failure(GroupFailed(group, place), {place: rejection})
            else:
                outcomes.append(Outcome(place, *result))
        if failure is None:
            decision.outcomes.extend(outcomes)
        else:
            self._judge.roll_back(before)
            self._fail(turn, members, failure)

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
                arrival = self._arrival(transaction, arrivals.get(place))
                decision.failed.append(self._failed(place, transaction, rejection, arrival))

    def _failed(
        self,
        place: int,
        transaction: Transaction,
        rejection: Rejection,
        arrival: FirstArrival | None,
    ) -> FailedElement:
        if arrival is None:
            item = self._known.items.get(transaction.item_id)
            now, sequence = self._judge.now, len(self._refused) + 1
            if item is None:
                arrival = FirstArrival.before_registration(now, sequence)
            else:
                arrival = item.first_arrival(now)._replace(sequence=sequence)
            self._refused[rejection_id(transaction.local_id, transaction.content)] = arrival
        return FailedElement(
            place, transaction.local_id, transaction.item_id, rejection, transaction, arrival
        )

    def _arrival(
        self, transaction: Transaction, of_retried: FirstArrival | None
    ) -> FirstArrival | None:
        """Returns the first arrival of a transaction that was rejected before; None for another."""
        if of_retried is not None:
            return of_retried
        rows = self._known.rejected.get(transaction.local_id, ())
        if not rows and not self._refused:
            return None
        own_id = rejection_id(transaction.local_id, transaction.content)
        for row in rows:
            if row.rejection_id == own_id:
                return row.first_arrival
        return self._refused.get(own_id)

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
                if original is not None and original.group is not None:
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


def _order_in_group(transaction: Transaction) -> int:
    """What raises an item comes before what lowers it, so that a group needs no order."""
    match transaction.type:
        case TransactionType.INBOUND:
            return 0
        case TransactionType.ADJUST:
            return 0 if transaction.quantity > 0 else 2
        case TransactionType.COUNT | TransactionType.VOID:
            return 1
        case TransactionType.OUTBOUND:
            return 2
