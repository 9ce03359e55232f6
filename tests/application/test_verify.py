"""Verification: complete, resumed, incremental and while others write."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.access.audit import AuditTrail, Origin
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import copy
from application.maintenance.rebuild import rebuild
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.projections import PROJECTIONS
from application.recording.sync import SyncService
from application.sealing.restoration import Declarer
from application.sealing.signer import SigningKey
from application.sealing.tree import GrowingTree
from application.server_clock import utc_now
from application.verification import event_reader, read_model_check
from application.verification.findings import Finding, Findings, Kind
from application.verification.state_file import StateFile
from application.verification.tree_check import Claim
from application.verification.verify import Options, Verified, verify
from domain.actor import Actor
from proof.checkpoint import Checkpoint
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import column_of_positions, execute, found_in
from tests.support.sealing import OTHER_KEY, checkpoint_of, seal, signing_key, verifier_of
from tests.support.tampering import edited


class Result(NamedTuple):
    verified: Verified
    found: list[Finding]

    @property
    def kinds(self) -> set[Kind]:
        return {one.kind for one in self.found}


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    with closing(StateFile(str(tmp_path / "state.db"))) as state:
        yield state


def run(
    ledger: Ledger, state: StateFile, progress: Any = lambda *_: None, **options: Any
) -> Result:
    found: list[Finding] = []
    findings = Findings(found.append, ledger.recorder.head)
    wanted = Options(**{"storage": False, **options})
    verified = verify(ledger, state, findings, wanted, now=utc_now, progress=progress)
    return Result(verified, [one for one in found if not one.is_warning])


def record(sync: SyncService, tea: UUID, number: int) -> None:
    sent = [element("INBOUND", tea, n) for n in range(1, number + 1)]
    assert not sync.sync(sent, CLERK).failed


def change(ledger: Ledger, position: int) -> None:
    """Changes an event so that no rule is broken."""
    state = edited(ledger, '"actor":"clerk"', '"actor":"nemo!"')
    column = column_of_positions(ledger)
    execute(ledger, f"UPDATE stored_events SET state = {state} WHERE {column} = {position}")
    execute(ledger, f"UPDATE movements SET actor = 'nemo!' WHERE position = {position}")


def test_empty_ledger_is_proven(ledger: Ledger, state: StateFile) -> None:
    result = run(ledger, state)
    assert (result.found, result.verified.events, result.verified.position) == ([], 0, 0)


def test_result_tells_what_was_proven(
    ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
) -> None:
    record(sync, tea, 300)
    kept = checkpoint_of(ledger, key)
    verified = run(ledger, state, storage=True).verified
    assert verified._replace(skipped=None) == Verified(
        301, 301, kept.root, 1, True, 0, verified.warnings, None, verified.finished_at
    )


def test_second_run_reads_what_is_new(
    ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
) -> None:
    record(sync, tea, 100)
    first = run(ledger, state)
    assert (first.verified.events, first.verified.is_complete) == (101, True)
    for number in (200, 0, 150):
        record(sync, tea, number)
        root = checkpoint_of(ledger, key).root
        again = run(ledger, state)
        assert (again.found, again.verified.root) == ([], root)
        assert not again.verified.is_complete


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(5, 40), st.integers(0, 12))
def test_killed_run_goes_on_where_it_was(
    ledger: Ledger, sync: SyncService, tea: UUID, tmp_path: Path, at_a_time: int, steps: int
) -> None:
    class Killed(BaseException):
        pass

    done = 0

    def progress(*_: object) -> None:
        nonlocal done
        done += 1
        if done > steps:
            raise Killed

    record(sync, tea, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_reader, "EVENTS_PER_CHUNK", at_a_time)
        with closing(StateFile(str(tmp_path / "killed.db"))) as state:
            state.clear()
            with suppress(Killed):
                run(ledger, state, progress)
        with (
            closing(StateFile(str(tmp_path / "killed.db"))) as state,
            closing(StateFile("")) as fresh,
        ):
            went_on, complete = run(ledger, state), run(ledger, fresh)
    assert (went_on.found, complete.found) == ([], [])
    assert went_on.verified.root == complete.verified.root
    assert went_on.verified.streams == complete.verified.streams


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(5, 60), st.integers(1, 7))
def test_sizes_of_reads_make_no_difference(
    ledger: Ledger, items: ItemService, sync: SyncService, at_a_time: int, rows: int
) -> None:
    for sku in ("TEA-250", "CUP-01", "BOX-01", "JAR-01"):
        record(sync, register(items, sku), 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_reader, "EVENTS_PER_CHUNK", at_a_time)
        patch.setattr(read_model_check, "ROWS_PER_READ", rows)
        assert found_in(ledger) == []
        execute(ledger, "UPDATE stock_levels SET on_hand = 1 WHERE sku IN ('CUP-01', 'JAR-01')")
        execute(ledger, "DELETE FROM movements WHERE position = 10")
        kinds = [one.kind for one in found_in(ledger)]
        execute(ledger, "DELETE FROM movements WHERE position > 0")
        execute(ledger, "DELETE FROM stock_levels")
        for projection in PROJECTIONS:
            rebuild(ledger, projection, lambda *_: None)
    assert sorted(kinds) == [Kind.ROW_DIFFERS, Kind.ROW_DIFFERS, Kind.ROW_MISSING]


def test_state_of_another_ledger_is_not_taken(
    ledger: Ledger, sync: SyncService, tea: UUID, state: StateFile, tmp_path: Path
) -> None:
    record(sync, tea, 5)
    run(ledger, state)
    with Ledger(environment(f"sqlite:///{tmp_path / 'other.db'}", lock_timeout=30)) as other:
        register(ItemService(other))
        result = run(other, state)
        assert (result.verified.events, result.verified.is_complete) == (1, True)
        assert result.found == []


def test_copy_is_the_same_ledger(
    ledger: Ledger, sync: SyncService, tea: UUID, state: StateFile, tmp_path: Path
) -> None:
    record(sync, tea, 5)
    run(ledger, state)
    with Ledger(environment(f"sqlite:///{tmp_path / 'copy.db'}", lock_timeout=30)) as target:
        copy(ledger, target, lambda *_: None)
        result = run(target, state)
    assert (result.found, result.verified.is_complete) == ([], False)


class TestScrub:
    def test_old_event_is_found_when_its_turn_comes(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 800)
        seal(ledger, key)
        assert run(ledger, state).found == []
        change(ledger, 300)
        results = [run(ledger, state, scrub=1 / 3) for _ in range(3)]
        assert [one.kinds for one in results] == [set(), {Kind.EVENT_CHANGED}, set()]
        (found,) = results[1].found
        assert found.position == 300
        assert run(ledger, state).found == []
        assert run(ledger, state, scrub=1).kinds == {Kind.EVENT_CHANGED}

    def test_forged_tiles_contradict_what_the_run_before_has_seen(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 800)
        seal(ledger, key)
        run(ledger, state)
        change(ledger, 300)
        execute(ledger, "DELETE FROM tree_tiles")
        execute(ledger, "DELETE FROM checkpoints")
        GrowingTree(ledger.recorder).grow()
        assert run(ledger, state, scrub=1).kinds == {Kind.TILE_DAMAGED}

    def test_missing_tile_is_found(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 600)
        seal(ledger, key)
        run(ledger, state)
        execute(ledger, "DELETE FROM tree_tiles WHERE tile_id = 1")
        assert Kind.TILE_DAMAGED in run(ledger, state, scrub=1).kinds

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("UPDATE stored_events SET local_id = NULL WHERE {p} = 300",
             {Kind.LOCAL_ID_DIFFERS, Kind.INDEX_DIFFERS}),
            ("UPDATE movements SET delta = 77 WHERE position = 300", {Kind.ROW_DIFFERS}),
            ("DELETE FROM movements WHERE position = 300", {Kind.ROW_MISSING}),
        ],
    )  # fmt: skip
    def test_what_belongs_to_old_events_is_checked_again(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile,
        statement: str, expected: set[Kind],
    ) -> None:  # fmt: skip
        record(sync, tea, 600)
        seal(ledger, key)
        assert run(ledger, state).found == []
        execute(ledger, statement.format(p=column_of_positions(ledger)))
        assert run(ledger, state, scrub=1).kinds == expected

    @pytest.mark.parametrize("is_sealed", [True, False])
    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("UPDATE stored_events SET topic = 'Adjusted' WHERE {p} = 598", Kind.EVENT_CHANGED),
            ("DELETE FROM stored_events WHERE {p} = 598", Kind.EVENT_CHANGED),
            ("DELETE FROM stored_events WHERE {p} = 601", Kind.EVENTS_SHIFTED),
        ],
    )
    def test_events_that_fill_no_tile_are_read_again_in_each_run(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile,
        is_sealed: bool, statement: str, expected: Kind,
    ) -> None:  # fmt: skip
        record(sync, tea, 600)
        if is_sealed:
            seal(ledger, key)
        assert run(ledger, state).found == []
        record(sync, tea, 2)
        execute(ledger, statement.format(p=column_of_positions(ledger)))
        assert expected in run(ledger, state).kinds

    def test_lost_events_are_found_and_the_rest_is_read_anew(
        self, ledger: Ledger, sync: SyncService, tea: UUID, state: StateFile
    ) -> None:
        record(sync, tea, 20)
        run(ledger, state)
        execute(ledger, f"DELETE FROM stored_events WHERE {column_of_positions(ledger)} > 9")
        result = run(ledger, state)
        assert Kind.EVENTS_LOST in result.kinds
        assert (result.verified.events, result.verified.is_complete) == (9, True)

    def test_next_epoch_is_read_anew(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 5)
        seal(ledger, key)
        run(ledger, state)
        audit = AuditTrail(ledger.recorder)
        declarer = Declarer(ledger.recorder, key, audit, utc_now)
        declarer.declare(None, "", Origin(CLERK.actor))
        result = run(ledger, state)
        assert (result.found, result.verified.is_complete) == ([], True)


class TestKeptCheckpoint:
    def test_checkpoint_of_any_age_is_proven(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        kept = []
        for number in (5, 300, 40):
            record(sync, tea, number)
            kept.append(Claim(f"kept {number}", checkpoint_of(ledger, key)))
        assert run(ledger, state, checkpoints=kept).found == []
        assert run(ledger, state, checkpoints=kept).found == []  # All from an earlier run.

    def test_checkpoint_of_another_past_is_contradicted(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 300)
        kept = checkpoint_of(ledger, key)
        forged = [
            Claim(f"forged {size}", Checkpoint(kept.origin, size, bytes(32)))
            for size in (1, 256, 300, 301)
        ]
        for _ in range(2):
            result = run(ledger, state, checkpoints=forged)
            assert result.kinds == {Kind.CHECKPOINT_CONTRADICTED}

    def test_checkpoint_beyond_the_ledger_means_that_events_are_lost(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        record(sync, tea, 3)
        kept = checkpoint_of(ledger, key)
        later = Claim("later", kept._replace(size=9))
        assert run(ledger, state, checkpoints=[later]).kinds == {Kind.EVENTS_LOST}

    def test_only_a_given_key_counts_if_there_is_one(
        self, ledger: Ledger, tea: UUID, key: SigningKey, state: StateFile
    ) -> None:
        seal(ledger, key)
        assert run(ledger, state, verifiers=[verifier_of(ledger, key)]).found == []
        other = SigningKey(OTHER_KEY, key.guard)
        result = run(ledger, state, verifiers=[verifier_of(ledger, other)])
        assert result.kinds == {Kind.CHECKPOINT_NOT_SIGNED}


def test_ledger_may_be_written_meanwhile(
    ledger: Ledger, items: ItemService, database_url: str, key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(event_reader, "EVENTS_PER_CHUNK", 50)
    teas = [register(items, f"TEA-{n}") for n in range(5)]
    sync = SyncService(ledger)
    for tea in teas:
        record(sync, tea, 30)
    stopped = Event()
    failures: list[Exception] = []

    def write() -> None:
        try:
            with Ledger(environment(database_url, lock_timeout=30)) as other:
                busy = SyncService(other)
                while not stopped.is_set():
                    for tea in teas:
                        record(busy, tea, 2)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    writers = [Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(8):
            seal(ledger, key)
            assert found_in(ledger) == []
    finally:
        stopped.set()
        for writer in writers:
            writer.join(30)
    assert not failures
    assert found_in(ledger) == []


def test_row_that_changes_during_the_run_is_compared_as_it_was_read(
    ledger: Ledger, sync: SyncService, tea: UUID, state: StateFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record(sync, tea, 3)
    compare = read_model_check.ReadModelCheck.compare_streams

    def moved(check: Any, position: int) -> None:
        """More happens before the stock list is read, and after it."""
        record(sync, tea, 2)
        compare(check, position)
        record(sync, tea, 2)

    monkeypatch.setattr(read_model_check.ReadModelCheck, "compare_streams", moved)
    result = run(ledger, state)
    assert (result.found, result.verified.events) == ([], 8)

    def forged(check: Any, position: int) -> None:
        record(sync, tea, 2)
        execute(ledger, "UPDATE stock_levels SET on_hand = 5")
        compare(check, position)
        record(sync, tea, 2)

    monkeypatch.setattr(read_model_check.ReadModelCheck, "compare_streams", forged)
    assert run(ledger, state).kinds == {Kind.ROW_DIFFERS}


class TestAuthors:
    def test_key_that_was_good_is_no_finding(
        self, ledger: Ledger, sync: SyncService, items: ItemService, tea: UUID
    ) -> None:
        keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder))
        grant = Grant(name="scanner", role=Role.DEVICE, locations=("main",))
        issued = keys.create(grant, Origin(CLERK.actor)).key
        device = Principal(
            Actor("scanner", issued.key_id), Role.DEVICE, frozenset({"main"}), device="scanner"
        )
        SyncService(ledger).sync([element("INBOUND", tea, 2)], device)
        assert self.warned(ledger) == []
        execute(ledger, "UPDATE api_keys SET location_list = '[\"annex\"]'")
        assert self.warned(ledger) == ["had no access to main"]
        execute(ledger, "DELETE FROM api_keys")
        assert self.warned(ledger) == ["is not known"]

    def test_key_that_had_ended_is_a_warning(self, ledger: Ledger, tea: UUID) -> None:
        keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder))
        issued = keys.create(Grant(name="mina", role=Role.CLERK, locations=("main",)),
                             Origin(CLERK.actor)).key  # fmt: skip
        clerk = Principal(Actor("mina", issued.key_id), Role.ADMIN)
        SyncService(ledger).sync([element("ADJUST", tea, 2)], clerk)
        assert self.warned(ledger) == ["could not record ADJUST"]
        execute(ledger, "UPDATE api_keys SET created_at = '2099-01-01T00:00:00.000000+00:00'")
        assert self.warned(ledger) == ["was made later"]
        execute(ledger, "UPDATE api_keys SET created_at = '2001-01-01T00:00:00.000000+00:00', "
                "revoked_at = '2002-01-01T00:00:00.000000+00:00'")  # fmt: skip
        assert self.warned(ledger) == ["had ended by then"]

    def warned(self, ledger: Ledger) -> list[str]:
        found: list[Finding] = []
        with closing(StateFile("")) as state:
            findings = Findings(found.append, ledger.recorder.head)
            verify(ledger, state, findings, Options(storage=False), now=utc_now,
                   progress=lambda *_: None)  # fmt: skip
        assert all(one.is_warning for one in found)
        return [one.message.partition(", which ")[2] for one in found
                if one.kind is Kind.UNKNOWN_AUTHOR]  # fmt: skip


def test_database_that_can_t_be_reached_is_no_finding(
    ledger: Ledger, tea: UUID, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> Any:
        raise StoreUnavailable("down")

    monkeypatch.setattr(type(ledger.recorder), "select_rows_after", down)
    monkeypatch.setattr(type(ledger.recorder), "head", lambda _: 9)
    result = run(ledger, state)
    assert Kind.UNREADABLE_ROWS in result.kinds
    monkeypatch.setattr(type(ledger.recorder), "head", down)
    with pytest.raises(StoreUnavailable):
        run(ledger, state)


def test_findings_of_a_kind_are_told_up_to_a_number(
    ledger: Ledger, sync: SyncService, tea: UUID, state: StateFile
) -> None:
    record(sync, tea, 150)
    execute(ledger, "UPDATE movements SET actor = 'nemo'")
    result = run(ledger, state)
    assert (len(result.found), result.verified.findings) == (100, 150)


def test_memory_of_a_verification_does_not_grow_with_the_ledger(
    ledger: Ledger, sync: SyncService, tea: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_reader, "EVENTS_PER_CHUNK", 200)

    def peak() -> int:
        tracemalloc.start()
        assert found_in(ledger) == []
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    record(sync, tea, 400)
    found_in(ledger)
    small = peak()
    for _ in range(4):
        record(sync, tea, 900)
    assert peak() < 1.5 * small


def test_ledger_is_no_state_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(environment(f"sqlite:///{path}", lock_timeout=30)) as ledger:
        register(ItemService(ledger))
    with pytest.raises(StoreUnavailable, match="another database"):
        StateFile(str(path))
    with Ledger(environment(f"sqlite:///{path}", lock_timeout=30)) as ledger:
        assert found_in(ledger) == []


@pytest.mark.parametrize("damage", ["format", "cut"])
def test_state_file_that_is_damaged_is_no_finding(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100 if damage == "format" else b"SQLite format 3\0xx")
    with pytest.raises(StoreUnavailable, match="state of the verification"):
        StateFile(str(path))
