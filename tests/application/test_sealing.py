"""Sealing: the tree is a function of the events, and checkpoints never contradict each other."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import NotACopy, copy
from application.persistence import environment
from application.persistence.errors import AlreadyRunning, StoreUnavailable
from application.recording.sync import SyncService
from application.sealing import signer as signing
from application.sealing.entries import entry_of, leaf_of
from application.sealing.errors import NoCheckpoint, NotRecorded, NotSealedYet, UnknownSize
from application.sealing.fork_guard import ForkGuard, ForkRefused
from application.sealing.identity import (
    OriginMismatch,
    known_verifiers,
    name_log,
    read_identity,
)
from application.sealing.key_file import KeyFileError, create_key, read_key
from application.sealing.proofs import ProofService
from application.sealing.rotation import declare, rotate_key
from application.sealing.sealer import SEAL, Sealer
from application.sealing.signer import CheckpointSigner, SigningKey, hook
from application.sealing.tree import GrowingTree
from application.server_clock import utc_now
from application.tables.tree import DeclarationKind
from domain.actor import Actor
from proof.checkpoint import Checkpoint
from proof.declarations import KeyDeclaration
from proof.entry import Entry
from proof.merkle import require_consistency
from proof.proofs import ConsistencyProof, InclusionProof
from proof.tiles import TILE_WIDTH, Edge
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, column_of_positions, execute
from tests.support.sealing import (
    OTHER_KEY,
    checkpoint_of,
    seal,
    sealer_of,
    signing_key,
    verifier_of,
)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def record(sync: SyncService, tea: UUID, number: int = 1) -> list[str]:
    sent = [element("INBOUND", tea, n) for n in range(1, number + 1)]
    assert len(sync.sync(sent, CLERK).synced) == number
    return [one["localId"] for one in sent]


def defined_root(ledger: Ledger) -> bytes:
    """The root of the tree of all events."""
    edge = Edge()
    recorder = ledger.recorder
    for row in recorder.select_rows_after(0, 100_000, upto=recorder.head()):
        edge.append(leaf_of(row))
    return edge.root()


class TestTree:
    def test_tree_is_that_of_all_events(self, ledger: Ledger, sync: SyncService, tea: UUID) -> None:
        tree = GrowingTree(ledger.recorder)
        for number in (1, 254, 1, 1, 600):
            record(sync, tea, number)
            tree.grow()
            again = GrowingTree(ledger.recorder)
            again.grow()
            assert tree.size == again.size == ledger.recorder.head()
            assert tree.root() == again.root() == defined_root(ledger)
            assert tree.stored().root(tree.size) == tree.root()
        last = ledger.recorder.select_last_tile()
        assert last is not None
        assert last.number == tree.size // TILE_WIDTH - 1

    def test_every_beginning_of_the_tree_is_proven(
        self, ledger: Ledger, sync: SyncService, tea: UUID
    ) -> None:
        record(sync, tea, 600)
        tree = GrowingTree(ledger.recorder)
        tree.grow()
        stored = tree.stored()
        for size in (1, 255, 256, 257, 512, 513, 600):
            require_consistency(
                old_size=size,
                old_root=stored.root(size),
                new_size=tree.size,
                new_root=tree.root(),
                path=stored.consistency_path(size, tree.size),
            )

    def test_several_sealers_at_once_make_one_tree(
        self, ledger: Ledger, sync: SyncService, tea: UUID, database_url: str
    ) -> None:
        record(sync, tea, 1_200)
        together = Barrier(3)
        problems: list[Exception] = []

        def grow() -> None:
            with Ledger(environment(database_url, lock_timeout=30)) as other:
                tree = GrowingTree(other.recorder)
                together.wait(10)
                try:
                    tree.grow()
                except Exception as error:  # noqa: BLE001
                    problems.append(error)

        threads = [Thread(target=grow) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert all(isinstance(one, StoreUnavailable) for one in problems), problems
        assert len(problems) < 3
        tree = GrowingTree(ledger.recorder)
        tree.grow()
        assert tree.root() == tree.stored().root(tree.size) == defined_root(ledger)

    def test_copy_has_the_same_tree_and_the_same_checkpoints(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        record(sync, tea, 300)
        first = seal(ledger, key)
        record(sync, tea, 300)
        seal(ledger, key)
        with Ledger(environment(f"sqlite:///{tmp_path / 'copy.db'}", lock_timeout=30)) as target:
            copied = copy(ledger, target, lambda *_: None)
            assert copied.root == defined_root(ledger).hex() == defined_root(target).hex()
            newest = target.recorder.select_last_checkpoint()
            assert newest == ledger.recorder.select_last_checkpoint()
            assert target.recorder.select_checkpoint(first.checkpoint_id) == first
            assert read_identity(target.recorder) == read_identity(ledger.recorder)
            sync = SyncService(target)
            record(sync, tea, 5)
            assert checkpoint_of(target, key).size == 606

    def test_copy_of_changed_events_is_refused(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        record(sync, tea, 3)
        seal(ledger, key)
        execute(ledger, "UPDATE stored_events SET topic = 'OutboundRecorded' WHERE "
                f"{column_of_positions(ledger)} = 2")  # fmt: skip
        with (
            Ledger(environment(f"sqlite:///{tmp_path / 'copy.db'}", lock_timeout=30)) as target,
            pytest.raises(NotACopy, match="was signed for other events"),
        ):
            copy(ledger, target, lambda *_: None)

    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(st.integers(1, 90), max_size=8), st.integers(1, 300))
    def test_root_is_the_same_however_it_is_grown(
        self,
        ledger: Ledger,
        sync: SyncService,
        tea: UUID,
        numbers: list[int],
        at_a_time: int,
    ) -> None:
        tree = GrowingTree(ledger.recorder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("application.sealing.tree.EVENTS_PER_CHUNK", at_a_time)
            for number in numbers:
                record(sync, tea, number)
                tree.grow()
        assert tree.root() == defined_root(ledger) or not numbers

    def test_stray_value_types_are_hashed_as_they_are(
        self, ledger: Ledger, sync: SyncService, tea: UUID
    ) -> None:
        """A state that is not JSON, and on SQLite a text for a blob."""
        record(sync, tea, 2)
        before = defined_root(ledger)
        column = column_of_positions(ledger)
        is_sqlite = column == "rowid"
        same = "CAST(state AS TEXT)" if is_sqlite else "state"
        execute(ledger, f"UPDATE stored_events SET state = {same} WHERE {column} = 2")
        assert defined_root(ledger) == before
        other = "x'ff00fe'" if is_sqlite else r"'\xff00fe'::bytea"
        execute(ledger, f"UPDATE stored_events SET state = {other} WHERE {column} = 2")
        row = ledger.recorder.select_rows_after(1, 1, upto=9)[0]
        assert row.state == b"\xff\x00\xfe"
        assert entry_of(row).endswith(b" InboundRecorded\n\xff\x00\xfe")


class TestSigning:
    def test_checkpoint_is_signed_when_there_is_something_new(
        self, ledger: Ledger, sync: SyncService, key: SigningKey, items: ItemService
    ) -> None:
        sealer_of(ledger, key).seal_once()
        assert ledger.recorder.select_last_checkpoint() is None
        tea = register(items)
        published: list[str] = []
        for _ in range(2):
            sealer_of(ledger, key, published.append).seal_once()
        assert [Checkpoint.unverified(note).size for note in published] == [1]
        record(sync, tea, 4)
        newest = seal(ledger, key)
        assert Checkpoint.verified(newest.note, known_verifiers(ledger.recorder)) == Checkpoint(
            read_identity(ledger.recorder).origin, 5, defined_root(ledger)
        )
        assert key.guard.last_note() == newest.note

    def test_row_is_committed_before_the_checkpoint_is_published(
        self, ledger: Ledger, tea: UUID, key: SigningKey, database_url: str
    ) -> None:
        seen: list[str | None] = []

        def publish(note: str) -> None:
            with Ledger(environment(database_url, lock_timeout=30)) as other:
                newest = other.recorder.select_last_checkpoint()
                seen.append(newest and newest.note)
            assert key.guard.last_note() == note

        sealer_of(ledger, key, publish).seal_once()
        assert seen == [key.guard.last_note()]

    def test_lock_that_was_lost_before_the_commit_publishes_nothing(
        self, ledger: Ledger, tea: UUID, key: SigningKey
    ) -> None:
        tree = GrowingTree(ledger.recorder)
        tree.grow()
        published: list[str] = []

        def lost() -> None:
            raise StoreUnavailable("the lock was lost")

        signer = CheckpointSigner(ledger.recorder, key, utc_now, published.append)
        with pytest.raises(StoreUnavailable):
            signer.sign(tree, lost)
        assert (published, ledger.recorder.select_last_checkpoint()) == ([], None)
        assert key.guard.last() is None

    def test_checkpoint_of_a_signer_that_was_killed_is_remembered_and_published(
        self, ledger: Ledger, tea: UUID, key: SigningKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def kill(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(ForkGuard, "remember", kill)
            with pytest.raises(Killed):
                sealer_of(ledger, key).seal_once()
        newest = ledger.recorder.select_last_checkpoint()
        assert newest is not None
        published: list[str] = []
        for _ in range(2):
            sealer_of(ledger, key, published.append).seal_once()
        assert published == [newest.note]
        assert key.guard.last_note() == newest.note

    def test_ledger_without_its_last_events_is_not_signed(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        record(sync, tea, 3)
        seal(ledger, key)
        execute(ledger, f"DELETE FROM stored_events WHERE {column_of_positions(ledger)} > 2")
        execute(ledger, "DELETE FROM checkpoints")
        with pytest.raises(ForkRefused, match="has 2: the last ones are lost"):
            sealer_of(ledger, key).seal_once()

    def test_ledger_with_another_past_is_not_signed(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        record(sync, tea, 3)
        seal(ledger, key)
        execute(ledger, "DELETE FROM checkpoints")
        execute(ledger, "UPDATE stored_events SET topic = 'OutboundRecorded' WHERE "
                f"{column_of_positions(ledger)} = 2")  # fmt: skip
        record(sync, tea, 3)
        with pytest.raises(ForkRefused, match="first 4 events are not those"):
            sealer_of(ledger, key).seal_once()

    def test_key_of_another_ledger_is_refused(
        self, ledger: Ledger, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        with Ledger(environment(f"sqlite:///{tmp_path / 'other.db'}", lock_timeout=30)) as other:
            register(ItemService(other))
            seal(other, key)
        with pytest.raises(ForkRefused, match="is the database the right one"):
            sealer_of(ledger, key).seal_once()

    def test_memory_that_can_t_be_read_signs_nothing(
        self, ledger: Ledger, tea: UUID, tmp_path: Path
    ) -> None:
        (tmp_path / "last").write_text("not a note")
        with pytest.raises(ForkRefused, match="damaged"):
            sealer_of(ledger, signing_key(tmp_path)).seal_once()

    def test_unknown_key_is_refused_until_it_is_declared(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        seal(ledger, key)
        (tmp_path / "new").mkdir()
        new = signing_key(tmp_path / "new", OTHER_KEY)
        record(sync, tea)
        with pytest.raises(ForkRefused, match="not one of this log's"):
            sealer_of(ledger, new).seal_once()
        rotate_key(ledger.recorder, key, new, utc_now())
        newest = seal(ledger, new)
        assert [one.key for one in known_verifiers(ledger.recorder)] == [
            verifier_of(ledger, one).key for one in (key, new)
        ]
        assert Checkpoint.verified(newest.note, [verifier_of(ledger, new)]).size == 2
        record(sync, tea)
        assert seal(ledger, key).size == 3  # Both are good, while servers are restarted.

    def test_key_that_signed_nothing_declares_no_other(
        self, ledger: Ledger, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        with pytest.raises(ForkRefused, match="has signed no checkpoint"):
            rotate_key(ledger.recorder, key, signing_key(tmp_path / "new", OTHER_KEY), utc_now())

    def test_declaration_that_no_known_key_signed_adds_no_key(
        self, ledger: Ledger, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        seal(ledger, key)
        forged = signing_key(tmp_path, OTHER_KEY)
        signer = forged.signer(read_identity(ledger.recorder).origin)
        note = KeyDeclaration(signer.verifier.name, signer.verifier).signed([signer])
        with ledger.recorder.unit_of_work() as unit_of_work:
            declare(unit_of_work, DeclarationKind.KEY, note, utc_now())
        assert [one.key for one in known_verifiers(ledger.recorder)] == [
            verifier_of(ledger, key).key
        ]


class TestName:
    def test_log_gets_its_name_before_it_signs(
        self, ledger: Ledger, tea: UUID, key: SigningKey
    ) -> None:
        assert read_identity(ledger.recorder).origin.startswith("stockledger.invalid/")
        name_log(ledger.recorder, "stock.example.com/main")
        assert checkpoint_of(ledger, key).origin == "stock.example.com/main"
        assert name_log(ledger.recorder, None) == name_log(
            ledger.recorder, "stock.example.com/main"
        )
        with pytest.raises(OriginMismatch, match="can't become"):
            name_log(ledger.recorder, "stock.example.com/other")

    def test_name_is_fixed_once_a_checkpoint_is_signed(
        self, ledger: Ledger, tea: UUID, key: SigningKey
    ) -> None:
        seal(ledger, key)
        with pytest.raises(OriginMismatch, match="can't become"):
            name_log(ledger.recorder, "stock.example.com/main")

    @pytest.mark.parametrize("name", ["", "with space", "with+plus", "x" * 300])
    def test_what_can_t_name_a_key_is_refused(self, ledger: Ledger, name: str) -> None:
        with pytest.raises(OriginMismatch, match="can't name a log"):
            name_log(ledger.recorder, name)


class TestKeyFile:
    def test_key_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        made = create_key(tmp_path / "key")
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        assert read_key(tmp_path / "key").private_bytes_raw() == made.private_bytes_raw()
        with pytest.raises(KeyFileError, match="File exists"):
            create_key(tmp_path / "key")

    def test_other_files_are_no_keys(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="No such file"):
            read_key(tmp_path / "none")
        (tmp_path / "text").write_text("no key at all")
        with pytest.raises(KeyFileError, match="has no private key"):
            read_key(tmp_path / "text")


class TestSealer:
    @pytest.fixture(autouse=True)
    def short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("application.sealing.sealer.POLL_SECONDS", 0.05)

    def test_sealer_seals_while_others_record(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        published: list[str] = []
        with running(sealer_of(ledger, key, published.append)):
            for _ in range(3):
                record(sync, tea, 20)
                wait_for(lambda: newest_size(published) == ledger.recorder.head())
        notes = [Checkpoint.unverified(note) for note in published]
        assert [one.size for one in notes] == sorted({one.size for one in notes})
        assert notes[-1].root == defined_root(ledger)

    def test_one_process_seals_at_a_time(self, ledger: Ledger, tea: UUID, key: SigningKey) -> None:
        with ledger.recorder.exclusive(SEAL), pytest.raises(AlreadyRunning):
            sealer_of(ledger, key).seal_once()
        assert seal(ledger, key).size == 1

    def test_interval_between_checkpoints_is_kept(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        published: list[str] = []
        with running(sealer_of(ledger, key, published.append, interval=3_600)):
            wait_for(lambda: newest_size(published) == 1)
            record(sync, tea, 300)
            wait_for(lambda: ledger.recorder.select_last_tile() is not None)
        assert len(published) == 1

    def test_problem_is_told_once_and_forgotten_when_it_is_over(
        self,
        ledger: Ledger,
        sync: SyncService,
        tea: UUID,
        key: SigningKey,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("application.sealing.sealer.RETRY_SECONDS", 0.01)
        key.guard.remember(Checkpoint("other.example", 1, bytes(32)).signed([]) + "— a AAAAAAAA\n")
        sealer = sealer_of(ledger, key)
        with caplog.at_level(logging.WARNING, "stockledger"), running(sealer):
            wait_for(lambda: sealer.problem is not None)
            assert "other.example" in str(sealer.problem)
            (key.guard._path).unlink()
            wait_for(lambda: sealer.problem is None)
        assert len([one for one in caplog.records if "can't be sealed" in one.message]) == 1

    def test_process_without_a_key_grows_the_tree(
        self, ledger: Ledger, sync: SyncService, tea: UUID
    ) -> None:
        record(sync, tea, 300)
        Sealer(ledger.recorder, None, 0).seal_once()
        assert ledger.recorder.select_last_tile() is not None
        assert ledger.recorder.select_last_checkpoint() is None

    def test_hook_gets_each_new_checkpoint(
        self, ledger: Ledger, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        program = tmp_path / "hook"
        program.write_text(f"#!/bin/sh\ncat >> {tmp_path / 'notes'}\n")
        program.chmod(0o700)
        sealer_of(ledger, key, hook(str(program))).seal_once()
        assert (tmp_path / "notes").read_text() == key.guard.last_note()

    @pytest.mark.parametrize("program", ["/no/such/program", "/bin/false"])
    def test_hook_that_fails_is_logged(
        self, program: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "stockledger"):
            hook(program)("a note")
        assert "the checkpoint hook failed" in caplog.text

    def test_hook_that_hangs_is_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(signing, "HOOK_SECONDS", 0.1)
        program = tmp_path / "hook"
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o700)
        with caplog.at_level(logging.WARNING, "stockledger"):
            hook(str(program))("a note")
        assert "timed out" in caplog.text


class TestProofs:
    def test_every_movement_is_proven(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        ids = [*record(sync, tea, 600)]
        seal(ledger, key)
        proofs = ProofService(ledger)
        verifiers = [verifier_of(ledger, key)]
        for place in (0, 1, 254, 255, 256, 511, 512, 599):
            text = proofs.inclusion(UUID(ids[place]), CLERK).text
            proof = InclusionProof.parse(text)
            assert proof.require(verifiers).size == 601
            assert proof.index == place + 1
            entry = Entry.parse(proof.entry)
            assert (entry.fields["local_id"], entry.fields["quantity"]) == (ids[place], place + 1)

    def test_growth_is_proven_since_every_checkpoint(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        kept = []
        for number in (3, 300, 1, 400):
            record(sync, tea, number)
            kept.append(checkpoint_of(ledger, key))
        proofs = ProofService(ledger)
        for old in kept:
            text = proofs.consistency(old.size).text
            assert ConsistencyProof.parse(text).require(old, [verifier_of(ledger, key)]) == kept[-1]
        first = ConsistencyProof.parse(proofs.consistency(0).text)
        assert first.require(None, [verifier_of(ledger, key)]) == kept[-1]
        with pytest.raises(UnknownSize):
            proofs.consistency(kept[-1].size + 1)

    def test_what_is_not_sealed_yet_is_proven_later(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        proofs = ProofService(ledger)
        (local_id,) = record(sync, tea)
        with pytest.raises(NoCheckpoint):
            proofs.inclusion(UUID(local_id), CLERK)
        seal(ledger, key)
        (later,) = record(sync, tea)
        with pytest.raises(NotSealedYet):
            proofs.inclusion(UUID(later), CLERK)
        seal(ledger, key)
        assert proofs.inclusion(UUID(later), CLERK).index == 2

    def test_movement_elsewhere_is_not_told(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        (local_id,) = record(sync, tea)
        seal(ledger, key)
        elsewhere = Principal(Actor("mina"), Role.CLERK, frozenset({"annex"}))
        for one, who in ((local_id, elsewhere), (str(uuid4()), CLERK)):
            with pytest.raises(NotRecorded):
                ProofService(ledger).inclusion(UUID(one), who)


def test_tile_that_another_process_stored_is_not_stored_again(
    ledger: Ledger, sync: SyncService, tea: UUID
) -> None:
    tree = GrowingTree(ledger.recorder)
    record(sync, tea, 300)
    GrowingTree(ledger.recorder).grow()
    with pytest.raises(StoreUnavailable, match="another process"):
        tree.grow()


def test_positions_that_were_given_up_are_no_leaves(
    ledger: Ledger, sync: SyncService, tea: UUID
) -> None:
    record(sync, tea, 3)
    if column_of_positions(ledger) != "rowid":
        execute(ledger, "SELECT setval('stored_events_notification_id_seq', 1000000)")
    record(sync, tea, 3)
    tree = GrowingTree(ledger.recorder)
    tree.grow()
    assert tree.size == len(all_events(ledger)) == 7
    assert tree.root() == defined_root(ledger)


@contextmanager
def running(sealer: Sealer) -> Iterator[None]:
    sealer.start()
    try:
        yield
    finally:
        sealer.close()


def newest_size(notes: list[str]) -> int:
    return Checkpoint.unverified(notes[-1]).size if notes else 0


def wait_for(condition: Any) -> None:
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("change", ["size = size + 9", "epoch = 7", "checkpoint_id = '9'"])
def test_row_that_is_not_its_note_stops_the_signer(
    ledger: Ledger, items: ItemService, tmp_path: Path, change: str
) -> None:
    register(items)
    key = signing_key(tmp_path)
    seal(ledger, key)
    execute(ledger, f"UPDATE checkpoints SET {change}")
    with pytest.raises(ForkRefused, match="not what its note says"):
        seal(ledger, key)
