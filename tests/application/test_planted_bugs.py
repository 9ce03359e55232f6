"""Planted bugs: each of them is found. Otherwise the tests would prove nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.postgres import recorder as postgres_recorder
from application.persistence.postgres.datastore import execute as run
from application.projections.movements import Movements
from application.projections.stock_levels import StockLevels
from application.recording.sync import SyncService
from application.sealing.signer import SigningKey
from application.sealing.tree import GrowingTree
from application.tables.table import Update
from application.verification.findings import Kind
from domain.events import StockItemEvent
from domain.stock_item import StockItem
from harness import postgres
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import found_in
from tests.support.sealing import seal, signing_key


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


@pytest.fixture
def on_postgres(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@contextmanager
def late_commit(url: str, tea: UUID) -> Iterator[None]:
    """A writer that takes its positions now, and commits at the end of the block."""
    with Ledger(environment(url, lock_timeout=30)) as slow:
        item = StockItem.register(
            "annex", "LATE-1", slow.repository.get(tea).details,
            by=CLERK.actor, recorded_at=slow.repository.get(tea).modified_on,
        )  # fmt: skip
        with slow.recorder.unit_of_work() as unit_of_work:
            slow.append(unit_of_work, cast("list[StockItemEvent]", item.collect_events()))
            yield


def sealed_around_a_late_commit(url: str, key: SigningKey) -> list[Kind]:
    with Ledger(environment(url, lock_timeout=30)) as ledger:
        tea = register(ItemService(ledger))
        with late_commit(url, tea):
            sent = [element("INBOUND", tea, n) for n in range(1, 300)]
            assert not SyncService(ledger).sync(sent, CLERK).failed
            seal(ledger, key)
        tree = GrowingTree(ledger.recorder)
        tree.grow()
        return [one.kind for one in found_in(ledger)]


def test_late_commit_is_sealed_in_its_place(on_postgres: str, key: SigningKey) -> None:
    assert sealed_around_a_late_commit(on_postgres, key) == []


def test_sealing_up_to_the_last_position_is_found(
    on_postgres: str, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A horizon that does not wait for writers at work passes a late commit."""

    def careless(connection: Any) -> int:
        statement = "SELECT last_value FROM stored_events_notification_id_seq"
        return int(run(connection, statement).fetchall()[0][0])

    monkeypatch.setattr(postgres_recorder, "horizon", careless)
    kinds = sealed_around_a_late_commit(on_postgres, key)
    assert {Kind.EVENTS_SHIFTED, Kind.CHECKPOINT_CONTRADICTED} <= set(kinds)


def test_update_that_a_projection_forgets_is_found(
    ledger: Ledger, sync: SyncService, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = StockLevels.project

    def forgetful(self: StockLevels, recorded: Any) -> Any:
        return [one for one in project(self, recorded) if not isinstance(one, Update)]

    with monkeypatch.context() as patch:
        patch.setattr(StockLevels, "project", forgetful)
        sync.sync([element("INBOUND", tea, 5)], CLERK)
    assert {one.kind for one in found_in(ledger)} == {Kind.ROW_DIFFERS}


def test_row_that_a_projection_forgets_is_found(
    ledger: Ledger, sync: SyncService, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Movements, "project", lambda *_: [])
        sync.sync([element("INBOUND", tea, 5)], CLERK)
    assert [one.kind for one in found_in(ledger)] == [Kind.ROW_MISSING]


def test_rule_that_the_domain_forgets_is_found(
    ledger: Ledger, sync: SyncService, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(StockItem, "_require_room", lambda *_: None)
        assert not sync.sync([element("OUTBOUND", tea, 5)], CLERK).failed
    (found,) = found_in(ledger)
    assert (found.kind, "below the floor" in found.message) == (Kind.RULE_BROKEN, True)


def test_event_that_skips_a_version_is_found(
    ledger: Ledger, sync: SyncService, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = StockItem._trigger

    def skipping(self: StockItem, *given: Any, **facts: Any) -> Any:
        self._version += 1
        return trigger(self, *given, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(StockItem, "_trigger", skipping)
        sync.sync([element("INBOUND", tea, 5)], CLERK)
    assert Kind.RULE_BROKEN in {one.kind for one in found_in(ledger)}
