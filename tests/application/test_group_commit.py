"""Group commit: batches that arrive during a commit share the next one, with the same outcomes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence.errors import StoreUnavailable
from application.persistence.filters import ItemFilter, MovementFilter, RejectedFilter
from application.persistence.unit_of_work import UnitOfWork
from application.recording.group_commit import MAX_GROUP_WEIGHT, GroupCommit, Overloaded
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.tables.rejected import RejectionStatus
from domain.actor import Actor
from tests.support.builders import CLERK, Clock, HeldClock, element, register
from tests.support.ledger_checks import EVERYTHING, assert_read_models_equal_replay, on_hand

DEVICE = Principal(Actor("scanner-7"), Role.DEVICE, frozenset({"main"}), "scanner-7")


@dataclass(frozen=True)
class Job:
    name: str
    weight: int = 1


@dataclass
class Disk:
    """A store that commits groups of jobs. The first commit waits for `may_go_on`."""

    has_begun: Event = field(default_factory=Event)
    may_go_on: Event = field(default_factory=Event)
    groups: list[list[str]] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[Job]) -> list[str]:
        self.groups.append([job.name for job in jobs])
        if len(self.groups) == 1:
            self.has_begun.set()
            assert self.may_go_on.wait(10)
        for job in jobs:
            if job.name in self.faults:
                raise self.faults[job.name]
        return [f"{job.name} is done" for job in jobs]


@pytest.fixture
def disk() -> Disk:
    return Disk()


def submit(commits: GroupCommit[Job, str], name: str, weight: int = 1) -> Future[str]:
    return commits.submit(Job(name, weight))


def busy_with_another(disk: Disk, max_waiting: int = 1_000_000) -> GroupCommit[Job, str]:
    """A group commit whose first job is in flight."""
    commits = GroupCommit(disk, max_waiting)
    submit(commits, "first")
    assert disk.has_begun.wait(10)
    return commits


def commit_behind_another(disk: Disk, *jobs: Job) -> list[Future[str]]:
    """The results of jobs that arrive while the first job is in flight."""
    commits = busy_with_another(disk)
    futures = [submit(commits, job.name, job.weight) for job in jobs]
    disk.may_go_on.set()
    return futures


def test_what_arrives_during_a_commit_goes_into_the_next_in_order(disk: Disk) -> None:
    futures = commit_behind_another(disk, *(Job(name) for name in "abc"))
    assert [future.result(10) for future in futures] == ["a is done", "b is done", "c is done"]
    assert disk.groups == [["first"], ["a", "b", "c"]]


def test_group_is_bounded_and_the_rest_comes_next(disk: Disk) -> None:
    futures = commit_behind_another(
        disk, Job("a", MAX_GROUP_WEIGHT - 1), Job("large", 2 * MAX_GROUP_WEIGHT), Job("b"), Job("c")
    )
    assert len([future.result(10) for future in futures]) == 4
    assert disk.groups == [["first"], ["a", "large"], ["b", "c"]]


def test_fault_of_one_is_not_the_others(disk: Disk) -> None:
    disk.faults = {"b": ValueError("b")}
    a, b, c = commit_behind_another(disk, *(Job(name) for name in "abc"))
    assert (a.result(10), c.result(10)) == ("a is done", "c is done")
    assert isinstance(b.exception(10), ValueError)


def test_database_that_is_away_is_asked_once_for_all(disk: Disk) -> None:
    disk.faults = {"b": StoreUnavailable("gone")}
    futures = commit_behind_another(disk, *(Job(name) for name in "abc"))
    assert {type(future.exception(10)) for future in futures} == {StoreUnavailable}
    assert disk.groups == [["first"], ["a", "b", "c"]]


def test_request_whose_sender_has_gone_is_not_committed(disk: Disk) -> None:
    commits = busy_with_another(disk)
    gone, stays = submit(commits, "gone"), submit(commits, "stays")
    assert gone.cancel()
    disk.may_go_on.set()
    assert stays.result(10) == "stays is done"
    assert disk.groups == [["first"], ["stays"]]


def test_what_is_too_much_is_turned_away_and_may_come_again(disk: Disk) -> None:
    commits = busy_with_another(disk, max_waiting=10)
    large = submit(commits, "larger than may wait", 11)
    with pytest.raises(Overloaded):
        submit(commits, "refused")
    disk.may_go_on.set()
    assert large.result(10) == "larger than may wait is done"
    assert submit(commits, "refused").result(10) == "refused is done"


Sent = tuple[list[dict[str, Any]], Principal]


def send(
    sync: SyncService, elements: list[dict[str, Any]], principal: Principal = CLERK
) -> Future[SyncResult]:
    return sync.submit(parse_batch(elements), principal)


def sync_behind_another(ledger: Ledger, sent: Sequence[Sent]) -> list[Future[SyncResult]]:
    """Batches that arrive while an empty one is in flight."""
    clock = HeldClock()
    sync = SyncService(ledger, clock)
    send(sync, [])
    assert clock.is_asked.wait(10)
    futures = [send(sync, elements, principal) for elements, principal in sent]
    clock.may_tell.set()
    return futures


@pytest.fixture
def commits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[UnitOfWork]:
    """The units of work that begin from now on."""
    begun: list[UnitOfWork] = []
    begin = ledger.recorder.unit_of_work

    @contextmanager
    def unit_of_work_begun() -> Iterator[UnitOfWork]:
        with begin() as unit_of_work:
            begun.append(unit_of_work)
            yield unit_of_work

    monkeypatch.setattr(ledger.recorder, "unit_of_work", unit_of_work_begun)
    return begun


def test_batches_share_a_commit_and_each_gets_its_own_answer(
    ledger: Ledger, items: ItemService, commits: list[UnitOfWork]
) -> None:
    tea = register(items)
    commits.clear()
    delivery = element("INBOUND", tea, 3)
    sent: list[Sent] = [
        ([delivery], CLERK),
        ([element("OUTBOUND", tea, 2, device="scanner-1")], DEVICE),
        ([element("OUTBOUND", tea, 2), {"localId": "nonsense"}], CLERK),
        ([delivery], CLERK),
        ([element("COUNT", tea, 7)], DEVICE),
    ]
    results = [future.result(10) for future in sync_behind_another(ledger, sent)]

    assert len(commits) == 2  # One of the empty batch, one of all others.
    statuses = [[(s.status, s.on_hand) for s in result.synced] for result in results]
    assert statuses == [[("recorded", 3)], [("recorded", 1)], [], [("duplicate", 3)], []]
    codes = [[failed.rejection.code for failed in result.failed] for result in results]
    assert codes == [[], [], ["INSUFFICIENT_STOCK", "INVALID"], [], ["FORBIDDEN"]]
    assert results[0].synced[0].position == results[3].synced[0].position
    assert {movement.actor for movement in _journal(ledger)} == {"clerk", "scanner-7"}
    assert_read_models_equal_replay(ledger)


def test_batch_that_no_code_foresaw_fails_alone(ledger: Ledger, items: ItemService) -> None:
    class Impostor(Principal):
        def device_for(self, named: str | None) -> str | None:
            raise LookupError("a fault in the code")

    tea = register(items)
    impostor = Impostor(Actor("impostor"), Role.ADMIN)
    sent = [([element("INBOUND", tea, 1)], who) for who in (CLERK, impostor, CLERK)]
    first, fault, last = sync_behind_another(ledger, sent)
    assert isinstance(fault.exception(10), LookupError)
    assert [s.on_hand for one in (first, last) for s in one.result(10).synced] == [1, 2]
    assert on_hand(ledger, tea) == 2
    assert_read_models_equal_replay(ledger)


def test_full_queue_refuses_whole_batches(ledger: Ledger, items: ItemService) -> None:
    tea = register(items)
    clock = HeldClock()
    sync = SyncService(ledger, clock, max_waiting=2)
    send(sync, [])
    assert clock.is_asked.wait(10)
    taken = send(sync, [element("INBOUND", tea, 1)] * 2)
    refused = [element("INBOUND", tea, 1)]
    with pytest.raises(Overloaded):
        send(sync, refused)
    clock.may_tell.set()
    assert len(taken.result(10).synced) == 2
    assert on_hand(ledger, tea) == 1
    assert sync.sync(refused, CLERK).synced[0].status == "recorded"


TYPES = ["INBOUND", "OUTBOUND", "ADJUST", "COUNT", "NONSENSE"]


@st.composite
def _element(draw: Callable[..., Any]) -> dict[str, Any]:
    return {
        "key": draw(st.integers(1, 7)),
        "type": draw(st.sampled_from(TYPES)),
        "sku": draw(st.sampled_from(["TEA-250", "CUP-01", "UNKNOWN"])),
        "quantity": draw(st.integers(-3, 6)),
    }


@given(
    st.lists(
        st.tuples(st.lists(_element(), max_size=4), st.sampled_from([CLERK, DEVICE])), max_size=6
    )
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_batches_of_one_commit_are_decided_as_if_one_came_after_the_other(
    ledger: Ledger, drawn: list[tuple[list[dict[str, Any]], Principal]]
) -> None:
    """What is recorded is the same, and in the same order. Only the answers may differ: in one
    commit, a batch learns that a later one let its transaction be accepted.

    Each example uses a new location, so that all share one ledger.
    """
    alone, together = (_play(ledger, drawn, in_one_commit=flag) for flag in (False, True))
    assert alone == together


def _play(
    ledger: Ledger, drawn: list[tuple[list[dict[str, Any]], Principal]], *, in_one_commit: bool
) -> list[Any]:
    number = len(ledger.recorder.select_items(ItemFilter(), after=None, limit=EVERYTHING))
    shop = f"shop-{number}"
    items = ItemService(ledger, Clock())
    ids = {sku: register(items, sku, shop) for sku in ("TEA-250", "CUP-01")}
    sent = [
        ([_in_shop(one, number, ids) for one in elements], _in(shop, principal))
        for elements, principal in drawn
    ]
    if in_one_commit:
        for future in sync_behind_another(ledger, sent):
            future.result(10)
    else:
        sync = SyncService(ledger, Clock())
        for elements, principal in sent:
            sync.sync(elements, principal)
    recorded = _recorded(ledger, shop)
    return [recorded, _rejected(ledger, shop, {key for _, _, key, *_ in recorded})]


def _in_shop(drawn: dict[str, Any], number: int, ids: dict[str, UUID]) -> dict[str, Any]:
    key = UUID(int=number << 32 | drawn["key"])
    item_id = ids.get(drawn["sku"], UUID(int=7))
    return drawn | {"localId": str(key), "itemId": str(item_id)}


def _in(shop: str, principal: Principal) -> Principal:
    return Principal(principal.actor, principal.role, frozenset({shop}), principal.device)


def _recorded(ledger: Ledger, shop: str) -> list[Any]:
    wanted = MovementFilter(locations=frozenset({shop}))
    found = ledger.recorder.select_movements(wanted, before=None, limit=EVERYTHING)
    return [
        (one.sku, one.version, one.local_id.int % 2**32, one.type, one.delta, one.on_hand)
        for one in sorted(found, key=lambda one: (one.sku, one.version))
    ]


def _rejected(ledger: Ledger, shop: str, recorded: set[int]) -> list[Any]:
    wanted = RejectedFilter(locations=frozenset({shop}))
    found = ledger.recorder.select_rejected(wanted, before=None, limit=EVERYTHING)
    keys = {one.local_id: one.local_id.int % 2**32 for one in found if one.local_id is not None}
    return sorted(
        # What is recorded by judging again comes after all batches of a commit. So another content
        # under its localId may have had another reason before.
        (
            keys[one.local_id],
            one.malformed,
            "" if keys[one.local_id] in recorded else one.code,
            one.status,
        )
        for one in found
        if one.local_id is not None
        # In one commit, what is accepted later was never rejected.
        if one.status != RejectionStatus.RESOLVED
    )


def _journal(ledger: Ledger) -> Sequence[Any]:
    return ledger.recorder.select_movements(MovementFilter(), before=None, limit=100)
