"""Checks: the content of a ledger, and whether it is consistent."""

from typing import Any
from uuid import UUID

from application.ledger.ledger import Ledger
from application.parsing.batch import FailedElement
from application.persistence.filters import ItemFilter, MovementFilter
from application.projections import PROJECTIONS
from application.projections.code_changes import CodeChange
from application.projections.codes import Code, Codes
from application.projections.item_changes import ItemChange
from application.projections.projection import Recorded
from application.recording.sync_result import SyncResult
from application.tables.table import Insert, Upsert
from domain.events import LedgerEvent
from domain.stock_item import StockItem

EVERYTHING = 1_000_000


def codes(result: SyncResult) -> list[str]:
    return [failed.rejection.code for failed in result.failed]


def only_failure(result: SyncResult) -> FailedElement:
    (failed,) = result.failed
    assert not result.synced
    return failed


def on_hand(ledger: Ledger, item_id: UUID) -> int:
    level = ledger.recorder.select_item(item_id)
    assert level is not None
    return level.on_hand


def execute(ledger: Ledger, statement: str) -> None:
    """Runs a statement on the database, without the ledger."""
    with ledger.recorder.datastore.transaction(commit=True) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement)


def all_events(ledger: Ledger) -> list[Recorded[LedgerEvent]]:
    notifications = ledger.recorder.select_notifications(1, EVERYTHING)
    return [ledger.to_recorded(notification) for notification in notifications]


def all_codes(ledger: Ledger) -> set[Code]:
    with ledger.recorder.unit_of_work() as unit_of_work:
        return set(unit_of_work.rows(Codes.table))


def assert_read_models_equal_replay(ledger: Ledger) -> None:
    """Checks that every read model equals a replay of the events."""
    recorded = all_events(ledger)
    positions = [position for position, _ in recorded]
    assert positions == sorted(set(positions))
    reader = ledger.recorder
    levels = reader.select_items(ItemFilter(), after=None, limit=EVERYTHING)
    movements = reader.select_movements(MovementFilter(), before=None, limit=EVERYTHING)
    changes = reader.select_changes(None, after=0, upto=EVERYTHING, limit=EVERYTHING)
    assert [change.position for change in changes] == positions
    live: dict[str, set[tuple[Any, ...]]] = {
        "stock_levels": set(levels),
        "movements": set(movements),
        "item_changes": {change for change in changes if isinstance(change, ItemChange)},
        "code_changes": {change for change in changes if isinstance(change, CodeChange)},
        "codes": {*all_codes(ledger)},
    }
    for projection in PROJECTIONS:
        rows = set()
        for write in projection.project(recorded):
            assert isinstance(
                write, Insert | Upsert
            )  # a replay from the first event has nothing to update
            rows |= set(write.rows)
        assert live[projection.table.name] == rows
    for level in levels:
        item: StockItem = ledger.repository.get(level.item_id)
        assert (item.version, item.on_hand, item.active) == (
            level.version,
            level.on_hand,
            level.active,
        )
