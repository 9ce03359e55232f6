"""Promises of the SQLite adapter alone."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.persistence.filters import ItemFilter, MovementFilter
from application.persistence.port import LedgerRecorder, StoreUnavailable
from application.persistence.queries import Run
from application.sync import SyncService
from domain.actor import Actor
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


BOTH = frozenset({"main", "shop"})

READS: dict[str, Callable[[LedgerRecorder, UUID], Sequence[object]]] = {
    "an item": lambda reader, tea: [reader.select_item(tea)],
    "the stock list": lambda reader, tea: reader.select_items(
        ItemFilter(), after=("main", "SKU-5"), limit=10
    ),
    "the stock list of locations": lambda reader, tea: reader.select_items(
        ItemFilter(locations=BOTH), after=("main", "SKU-5"), limit=10
    ),
    "an SKU": lambda reader, tea: reader.select_items(
        ItemFilter(sku="TEA-250"), after=None, limit=10
    ),
    "changes": lambda reader, tea: reader.select_changes(None, after=9, upto=10**9, limit=10),
    "changes at locations": lambda reader, tea: reader.select_changes(
        BOTH, after=9, upto=10**9, limit=10
    ),
    "the last change": lambda reader, tea: [reader.select_last_change(upto=10**9)],
    **{
        f"the journal by {wanted}": partial(
            lambda reader, tea, wanted: reader.select_movements(wanted, before=10**9, limit=10),
            wanted=wanted,
        )
        for wanted in (
            MovementFilter(),
            MovementFilter(locations=BOTH),
            MovementFilter(device="rare"),
            MovementFilter(actor="chief"),
            MovementFilter(type="COUNT"),
        )
    },
    "an item's journal": lambda reader, tea: reader.select_movements(
        MovementFilter(item_id=tea), before=10**9, limit=10
    ),
}


def test_page_takes_as_many_steps_in_a_large_ledger_as_in_a_small_one(
    ledger: Ledger,
    sync: SyncService,
    items: ItemService,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps of SQLite's machine, which are the same in every run: a scan or a sort would show."""
    tea, cup = register(items), register(items, "CUP", "shop")
    chief = Principal(Actor("chief"), Role.ADMIN)
    sync.sync([element("INBOUND", tea, 1, device="rare") for _ in range(20)], CLERK)
    sync.sync([element("COUNT", cup, 1) for _ in range(20)], chief)
    steps = _count_steps(ledger, file, monkeypatch)

    def grow(start: int, end: int) -> None:
        ids = [
            register(items, f"SKU-{n}", location) for n in range(start, end) for location in BOTH
        ]
        sync.sync([element("INBOUND", n, 1) for n in ids for _ in range(20)], CLERK)

    def taken() -> dict[str, int]:
        return {name: steps(partial(read, ledger.recorder, tea)) for name, read in READS.items()}

    grow(0, 10)
    small = taken()
    grow(10, 100)
    large = taken()
    assert {name: n for name, n in large.items() if n > small[name] * 1.1} == {}
    assert all(n > 0 for n in small.values())


def _count_steps(
    ledger: Ledger, file: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], int]:
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    @contextmanager
    def reading() -> Iterator[Run]:
        connection = sqlite3.connect(file)
        connection.set_progress_handler(step, 1)
        yield lambda query, parameters: connection.execute(query, parameters).fetchall()
        connection.close()

    def steps(read: Callable[[], object]) -> int:
        nonlocal taken
        taken = 0
        read()
        return taken

    monkeypatch.setattr(ledger.recorder, "reading", reading)
    return steps
