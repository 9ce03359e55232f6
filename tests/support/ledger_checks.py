"""Checks: the content of a ledger, and whether it is consistent."""

from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw

from application.ledger.ledger import Ledger
from application.parsing.batch import FailedElement
from application.persistence.filters import ItemFilter, MovementFilter
from application.projections import PROJECTIONS
from application.projections.code_changes import CodeChange
from application.projections.codes import Code, Codes
from application.projections.item_changes import ItemChange
from application.projections.projection import Recorded
from application.recording.sync_result import SyncResult
from application.server_clock import utc_now
from application.tables.table import Insert, Upsert
from application.tables.tree import TREE_TABLES
from application.verification.findings import Finding, Findings
from application.verification.state_file import StateFile
from application.verification.verify import Options, verify
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


def proven_content(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a SQLite file that a verification proves: events, tree and read models."""
    tables = ["stored_events", *(table.name for table in TREE_TABLES[:2])]
    tables += [projection.table.name for projection in PROJECTIONS]
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return {
            name: sorted(map(tuple, connection.execute(f"SELECT * FROM {name}")), key=repr)
            for name in tables
        }


def column_of_positions(ledger: Ledger) -> str:
    """The name of the column of positions, in SQL."""
    return "rowid" if "sqlite" in type(ledger.recorder).__module__ else "notification_id"


def execute(ledger: Ledger, statement: str) -> None:
    """Runs a statement on the database, without the ledger and its guards: as an attacker does."""
    with ledger.recorder.datastore.transaction(commit=True) as cursor:  # type: ignore[attr-defined]
        for guard in ledger.recorder.guards:
            cursor.execute(f"DROP TRIGGER IF EXISTS {guard.split()[2]}")
        cursor.execute(statement)


def all_events(ledger: Ledger) -> list[Recorded[LedgerEvent]]:
    notifications = ledger.recorder.select_notifications(1, EVERYTHING)
    return [ledger.to_recorded(notification) for notification in notifications]


def all_codes(ledger: Ledger) -> set[Code]:
    with ledger.recorder.unit_of_work() as unit_of_work:
        return set(unit_of_work.rows(Codes.table))


def found_in(ledger: Ledger, **options: Any) -> list[Finding]:
    """What a complete verification finds, without warnings."""
    found: list[Finding] = []
    with closing(StateFile("")) as state:
        verify(
            ledger,
            state,
            Findings(found.append, ledger.recorder.head),
            Options(**{"storage": False, **options}),
            now=utc_now,
            progress=lambda step, position, end: None,
        )
    return [one for one in found if not one.is_warning]


def assert_read_models_equal_replay(ledger: Ledger) -> None:
    """Checks that every read model equals a replay of the events, and that a verification finds
    nothing."""
    found = found_in(ledger)
    assert not found, found
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
