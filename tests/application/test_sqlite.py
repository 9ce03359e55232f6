"""SQLite adapter: promises that only this adapter makes."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import apsw
import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import copy
from application.maintenance.rebuild import REBUILD, rebuild
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.persistence.filters import ItemFilter, MovementFilter
from application.persistence.recorder import LedgerRecorder
from application.persistence.table_queries import Run
from application.projections import PROJECTIONS
from application.recording.sync import SyncService
from domain.actor import Actor
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    execute,
    on_hand,
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


class Disk(apsw.VFS):
    """Keeps the synced content of each file: only this is sure to survive a power cut."""

    def __init__(self) -> None:
        self.synced: dict[str, bytes] = {}
        super().__init__("disk", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> "DiskFile":  # noqa: N802 -- SQLite's name
        return DiskFile(self, name, flags)

    def after_a_power_cut(self, folder: Path) -> None:
        """Writes the surviving files into another folder."""
        for name, content in self.synced.items():
            if Path(name).parent != folder and not name.endswith("-journal"):
                (folder / Path(name).name).write_bytes(content)


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._synced = disk.synced
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name

    def xSync(self, flags: int) -> None:  # noqa: N802 -- SQLite's name
        super().xSync(flags)
        self._synced[self._name] = self.xRead(self.xFileSize(), 0)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


def test_what_was_answered_survives_a_power_cut(
    disk: Disk, database_url: str, file: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        tea = register(ItemService(ledger))
        sync = SyncService(ledger)
        for batch in range(1, 4):
            answered = sync.sync([element("INBOUND", tea, batch) for _ in range(20)], CLERK)
            disk.after_a_power_cut(cut)
            url = f"sqlite:///{cut / file.name}"
            with Ledger(environment(url, lock_timeout=30)) as left:
                assert left.recorder.head() == answered.position
                assert on_hand(left, tea) == answered.synced[-1].on_hand
            for leftover in cut.iterdir():
                leftover.unlink()


def test_positions_survive_a_vacuum(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, n) for n in range(1, 20)], CLERK)
    before = all_events(ledger)
    execute(ledger, "DELETE FROM stored_events WHERE rowid = 5")
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("VACUUM")
    assert all_events(ledger) == [found for found in before if found.position != 5]


def test_people_can_read_the_events(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    sync.sync([element("INBOUND", register(items), 5)], CLERK)
    with closing(apsw.Connection(str(file))) as connection:
        ((event, state),) = connection.execute(
            "SELECT event, state FROM readable_events WHERE position = 2"
        )
    assert event == "InboundRecorded"
    assert '"sku":"TEA-250","on_hand":5' in state


def test_values_of_another_type_in_a_read_model_decide_nothing(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("UPDATE stock_levels SET updated_at = 'junk', on_hand = 'many'")
    assert sync.sync([element("OUTBOUND", tea, 2)], CLERK).synced[0].on_hand == 3


def test_readers_do_not_wait_for_a_writer(ledger: Ledger, items: ItemService) -> None:
    tea = register(items)
    found: list[object] = []
    with ledger.recorder.unit_of_work():
        writer_in_queue = Thread(target=register, args=(items, "CUP-01"), daemon=True)
        writer_in_queue.start()
        reader = Thread(target=lambda: found.append(ledger.recorder.select_item(tea)))
        reader.start()
        reader.join(timeout=20)
        assert len(found) == 1
    writer_in_queue.join()


def test_database_that_stays_locked_is_unavailable(
    ledger: Ledger, items: ItemService, database_url: str, file: Path
) -> None:
    """Only writers are refused. A current ledger can still be opened and read."""
    tea = register(items)
    with closing(apsw.Connection(str(file))) as other:
        other.execute("BEGIN IMMEDIATE")
        with Ledger(environment(database_url, lock_timeout=1)) as hasty:
            assert hasty.recorder.select_item(tea) is not None
            with pytest.raises(StoreUnavailable):
                SyncService(hasty).sync([element("INBOUND", tea, 1)], CLERK)


BOTH = frozenset({"main", "shop"})

READS: dict[str, Callable[[LedgerRecorder, UUID], Sequence[object]]] = {
    "an item": lambda reader, tea: [reader.select_item(tea)],
    "the stock list": lambda reader, tea: reader.select_items(
        ItemFilter(), after=("main", "SKU-5", UUID(int=5)), limit=10
    ),
    "the stock list of locations": lambda reader, tea: reader.select_items(
        ItemFilter(locations=BOTH), after=("main", "SKU-5", UUID(int=5)), limit=10
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
    """Steps of SQLite's virtual machine are the same in every run, and reveal a scan or a sort."""
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

    def step() -> bool:
        nonlocal taken
        taken += 1
        return False

    @contextmanager
    def reading() -> Iterator[Run]:
        with closing(apsw.Connection(str(file))) as connection:
            connection.set_progress_handler(step, 1)
            yield lambda query, parameters: connection.execute(query, parameters).fetchall()

    def steps(read: Callable[[], object]) -> int:
        nonlocal taken
        taken = 0
        read()
        return taken

    monkeypatch.setattr(ledger.recorder, "reading", reading)
    return steps


def test_no_other_sqlite_library_opens_the_file(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two SQLite libraries in one process do not see each other's locks."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the standard library must not open the ledger's file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with Ledger(environment(database_url, lock_timeout=30)) as ledger:
        tea = register(ItemService(ledger))
        SyncService(ledger).sync([element("INBOUND", tea, 5)], CLERK)
        with ledger.recorder.notices() as notices:
            assert not notices.wait(0)
        for projection in PROJECTIONS:
            rebuild(ledger, projection, lambda position, head: None)
        target = f"{database_url}.copy"
        with Ledger(environment(target, lock_timeout=30)) as there:
            assert copy(ledger, there, lambda doing, position, end: None).events == 2


def test_library_lies_behind_the_wal_reset_race() -> None:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    assert version >= (3, 51, 3)


def test_files_are_their_owner_s_alone(ledger: Ledger, items: ItemService, file: Path) -> None:
    register(items)
    with ledger.recorder.exclusive(REBUILD):
        files = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.rebuild.lock"} <= set(files)
    assert set(files.values()) == {0o600}


@pytest.mark.parametrize("lost", ["ledger.db", "ledger.db-wal"])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_file_that_is_gone_is_noticed_before_anything_is_answered(
    sync: SyncService, items: ItemService, file: Path, lost: str, is_replaced: bool
) -> None:
    tea = register(items)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    gone = file.with_name(lost)
    kept = gone.rename(f"{gone}.kept")
    if is_replaced:
        gone.touch()
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        sync.sync([element("INBOUND", tea, 1)], CLERK)
    kept.rename(gone)
    assert sync.sync([element("INBOUND", tea, 1)], CLERK).synced[0].on_hand == 6


def test_file_that_goes_while_it_is_written_is_noticed(
    ledger: Ledger, items: ItemService, file: Path
) -> None:
    tea = register(items)

    def write_and_lose_it() -> None:
        with ledger.recorder.unit_of_work() as unit_of_work:
            unit_of_work.latest([tea])
            file.unlink()

    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        write_and_lose_it()


@pytest.mark.parametrize(
    "content", [b"no database at all " * 100, b"SQLite format 3\0" + b"\1" * 9000]
)
def test_damaged_file_is_told_in_one_line(database_url: str, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"^[^\n]+$"):
        Ledger(environment(database_url, lock_timeout=1))


@pytest.mark.parametrize("number", [1, 9, 10, 11, 249, 250, 251, 777])
def test_any_number_of_rows_is_written(
    ledger: Ledger, sync: SyncService, items: ItemService, number: int
) -> None:
    stock = [register(items, f"SKU-{n}") for n in range(number)]
    sync.sync([element("INBOUND", one, n + 1) for n, one in enumerate(stock)], CLERK)
    assert_read_models_equal_replay(ledger)


def test_file_that_is_away_for_a_moment_loses_nothing(
    ledger: Ledger, sync: SyncService, items: ItemService, file: Path, database_url: str
) -> None:
    """The write-ahead log has the commits, so no new database file may be created next to it."""
    tea = register(items)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    kept = file.rename(file.with_name("kept.db"))

    def read(_: int) -> bool:
        with pytest.raises(StoreUnavailable):
            ledger.recorder.head()
        return True

    with ThreadPoolExecutor(3) as pool:  # Some reads open a new connection.
        assert all(pool.map(read, range(12)))
    with pytest.raises(StoreUnavailable), ledger.recorder.notices():
        pass
    assert not file.exists()
    with pytest.raises(StoreUnavailable, match="has commits"):
        Ledger(environment(database_url, lock_timeout=1))
    file.touch()
    with pytest.raises(StoreUnavailable, match="has commits"):
        Ledger(environment(database_url, lock_timeout=1))
    file.unlink()
    kept.rename(file)
    with Ledger(environment(database_url, lock_timeout=1)) as again:
        assert on_hand(again, tea) == 5
    assert sync.sync([element("INBOUND", tea, 1)], CLERK).synced[0].on_hand == 6
