"""Promises of the SQLite adapter alone."""

import sqlite3
from pathlib import Path
from threading import Thread

import pytest

from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.persistence.port import StoreUnavailable
from application.sync import SyncService
from tests.support.shop import CLERK, all_events, element, register


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_commits_survive_a_power_cut(ledger: Ledger) -> None:
    with ledger.recorder.datastore.transaction(commit=True) as cursor:  # type: ignore[attr-defined]
        values = {}
        for pragma in ["journal_mode", "synchronous"]:
            cursor.execute(f"PRAGMA {pragma}")
            values[pragma] = cursor.fetchone()[0]
    assert values == {"journal_mode": "wal", "synchronous": 2}


def test_positions_survive_a_vacuum(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, n) for n in range(1, 20)], CLERK)
    before = all_events(ledger)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM stored_events WHERE rowid = 5")
    connection.execute("VACUUM")
    connection.close()
    assert all_events(ledger) == [found for found in before if found.position != 5]


def test_people_can_read_the_events(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    sync.sync([element("INBOUND", register(items), 5)], CLERK)
    connection = sqlite3.connect(file)
    event, state = connection.execute(
        "SELECT event, state FROM readable_events WHERE position = 2"
    ).fetchone()
    connection.close()
    assert event == "InboundRecorded"
    assert '"sku":"TEA-250","on_hand":5' in state


def test_values_of_another_type_in_a_read_model_decide_nothing(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE stock_levels SET updated_at = 'junk', on_hand = 'many'")
    connection.close()
    assert sync.sync([element("OUTBOUND", tea, 2)], CLERK).synced[0].on_hand == 3


def test_readers_do_not_wait_for_a_writer(ledger: Ledger, items: ItemService) -> None:
    tea = register(items)
    found: list[object] = []
    with ledger.recorder.transaction():
        writer_in_queue = Thread(target=register, args=(items, "CUP-01"), daemon=True)
        writer_in_queue.start()
        reader = Thread(target=lambda: found.append(ledger.recorder.select_item(tea)))
        reader.start()
        reader.join(timeout=20)
        assert len(found) == 1
    writer_in_queue.join()


def test_database_that_stays_locked_is_unavailable(
    ledger: Ledger, database_url: str, file: Path
) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnavailable):
            Ledger(environment(database_url, lock_timeout=1))
    finally:
        other.close()
