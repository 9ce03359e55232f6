"""Power cuts of a SQLite ledger: what was answered is kept, and what was published stays true."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

import apsw
import pytest
from eventsourcing.persistence import StoredEvent

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.persistence.sqlite import file as sqlite_file
from application.persistence.sqlite.file import LedgerFile
from application.persistence.sqlite.unit_of_work import SQLiteUnitOfWork
from application.persistence.table_queries import Run
from application.persistence.tree_reader import EventRow
from application.recording.sync import SyncService
from application.recording.sync_result import Synced, SyncResult
from application.sealing.entries import leaf_of
from application.sealing.signer import SigningKey
from application.tables.table import Insert, Table, Write
from application.tables.tree import StoredCheckpoint
from proof.checkpoint import Checkpoint
from proof.tiles import Edge
from tests.support.builders import CLERK, element, local_id_of, register
from tests.support.ledger_checks import (
    EVERYTHING,
    all_events,
    assert_read_models_equal_replay,
    on_hand,
)
from tests.support.power_cuts import (
    LEDGER,
    BrokenPromise,
    Cut,
    Disk,
    Fault,
    Promise,
    Step,
    cuts,
    image_at,
    recording,
    require,
)
from tests.support.sealing import sealer_of, signing_key

pytestmark = pytest.mark.slow

SEED: Final = 20_260_108

PAGES_BETWEEN_CHECKPOINTS: Final = 40

SHARE_THAT_GOES_ON: Final = 4
"""One in so many ledgers records and signs again: that needs syncs of a real disk."""


class Answered(NamedTuple):
    """The mark of an answer that a sender got."""

    batch: Sequence[dict[str, Any]]
    result: SyncResult


class Published(NamedTuple):
    """The mark of a published checkpoint."""

    note: str


class Server:
    """A server of a ledger. Marks what it answers and publishes."""

    def __init__(self, ledger: Ledger, disk: Disk, key: SigningKey) -> None:
        self.ledger = ledger
        self.items = ItemService(ledger)
        self.sealer = sealer_of(ledger, key, lambda note: disk.mark(Published(note)))
        self._sync = SyncService(ledger)
        self._disk = disk

    def send(self, *batch: dict[str, Any]) -> SyncResult:
        result = self._sync.sync(batch, CLERK)
        self._disk.mark(Answered(batch, result))
        return result


@contextmanager
def two_servers(disk: Disk, folder: Path) -> Iterator[tuple[Server, Server]]:
    settings = environment(f"sqlite:///{folder / LEDGER}", lock_timeout=30)
    with Ledger(settings) as one, Ledger(settings) as other:
        yield Server(one, disk, signing_key(folder)), Server(other, disk, signing_key(folder))


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "CHECKPOINT_PAGES", PAGES_BETWEEN_CHECKPOINTS)


def recorded_work(folder: Path, ignored_syncs: Sequence[str] = ()) -> list[Step]:
    """Returns the trace of two days. The ledger is closed at night."""
    with recording(ignored_syncs) as disk:
        with two_servers(disk, folder) as (one, other):
            work_on_first_day(one, other)
        with two_servers(disk, folder) as (one, other):
            work_on_second_day(one, other)
    return disk.trace


def work_on_first_day(one: Server, other: Server) -> None:
    tea, cup = register(one.items), register(one.items, "CUP-01")
    delivery = [element("INBOUND", tea, 50), element("INBOUND", cup, 50)]
    one.send(*delivery)
    one.sealer.seal_once()
    for server in (one, other, one, other):
        sale = element("OUTBOUND", tea, 1)
        server.send(sale, element("COUNT", cup, 20), sale, *delivery)
        server.send(element("INBOUND", cup, 9), element("OUTBOUND", tea, 10_000))
        server.sealer.seal_once()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda server: send_alone(server, tea), (one, other)))
    other.sealer.seal_once()


def send_alone(server: Server, item: UUID) -> None:
    for _ in range(3):
        server.send(*[element("INBOUND", item, 1) for _ in range(5)])


def work_on_second_day(one: Server, other: Server) -> None:
    tea = register(one.items)
    one.send(*[element("INBOUND", tea, 1) for _ in range(250)])  # Fills a tile of the tree.
    one.sealer.seal_once()
    with reading(other.ledger) as run:  # A checkpoint of the log can't pass what a reader reads.
        run("SELECT count(*) FROM stored_events", ())
        send_alone(one, tea)
    other.sealer.seal_once()
    one.send(element("OUTBOUND", tea, 1))


def is_intact(ledger: Ledger, cut: Cut) -> None:
    with reading(ledger) as run:
        assert run("PRAGMA integrity_check", ()) == [("ok",)]


def batches_are_whole(ledger: Ledger, cut: Cut) -> None:
    """Of each batch, even one that was not answered yet, all is recorded or nothing."""
    recorded = {row.local_id for row in rows_of(ledger)}
    for answer in answers_in([*cut.marks, *cut.later_marks]):
        new = {one.local_id.bytes for one in answer.result.synced if one.status == "recorded"}
        assert new <= recorded or not new & recorded


def answers_are_kept(ledger: Ledger, cut: Cut) -> None:
    """What was answered as recorded is a duplicate when it is sent again."""
    answers = answers_in(cut.marks)
    answered = {one.local_id: place_of(one) for answer in answers for one in answer.result.synced}
    sent = {local_id_of(one): one for answer in answers for one in answer.batch}
    again = SyncService(ledger).sync([sent[local_id] for local_id in answered], CLERK)
    assert {one.status for one in again.synced} <= {"duplicate"}
    assert {one.local_id: place_of(one) for one in again.synced} == answered


def refusals_are_kept(ledger: Ledger, cut: Cut) -> None:
    refused = {one.local_id for answer in answers_in(cut.marks) for one in answer.result.failed}
    with ledger.recorder.unit_of_work() as unit_of_work:
        kept = unit_of_work.rejected_among([one for one in refused if one])
    assert {row.local_id for row in kept} == refused


def checkpoints_hold(ledger: Ledger, cut: Cut) -> None:
    """Each published checkpoint is a beginning of what is left."""
    rows = rows_of(ledger)
    for published in map(Checkpoint.unverified, notes_in(cut.marks)):
        assert published.size <= len(rows), "its events are lost"
        assert published.root == root_of(rows[: published.size]), "its events are others"


def checkpoints_are_stored(ledger: Ledger, cut: Cut) -> None:
    """Each published checkpoint can be read in the ledger."""
    stored = ledger.recorder.select_checkpoints(limit=EVERYTHING)
    assert {*notes_in(cut.marks)} <= {row.note for row in stored}


def read_models_equal_replay(ledger: Ledger, cut: Cut) -> None:
    assert_read_models_equal_replay(ledger)


def work_goes_on(ledger: Ledger, cut: Cut) -> None:
    """The ledger records, and its key signs: nothing that it has signed contradicts the ledger."""
    if cut.number % SHARE_THAT_GOES_ON:
        return
    tea = register(ItemService(ledger))
    (recorded,) = SyncService(ledger).sync([element("INBOUND", tea, 1)], CLERK).synced
    assert recorded.status == "recorded"
    key, new = signing_key(cut.folder), list[str]()
    for note in notes_in(cut.marks)[-1:]:
        key.guard.remember(note)
    sealer_of(ledger, key, new.append).seal_once()
    sizes = [Checkpoint.unverified(note).size for note in new]
    assert sizes[-1] == ledger.recorder.head()  # One from before the cut may come first.


PROMISES: Final[Sequence[Promise]] = (
    is_intact,
    batches_are_whole,
    answers_are_kept,
    refusals_are_kept,
    checkpoints_hold,
    checkpoints_are_stored,
    read_models_equal_replay,
    work_goes_on,
)


def answers_in(marks: Sequence[object]) -> list[Answered]:
    return [mark for mark in marks if isinstance(mark, Answered)]


def notes_in(marks: Sequence[object]) -> list[str]:
    return [mark.note for mark in marks if isinstance(mark, Published)]


def place_of(one: Synced) -> tuple[UUID, int, int]:
    return one.item_id, one.version, one.position


def reading(ledger: Ledger) -> AbstractContextManager[Run]:
    context: AbstractContextManager[Run] = ledger.recorder.reading()  # type: ignore[attr-defined]
    return context


def rows_of(ledger: Ledger) -> Sequence[EventRow]:
    return ledger.recorder.select_rows_after(0, EVERYTHING, upto=ledger.recorder.head())


def root_of(rows: Sequence[EventRow]) -> bytes:
    edge = Edge()
    for row in rows:
        edge.append(leaf_of(row))
    return edge.root()


def cut_power(
    trace: Sequence[Step],
    folder: Path,
    promises: Sequence[Promise] = PROMISES,
    *,
    seed: int = SEED,
    anywhere: int = 10,
    per_mark: int = 1,
) -> None:
    """Cuts the power often. Raises BrokenPromise."""
    found = cuts(trace, folder / "images", seed=seed, anywhere=anywhere, per_mark=per_mark)
    require(promises, found)


@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_promises_survive_power_cuts(tmp_path: Path, seed: int) -> None:
    trace = recorded_work(tmp_path)
    cut_power(trace, tmp_path, seed=seed, anywhere=40, per_mark=2)


def test_trace_tells_what_is_on_the_disk(tmp_path: Path) -> None:
    trace = recorded_work(tmp_path)
    on_disk = image_at(trace, len(trace), Random(SEED))
    assert on_disk[LEDGER] == (tmp_path / LEDGER).read_bytes()


def set_synchronous(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Plants a bug: commits are not flushed."""
    connect = LedgerFile.connect

    def connect_carelessly(self: LedgerFile, **settings: Any) -> apsw.Connection:
        connection = connect(self, **settings)
        connection.pragma("synchronous", mode)
        return connection

    monkeypatch.setattr(LedgerFile, "connect", connect_carelessly)


@pytest.mark.parametrize("mode", ["off", "normal"])
def test_commits_that_are_not_flushed_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    set_synchronous(monkeypatch, mode)
    trace = recorded_work(tmp_path)
    with pytest.raises(BrokenPromise):
        cut_power(trace, tmp_path / "answers", [answers_are_kept])
    with pytest.raises(BrokenPromise):
        cut_power(trace, tmp_path / "checkpoints", [checkpoints_hold])


@pytest.mark.parametrize("name", ["-wal", LEDGER])
def test_disk_that_ignores_a_sync_is_noticed(tmp_path: Path, name: str) -> None:
    trace = recorded_work(tmp_path, ignored_syncs=[name])
    with pytest.raises(BrokenPromise):
        cut_power(trace, tmp_path, anywhere=100)


def test_checkpoint_published_before_its_commit_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SQLiteUnitOfWork.write
    with recording() as disk:

        def write_and_publish(
            self: SQLiteUnitOfWork, table: Table[Any], writes: Sequence[Write]
        ) -> None:
            write(self, table, writes)
            rows = [row for one in writes if isinstance(one, Insert) for row in one.rows]
            for row in rows:
                if isinstance(row, StoredCheckpoint):
                    disk.mark(Published(row.note))

        monkeypatch.setattr(SQLiteUnitOfWork, "write", write_and_publish)
        with two_servers(disk, tmp_path) as (one, other):
            work_on_first_day(one, other)
    with pytest.raises(BrokenPromise, match="checkpoints_are_stored"):
        cut_power(disk.trace, tmp_path, [checkpoints_are_stored])


def test_checkpoint_of_events_before_their_commit_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = SQLiteUnitOfWork.append
    with recording() as disk:

        def append_and_publish(
            self: SQLiteUnitOfWork,
            events: Sequence[StoredEvent],
            local_ids: Sequence[UUID | None],
        ) -> Sequence[int]:
            positions = append(self, events, local_ids)
            rows = self.rows_after(0, EVERYTHING, upto=positions[-1])
            checkpoint = Checkpoint("shop", len(rows), root_of(rows))
            signer = SigningKey.signer(signing_key(tmp_path), "shop")
            disk.mark(Published(checkpoint.signed([signer])))
            return positions

        monkeypatch.setattr(SQLiteUnitOfWork, "append", append_and_publish)
        with two_servers(disk, tmp_path) as (one, _):
            register(one.items)
    with pytest.raises(BrokenPromise, match="its events are lost"):
        cut_power(disk.trace, tmp_path, [checkpoints_hold])


FAULTS: Final = {
    "sync of the new log": Fault("xSync", "-wal", apsw.IOError()),
    "sync of a commit": Fault("xSync", "-wal", apsw.IOError(), calls_before=1),
    "write of the new log": Fault("xWrite", "-wal", apsw.FullError()),
    "write of a commit": Fault("xWrite", "-wal", apsw.FullError(), calls_before=1),
    "write amid a commit": Fault("xWrite", "-wal", apsw.FullError(), calls_before=15),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_commit_that_the_disk_fails_is_an_error_and_its_retry_records_once(
    tmp_path: Path, fault: Fault
) -> None:
    with recording() as disk:
        with two_servers(disk, tmp_path) as (one, _):
            tea = register(one.items)
        with two_servers(disk, tmp_path) as (one, other):
            batch = [element("INBOUND", tea, 1) for _ in range(30)]
            disk.fail(fault)
            with pytest.raises(StoreUnavailable):
                one.send(*batch)
            assert disk.has_failed
            for server in (one, other):
                assert len(all_events(server.ledger)) == 1
                assert_read_models_equal_replay(server.ledger)
            assert {found.status for found in one.send(*batch).synced} == {"recorded"}
            assert {found.status for found in other.send(*batch).synced} == {"duplicate"}
            assert on_hand(other.ledger, tea) == 30
            one.sealer.seal_once()
    cut_power(disk.trace, tmp_path)


@pytest.mark.parametrize(
    "fault",
    [Fault("xSync", LEDGER, apsw.IOError()), Fault("xWrite", LEDGER, apsw.FullError())],
    ids=["sync", "write"],
)
def test_checkpoint_of_the_log_that_the_disk_fails_loses_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    with recording() as disk, two_servers(disk, tmp_path) as (one, other):
        tea = register(one.items)
        batch = [element("INBOUND", tea, 1) for _ in range(200)]
        disk.fail(fault)
        with suppress(StoreUnavailable):  # The commit before it stands: an error may say so or not.
            one.send(*batch)
        assert disk.has_failed
        assert {found.status for found in one.send(*batch).synced} == {"duplicate"}
        one.sealer.seal_once()
        other.send(*[element("OUTBOUND", tea, 1) for _ in range(100)])
    cut_power(disk.trace, tmp_path)
