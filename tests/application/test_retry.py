"""Retry on write conflict: another writer was faster.

A unit of work on SQLite holds the write lock, so no other writer can be faster. These tests remove
the lock: the service reads, rivals commit, and then the service appends. The conflicts come from
the real constraints of the real database.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.ledger.retry import MAX_ATTEMPTS
from application.persistence.unit_of_work import Latest, UnitOfWork
from application.recording.sync import SyncService
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import assert_read_models_equal_replay, on_hand

Rival = Callable[[], object]


class StaleReads:
    """A unit of work whose reads are from before it began."""

    def __init__(self, inner: UnitOfWork, early: UnitOfWork) -> None:
        self._inner = inner
        self._early = early

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def latest(self, item_ids: Sequence[UUID]) -> Iterable[Latest]:
        return self._early.latest(item_ids)


class Remembered:
    """The reads of an earlier unit of work."""

    def __init__(self, unit_of_work: UnitOfWork, item_ids: Sequence[UUID]) -> None:
        self._latest = {found.event.originator_id: found for found in unit_of_work.latest(item_ids)}

    def latest(self, item_ids: Sequence[UUID]) -> Sequence[Latest]:
        return [self._latest[item_id] for item_id in item_ids]


@pytest.fixture
def races(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets one rival commit per attempt, after the items are read."""
    begin = ledger.recorder.unit_of_work

    def against(item_ids: Sequence[UUID], rivals: list[Rival]) -> None:
        waiting = list(rivals)

        @contextmanager
        def unit_of_work_begun() -> Iterator[UnitOfWork]:
            if not waiting:
                with begin() as inner:
                    yield inner
                return
            rival = waiting.pop(0)
            with begin() as early:
                remembered = Remembered(early, item_ids)
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(ledger.recorder, "unit_of_work", begin)
                rival()
            ledger.items.clear()  # A rival in another process has its own cache.
            with begin() as inner:
                yield StaleReads(inner, remembered)  # type: ignore[arg-type,misc]

        monkeypatch.setattr(ledger.recorder, "unit_of_work", unit_of_work_begun)

    return against


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.ledger.retry.MAX_PAUSE_SECONDS", 0)


def test_lost_race_is_decided_again_with_what_the_winner_left(
    ledger: Ledger, items: ItemService, clock: Clock, races: Callable[..., None]
) -> None:
    sync, rival = SyncService(ledger, clock), SyncService(ledger, clock)
    tea = register(items)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    races([tea], [lambda: rival.sync([element("OUTBOUND", tea, 3)], CLERK)])

    result = sync.sync([element("OUTBOUND", tea, 3), element("OUTBOUND", tea, 2)], CLERK)

    assert [f.rejection.details for f in result.failed] == [{"on_hand": 2, "requested": 3}]
    assert [(s.index, s.on_hand) for s in result.synced] == [(1, 0)]
    assert_read_models_equal_replay(ledger)


def test_same_batch_won_by_a_rival_is_a_duplicate(
    ledger: Ledger, items: ItemService, clock: Clock, races: Callable[..., None]
) -> None:
    sync, rival = SyncService(ledger, clock), SyncService(ledger, clock)
    tea = register(items)
    batch = [element("INBOUND", tea, 5), element("OUTBOUND", tea, 1)]
    races([tea], [lambda: rival.sync(batch, CLERK)])
    result = sync.sync(batch, CLERK)
    assert [s.status for s in result.synced] == ["duplicate", "duplicate"]
    assert on_hand(ledger, tea) == 4


def test_race_that_is_lost_for_ever_is_a_conflict_for_its_items_alone(
    ledger: Ledger, items: ItemService, clock: Clock, races: Callable[..., None]
) -> None:
    sync, rival = SyncService(ledger, clock), SyncService(ledger, clock)
    hot, quiet = register(items), register(items, "CUP-01")
    known = element("INBOUND", hot, 1)
    sync.sync([known], CLERK)
    rivals = [lambda: rival.sync([element("INBOUND", hot, 1)], CLERK)] * MAX_ATTEMPTS
    races([hot, quiet], rivals)

    batch = [element("OUTBOUND", hot, 1), element("INBOUND", quiet, 7), known]
    result = sync.sync(batch, CLERK)

    (failed,) = result.failed
    assert (failed.index, failed.rejection.code, failed.rejection.retryable) == (
        0,
        "CONFLICT",
        True,
    )
    assert [(s.index, s.status) for s in result.synced] == [(1, "recorded"), (2, "duplicate")]
    assert (on_hand(ledger, hot), on_hand(ledger, quiet)) == (1 + MAX_ATTEMPTS, 7)
    assert sync.sync(batch, CLERK).failed == []
    assert_read_models_equal_replay(ledger)
