"""Sealing events that this process has recorded itself, without reading them back."""

from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.persistence import environment
from application.persistence.recent_events import Appended, RecentEvents
from application.recording.sync import SyncService
from application.sealing.entries import leaf_of
from application.sealing.tree import GrowingTree
from proof.tiles import Edge
from tests.support.builders import CLERK, element, register


def run(*positions: int) -> Appended:
    events = [StoredEvent(UUID(int=n), 1, "InboundRecorded", b"{}") for n in positions]
    return Appended(positions, events, [uuid4() for _ in positions])


class TestRecentEvents:
    def test_run_is_taken_once_right_after_its_predecessor(self) -> None:
        recent = RecentEvents()
        with recent.kept():
            recent.add([run(4, 5), run(6)])
            assert recent.take(2, upto=9) is None
            found = recent.take(3, upto=9)
            assert found is not None
            assert found.positions == (4, 5)
            assert recent.take(3, upto=9) is None
            assert recent.take(5, upto=9) is not None

    def test_event_that_is_not_settled_is_not_taken(self) -> None:
        recent = RecentEvents()
        with recent.kept():
            recent.add([run(4, 5)])
            assert recent.take(3, upto=4) is None
            assert recent.take(3, upto=5) is not None

    def test_run_that_replaces_another_counts_once(self) -> None:
        recent = RecentEvents(limit=2)
        with recent.kept():
            recent.add([run(1, 2), run(1, 2), run(1, 2)])
            recent.add([run(3)])
            assert recent.take(2, upto=9) is not None

    def test_run_with_a_gap_is_not_kept(self) -> None:
        recent = RecentEvents()
        with recent.kept():
            recent.add([run(), run(4, 6)])
            assert recent.take(3, upto=9) is None

    def test_oldest_runs_leave_first(self) -> None:
        recent = RecentEvents(limit=4)
        with recent.kept():
            recent.add([run(1, 2), run(3, 4), run(5)])
            assert recent.take(0, upto=9) is None
            assert recent.take(2, upto=9) is not None
            recent.add([run(6), run(7), run(8)])
            assert recent.take(4, upto=9) is not None

    def test_nothing_is_kept_without_a_sealer(self) -> None:
        recent = RecentEvents()
        recent.add([run(1)])
        with recent.kept():
            assert recent.take(0, upto=9) is None
            recent.add([run(1)])
        with recent.kept():
            assert recent.take(0, upto=9) is None


class _ReadBack(Exception):
    pass


def forbid_reading(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise _ReadBack

    monkeypatch.setattr(ledger.recorder, "select_rows_after", read)


def defined_leaves(ledger: Ledger) -> list[bytes]:
    recorder = ledger.recorder
    return [leaf_of(row) for row in recorder.select_rows_after(0, 10_000, upto=recorder.head())]


def defined_root(ledger: Ledger) -> bytes:
    edge = Edge()
    edge.extend(defined_leaves(ledger))
    return edge.root()


def second_ledger(database_url: str) -> Ledger:
    return Ledger(environment(database_url, lock_timeout=30))


def test_own_events_are_sealed_from_memory(
    ledger: Ledger, sync: SyncService, items: ItemService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.recorder.recent_events.kept():
        tree = GrowingTree(ledger.recorder)
        tea = register(items)
        for number in (1, 300, 2, 700):
            sync.sync([element("INBOUND", tea, 1) for _ in range(number)], CLERK)
        with monkeypatch.context() as patch:
            forbid_reading(ledger, patch)
            tree.grow()
    assert tree.size == ledger.recorder.head() == 1_004
    assert tree.root() == defined_root(ledger)
    again = GrowingTree(ledger.recorder)
    again.grow()
    assert again.root() == tree.root()


def test_events_of_another_process_are_read_between_the_own_ones(
    ledger: Ledger, sync: SyncService, items: ItemService, database_url: str
) -> None:
    with ledger.recorder.recent_events.kept(), second_ledger(database_url) as other:
        tree = GrowingTree(ledger.recorder)
        tea = register(items)
        for number in (1, 300, 2):
            sync.sync([element("INBOUND", tea, 1) for _ in range(number)], CLERK)
            SyncService(other).sync([element("INBOUND", tea, 1) for _ in range(number)], CLERK)
        tree.grow()
        sync.sync([element("INBOUND", tea, 1)], CLERK)
        tree.grow()
    assert tree.size == len(defined_leaves(ledger)) == 608
    assert tree.root() == defined_root(ledger)


def test_events_of_a_commit_that_was_rolled_back_are_not_sealed(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    tea = register(items)
    with ledger.recorder.recent_events.kept():
        tree = GrowingTree(ledger.recorder)
        sync.preview(parse_batch([element("INBOUND", tea, 1)]), CLERK)
        sync.sync([element("INBOUND", tea, 2)], CLERK)
        tree.grow()
    assert tree.root() == defined_root(ledger)
