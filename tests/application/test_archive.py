"""The archive: complete, checked, and enough to bring back every checkpoint on every database."""

import gzip
import shutil
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.access.audit import AuditTrail, Origin
from application.access.authentication import Authenticator
from application.access.errors import Unauthenticated
from application.access.key_management import Grant, KeyService
from application.access.roles import Role
from application.archive.check import check_archive
from application.archive.layout import DamagedArchive, Folder, bundle, tile_path, unbundle
from application.archive.manifest import read_manifest, write_manifest
from application.archive.reader import Archive, Target
from application.archive.repair import repair, repairable
from application.archive.restore import NotEmpty, finish_restore, restore
from application.archive.writer import Archived, write_archive
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.persistence import environment
from application.persistence.errors import StoreUnavailable
from application.persistence.filters import AuditFilter, RejectedFilter
from application.projections import PROJECTIONS
from application.recording.sync import SyncService
from application.sealing.errors import NoCheckpoint
from application.sealing.fork_guard import ForkRefused
from application.sealing.identity import known_verifiers, read_identity
from application.sealing.restoration import Declarer
from application.sealing.rotation import rotate_key
from application.sealing.signer import SigningKey
from application.sealing.tree import MissingTile
from application.sealing.unchanged import EventsChanged
from application.server_clock import utc_now
from domain.actor import Actor
from harness import postgres
from proof.checkpoint import Checkpoint
from proof.declarations import RestoreDeclaration
from proof.merkle import leaf_hash
from proof.tiles import perfect_root, split_hashes
from tests.conftest import BACKENDS
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    column_of_positions,
    execute,
    found_in,
    on_hand,
)
from tests.support.sealing import (
    OTHER_KEY,
    checkpoint_of,
    seal,
    sealer_of,
    signing_key,
    verifier_of,
)
from tests.support.tampering import edited

OPERATOR = Origin(Actor("cli:root"))


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "archive")


@pytest.fixture(params=BACKENDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger on either database."""
    if request.param == "sqlite":
        with Ledger(environment(f"sqlite:///{tmp_path / 'new.db'}", lock_timeout=30)) as ledger:
            yield ledger
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    with server.database() as url, Ledger(environment(url, lock_timeout=30)) as ledger:
        yield ledger


def record(sync: SyncService, tea: UUID, number: int) -> list[dict[str, Any]]:
    sent = [element("INBOUND", tea, n) for n in range(1, number + 1)]
    assert not sync.sync(sent, CLERK).failed
    return sent


def archive(ledger: Ledger, folder: Folder, key: SigningKey) -> Archived:
    sealer_of(ledger, key).seal_once()
    return write_archive(ledger, folder, utc_now, silent)


def silent(*_: object) -> None:
    """No progress."""


def declarer(ledger: Ledger, key: SigningKey) -> Declarer:
    return Declarer(ledger.recorder, key, AuditTrail(ledger.recorder), utc_now)


class TestLayout:
    @given(st.lists(st.binary(max_size=300), max_size=30))
    def test_bundle_has_its_entries(self, entries: list[bytes]) -> None:
        assert unbundle(bundle(entries)) == entries
        assert bundle(entries) == bundle(entries)

    @pytest.mark.parametrize("data", [b"", b"no gzip", bundle([b"abc"])[:-9]])
    def test_what_is_no_bundle_is_damage(self, data: bytes) -> None:
        with pytest.raises(DamagedArchive):
            unbundle(data)

    def test_paths_are_those_of_the_standard(self) -> None:
        assert tile_path(0, 0) == "tile/0/000"
        assert tile_path(1, 1_234_067) == "tile/1/x001/x234/067"
        assert tile_path("entries", 12, 113) == "tile/entries/012.p/113"


class TestWriting:
    def test_each_run_adds_what_is_new(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        size = 1
        for number in (3, 250, 1, 1, 600, 0):
            record(sync, tea, number)
            written = archive(ledger, folder, key)
            size += number
            root = checkpoint_of(ledger, key).root
            expected = 4 if size == 4 else number
            assert written == Archived(expected, size, ledger.recorder.head(), root)
            assert check_archive(folder, [verifier_of(ledger, key)], silent).size == size
        partial = [path for path in folder.path.rglob("*.p") if any(path.iterdir())]
        assert {path.parent.name for path in partial} == {"0", "1", "entries"}

    @pytest.mark.parametrize("killed_after", [0, 1, 2, 5, 6, 8, 9, 10])
    def test_killed_run_is_run_again(
        self,
        ledger: Ledger,
        sync: SyncService,
        tea: UUID,
        key: SigningKey,
        folder: Folder,
        killed_after: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class Killed(BaseException):
            pass

        record(sync, tea, 100)
        archive(ledger, folder, key)
        record(sync, tea, 700)
        written = 0
        write = Folder.write

        def killing(self: Folder, name: str, data: bytes) -> None:
            nonlocal written
            if written == killed_after:
                raise Killed
            written += 1
            write(self, name, data)

        with monkeypatch.context() as patch:
            patch.setattr(Folder, "write", killing)
            with pytest.raises(Killed):
                archive(ledger, folder, key)
        assert check_archive(folder, (), silent).size in {101, 801}
        archive(ledger, folder, key)
        assert check_archive(folder, (), silent).size == 801

    def test_ledger_without_checkpoint_has_no_archive(
        self, ledger: Ledger, tea: UUID, folder: Folder
    ) -> None:
        with pytest.raises(NoCheckpoint):
            write_archive(ledger, folder, utc_now, silent)

    def test_changed_events_are_not_archived(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        record(sync, tea, 300)
        seal(ledger, key)
        state = edited(ledger, '"actor":"clerk"', '"actor":"nemo"')
        execute(ledger, f"UPDATE stored_events SET state = {state} WHERE "
                f"{column_of_positions(ledger)} = 280")  # fmt: skip
        with pytest.raises(EventsChanged):
            write_archive(ledger, folder, utc_now, silent)

    def test_folder_of_another_ledger_is_refused(
        self, ledger: Ledger, tea: UUID, key: SigningKey, folder: Folder, tmp_path: Path
    ) -> None:
        archive(ledger, folder, key)
        (tmp_path / "key").mkdir()
        with Ledger(environment(f"sqlite:///{tmp_path / 'other.db'}", lock_timeout=30)) as other:
            register(ItemService(other))
            with pytest.raises(DamagedArchive, match="another ledger"):
                archive(other, folder, signing_key(tmp_path / "key"))

    def test_archive_of_a_longer_ledger_is_not_overwritten(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        seal(ledger, key)
        record(sync, tea, 3)
        archive(ledger, folder, key)
        execute(ledger, "DELETE FROM checkpoints WHERE size > 1")
        with pytest.raises(DamagedArchive, match="begin a new archive"):
            write_archive(ledger, folder, utc_now, silent)

    def test_other_events_after_a_restore_are_not_mixed_with_the_old_ones(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        target: Ledger,
    ) -> None:  # fmt: skip
        seal(ledger, key)
        record(sync, tea, 3)
        archive(ledger, folder, key)
        old = Archive(folder)
        restore(old, old.target(size=1), target, silent)
        declarer(target, key).declare(None, "", OPERATOR)
        record(SyncService(target), tea, 9)
        with pytest.raises(DamagedArchive, match="begin a new archive"):
            archive(target, folder, key)
        check_archive(folder, (), silent)
        assert Archive(folder).size == old.size

    def test_same_events_give_the_same_files(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        one, other = Folder(tmp_path / "one"), Folder(tmp_path / "other")
        for number in (100, 500):
            record(sync, tea, number)
            archive(ledger, one, key)
        archive(ledger, other, key)
        files = [
            {path.relative_to(each.path): path.read_bytes()
             for path in (each.path / "tile").rglob("*") if path.is_file()}
            for each in (one, other)
        ]  # fmt: skip
        assert files[0] == files[1]


class TestChecking:
    def test_every_damaged_file_is_found(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        record(sync, tea, 600)
        archive(ledger, folder, key)
        files = [path for path in folder.path.rglob("*") if path.is_file()]
        assert len(files) > 8
        for path in files:
            good = path.read_bytes()
            for bad in (good[: len(good) // 2], bytes([good[0] ^ 1]) + good[1:], None):
                path.unlink()
                if bad is not None:
                    path.write_bytes(bad)
                with pytest.raises(DamagedArchive):
                    check_archive(folder, (), silent)
            path.write_bytes(good)
        check_archive(folder, (), silent)

    def test_events_and_hashes_that_fit_each_other_are_not_enough(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        record(sync, tea, 600)
        archive(ledger, folder, key)
        events = folder.path / f"{tile_path('entries', 0)}.gz"
        forged = [one.replace(b'"actor":"clerk"', b'"actor":"nemo"', 1)
                  for one in unbundle(events.read_bytes())]  # fmt: skip
        assert forged != unbundle(events.read_bytes())
        events.write_bytes(bundle(forged))
        folder.write(tile_path(0, 0), b"".join(map(leaf_hash, forged)))
        roots = [perfect_root(split_hashes(folder.read(tile_path(0, number)))) for number in (0, 1)]
        folder.write(tile_path(1, 0, 2), b"".join(roots))
        with pytest.raises(DamagedArchive, match="is not that of the checkpoint"):
            check_archive(folder, (), silent)
        with pytest.raises(DamagedArchive, match="is not that of the checkpoint"):
            Archive(folder).require_roots([Archive(folder).target().checkpoint])

    def test_events_behind_the_last_checkpoint_are_not_proven(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        record(sync, tea, 5)
        archive(ledger, folder, key)
        manifest = read_manifest(folder)
        assert manifest is not None
        run = manifest.runs[-1]
        forged = gzip.compress(
            b"".join(
                line + b"\n" for line in gzip.decompress(folder.read(run.file)).splitlines()
                if not line.startswith(b'["checkpoints"')
            )
        )  # fmt: skip
        folder.write(run.file, forged)
        changed = msgspec.structs.replace(run, sha256=sha256(forged).hexdigest())
        write_manifest(folder, msgspec.structs.replace(manifest, runs=(changed,)))
        with pytest.raises(DamagedArchive, match="no such checkpoint"):
            check_archive(folder, (), silent)

    def test_files_are_for_their_owner_alone(
        self, ledger: Ledger, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        archive(ledger, folder, key)
        files = [path for path in folder.path.rglob("*") if path.is_file()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    def test_key_from_elsewhere_vouches_for_those_it_declared(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        seal(ledger, key)
        given = [verifier_of(ledger, key)]
        (tmp_path / "new").mkdir()
        new = signing_key(tmp_path / "new", OTHER_KEY)
        rotate_key(ledger.recorder, key, new, utc_now())
        record(sync, tea, 1)
        archive(ledger, folder, new)
        assert check_archive(folder, given, silent).notes == 2
        assert found_in(ledger, verifiers=given) == []

    def test_only_a_known_key_makes_it_good(
        self, ledger: Ledger, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        archive(ledger, folder, key)
        other = SigningKey(OTHER_KEY, key.guard)
        with pytest.raises(DamagedArchive, match="not signed by a known key"):
            check_archive(folder, [verifier_of(ledger, other)], silent)

    def test_folder_without_an_archive_is_told(self, folder: Folder) -> None:
        with pytest.raises(DamagedArchive, match="no complete archive"):
            Archive(folder)


class TestRestoring:
    def test_every_checkpoint_can_be_restored(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        kept = []
        for number in (2, 300, 1, 250):
            record(sync, tea, number)
            kept.append(checkpoint_of(ledger, key))
            if number != 1:
                write_archive(ledger, folder, utc_now, silent)
        before = all_events(ledger)
        for number, checkpoint in enumerate(kept):
            url = f"sqlite:///{tmp_path / f'restored-{number}.db'}"
            with Ledger(environment(url, lock_timeout=30)) as restored:
                wanted = Archive(folder).target(size=checkpoint.size)
                restore(Archive(folder), wanted, restored, silent)
                assert all_events(restored) == before[: checkpoint.size]
                assert_read_models_equal_replay(restored)
                newest = restored.recorder.select_last_checkpoint()
                assert newest is not None
                assert newest.size == checkpoint.size

    def test_restored_ledger_is_the_same_and_goes_on(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        target: Ledger,
    ) -> None:  # fmt: skip
        sent = record(sync, tea, 300)
        sync.sync([element("OUTBOUND", tea, 10**9)], CLERK)
        keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder))
        good, revoked = (
            keys.create(Grant(name=name, role=Role.CLERK, locations=("main",)), OPERATOR)
            for name in ("mina", "sam")
        )
        lost = seal(ledger, key)
        archive(ledger, folder, key)
        keys.revoke(revoked.key.key_id, OPERATOR)
        later = record(sync, tea, 5)
        archive(ledger, folder, key)
        wanted = Archive(folder).target(size=lost.size)
        restore(Archive(folder), wanted, target, silent)
        declared = declarer(target, key).declare(
            Archive(folder).target().checkpoint, "the disk died", OPERATOR
        )

        assert (declared.lost.size, declared.kept.size) == (306, 301)
        assert declared.kept.root == wanted.checkpoint.root
        assert read_identity(target.recorder).origin == read_identity(ledger.recorder).origin + "/2"
        told = RestoreDeclaration.verified(declared.note, [verifier_of(ledger, key)])
        assert (told.reason, told.verifier.key) == (
            "the disk died", verifier_of(target, key).key)  # fmt: skip
        again = SyncService(target)
        assert {one.status for one in again.sync(sent, CLERK).synced} == {"duplicate"}
        assert {one.status for one in again.sync(later, CLERK).synced} == {"recorded"}
        assert on_hand(target, tea) == on_hand(ledger, tea)
        (rejected,) = target.recorder.select_rejected(RejectedFilter(), before=None, limit=9)
        assert rejected.code == "INSUFFICIENT_STOCK"
        assert target.bookmark_key == ledger.bookmark_key
        access = Authenticator(target.recorder, remember=1)
        assert access.authenticate(good.secret).actor.name == "mina"
        with pytest.raises(Unauthenticated):
            access.authenticate(revoked.secret)
        actions = {
            one.action for one in target.recorder.select_audit(AuditFilter(), before=None, limit=99)
        }
        assert {"KEY_CREATED", "LEDGER_RESTORED"} <= actions
        assert found_in(target, verifiers=known_verifiers(target.recorder)) == []
        assert checkpoint_of(target, key).size == 306

    @pytest.mark.parametrize("killed_after", [0, 1, 2, 3, 4, 6, 8])
    def test_killed_restore_is_run_again(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path, killed_after: int,
    ) -> None:  # fmt: skip
        class Killed(BaseException):
            pass

        steps = 0

        def progress(*_: object) -> None:
            nonlocal steps
            steps += 1
            if steps > killed_after:
                raise Killed

        record(sync, tea, 600)
        archive(ledger, folder, key)
        whole = Archive(folder)
        env = environment(f"sqlite:///{tmp_path / 'r.db'}", lock_timeout=30)
        with Ledger(env) as restored, pytest.raises(Killed):
            restore(whole, whole.target(), restored, progress)
        with Ledger(env) as restored:
            for _ in range(2):
                restore(whole, whole.target(), restored, silent)
            assert all_events(restored) == all_events(ledger)
            assert_read_models_equal_replay(restored)

    def test_database_in_use_is_refused(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        record(sync, tea, 5)
        archive(ledger, folder, key)
        whole = Archive(folder)
        with Ledger(environment(f"sqlite:///{tmp_path / 'r.db'}", lock_timeout=30)) as other:
            register(ItemService(other), "CUP-01")
            before = other.recorder.select_properties()
            with pytest.raises(NotEmpty, match="the database has a ledger"):
                restore(whole, whole.target(), other, silent)
            assert other.recorder.select_properties() == before
        with Ledger(environment(f"sqlite:///{tmp_path / 'k.db'}", lock_timeout=30)) as other:
            KeyService(other.recorder, AuditTrail(other.recorder)).create(
                Grant(name="x", role=Role.ADMIN), OPERATOR
            )
            with pytest.raises(NotEmpty, match="the database has a ledger"):
                restore(whole, whole.target(), other, silent)

    def test_restore_to_one_checkpoint_is_not_mixed_with_another(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        target: Ledger,
    ) -> None:  # fmt: skip
        seal(ledger, key)
        record(sync, tea, 5)
        archive(ledger, folder, key)
        whole = Archive(folder)
        restore(whole, whole.target(size=1), target, silent)
        with pytest.raises(NotEmpty, match="has a part of checkpoint"):
            restore(whole, whole.target(), target, silent)
        with target.recorder.unit_of_work() as unit_of_work:
            finish_restore(unit_of_work)
        with pytest.raises(NotEmpty, match="the database has a ledger"):
            restore(whole, whole.target(size=1), target, silent)

    def test_checkpoint_that_is_not_in_the_archive_is_told(
        self, ledger: Ledger, tea: UUID, key: SigningKey, folder: Folder
    ) -> None:
        archive(ledger, folder, key)
        with pytest.raises(DamagedArchive, match="no such checkpoint"):
            Archive(folder).target(size=77)
        with pytest.raises(DamagedArchive, match="no such checkpoint"):
            Archive(folder).target(upto=utc_now().replace(year=2001))
        assert Archive(folder).target(upto=utc_now()).checkpoint.size == 1


class TestDeclaration:
    def test_old_backup_in_the_place_of_the_ledger_must_be_declared(
        self, tmp_path: Path, key: SigningKey
    ) -> None:
        """With a copy of the file, as after a restore of the whole machine."""
        file, backup = tmp_path / "l.db", tmp_path / "backup.db"
        env = environment(f"sqlite:///{file}", lock_timeout=30)
        with Ledger(env) as ledger:
            tea = register(ItemService(ledger))
            record(SyncService(ledger), tea, 3)
            old = checkpoint_of(ledger, key)
        shutil.copy(file, backup)
        with Ledger(env) as ledger:
            record(SyncService(ledger), tea, 5)
            lost = checkpoint_of(ledger, key)
        shutil.copy(backup, file)
        with Ledger(env) as ledger:
            record(SyncService(ledger), tea, 7)
            with pytest.raises(ForkRefused):
                sealer_of(ledger, key).seal_once()
            declared = declarer(ledger, key).declare(None, "", OPERATOR)
            assert declared.lost == lost
            assert declared.kept[1:] == old[1:]
            assert RestoreDeclaration.verified(
                declared.note, [key.signer(old.origin).verifier]
            ).reason == "restored from a backup"  # fmt: skip
            newest = ledger.recorder.select_last_checkpoint()
            assert newest is not None
            assert (newest.epoch, newest.size) == (2, 11)
            record(SyncService(ledger), tea, 1)
            assert checkpoint_of(ledger, key).origin == f"{old.origin}/2"
            assert found_in(ledger) == []
            again = declarer(ledger, key).declare(None, "twice", OPERATOR)
            assert again.kept.origin == f"{old.origin}/3"
            assert found_in(ledger) == []

    def test_archive_of_an_earlier_epoch_goes_on_after_the_last_one(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        target: Ledger,
    ) -> None:  # fmt: skip
        record(sync, tea, 3)
        archive(ledger, folder, key)
        record(sync, tea, 5)
        declarer(ledger, key).declare(None, "", OPERATOR)
        second = checkpoint_of(ledger, key)
        assert second.origin.endswith("/2")
        whole = Archive(folder)
        restore(whole, whole.target(), target, silent)
        declared = declarer(target, key).declare(whole.target().checkpoint, "", OPERATOR)
        assert declared.lost == second
        assert declared.kept.origin == f"{second.origin.removesuffix('2')}3"
        assert checkpoint_of(target, key).origin == declared.kept.origin
        assert found_in(target) == []
        record(sync, tea, 1)
        with pytest.raises(ForkRefused):
            seal(ledger, key)

    def test_kill_between_declaration_and_memory_of_the_key_stops_nothing(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        record(sync, tea, 3)
        seal(ledger, key)
        memory = key.guard.last_note()
        assert memory is not None
        declarer(ledger, key).declare(None, "", OPERATOR)
        key.guard.remember(memory)
        record(sync, tea, 1)
        assert checkpoint_of(ledger, key).origin.endswith("/2")
        assert found_in(ledger) == []

    @pytest.mark.parametrize("cut", [1, 300, 900])
    def test_lost_end_is_declared(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, cut: int
    ) -> None:
        record(sync, tea, 100)
        kept = checkpoint_of(ledger, key)
        record(sync, tea, 900)
        lost = checkpoint_of(ledger, key)
        p = column_of_positions(ledger)
        execute(ledger, f"DELETE FROM stored_events WHERE {p} > {lost.size - cut}")
        for projection in PROJECTIONS:
            rebuild(ledger, projection, silent)
        with pytest.raises((ForkRefused, MissingTile)):
            seal(ledger, key)
        declared = declarer(ledger, key).declare(None, "", OPERATOR)
        assert declared.lost == lost
        assert declared.kept[1:] == kept[1:]
        record(sync, tea, 300)
        assert checkpoint_of(ledger, key).size == lost.size - cut + 300
        assert found_in(ledger) == []

    def test_changed_events_are_no_restore(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey
    ) -> None:
        record(sync, tea, 9)
        seal(ledger, key)
        execute(ledger, "UPDATE stored_events SET topic = 'Adjusted' WHERE "
                f"{column_of_positions(ledger)} = 5")  # fmt: skip
        with pytest.raises(ForkRefused, match="stockledger verify"):
            declarer(ledger, key).declare(None, "", OPERATOR)
        assert ledger.recorder.select_declarations() == []

    def test_unknown_past_must_be_named(self, ledger: Ledger, tea: UUID, key: SigningKey) -> None:
        with pytest.raises(ForkRefused, match="name the last one"):
            declarer(ledger, key).declare(None, "", OPERATOR)
        with pytest.raises(ForkRefused, match=r"is of other\.example"):
            declarer(ledger, key).declare(Checkpoint("other.example", 1, bytes(32)), "", OPERATOR)

    def test_new_key_after_a_disaster_signs_the_new_epoch(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, tmp_path: Path
    ) -> None:
        lost = checkpoint_of(ledger, key)
        (tmp_path / "new").mkdir()
        new = signing_key(tmp_path / "new", OTHER_KEY)
        with pytest.raises(ForkRefused, match="not one of this log's"):
            declarer(ledger, new).declare(lost, "", OPERATOR)
        declared = declarer(ledger, new).declare(lost, "the safe burnt", OPERATOR, is_new_key=True)
        told = RestoreDeclaration.verified(declared.note, [verifier_of(ledger, new)])
        assert told.kept == declared.kept
        record(sync, tea, 1)
        seal(ledger, new)
        assert found_in(ledger) == []


DAMAGES = {
    "changed": ("UPDATE stored_events SET topic = 'Adjusted' WHERE {p} IN (9, 300)", [9, 300]),
    "unreadable": ("UPDATE stored_events SET topic = 'x' WHERE {p} = 580", [580]),
    "deleted": ("DELETE FROM stored_events WHERE {p} IN (255, 256, 257)", [255, 256, 257]),
    "deleted first": ("DELETE FROM stored_events WHERE {p} = 1", [1]),
    "localId taken away": ("UPDATE stored_events SET local_id = NULL WHERE {p} = 77", [77]),
    "tiles": ("DELETE FROM tree_tiles WHERE tile_id > 0", []),
}
INSERT = """
INSERT INTO stored_events SELECT -4, originator_id, 9000, topic, state, NULL
FROM stored_events WHERE {p} = 2
"""


class TestRepair:
    @pytest.fixture
    def archived(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder
    ) -> Archive:
        record(sync, tea, 600)
        archive(ledger, folder, key)
        record(sync, tea, 5)
        return Archive(folder)

    def run(self, ledger: Ledger, archived: Archive) -> list[int]:
        told: list[int] = []
        audit = AuditTrail(ledger.recorder)
        repair(archived, archived.target(), ledger, audit, OPERATOR, told.append, silent)
        for projection in PROJECTIONS:
            rebuild(ledger, projection, silent)
        return told

    @pytest.mark.parametrize("what", [*DAMAGES, "inserted"])
    def test_what_was_damaged_is_as_it_was(
        self, ledger: Ledger, archived: Archive, what: str
    ) -> None:
        before = all_events(ledger)
        statement, positions = (DAMAGES | {"inserted": (INSERT, [-4])})[what]
        execute(ledger, statement.format(p=column_of_positions(ledger)))
        assert found_in(ledger) != []
        assert self.run(ledger, archived) == positions
        assert all_events(ledger) == before
        assert found_in(ledger) == []
        noted = ledger.recorder.select_audit(AuditFilter(), before=None, limit=99)
        assert [one.action for one in noted].count("EVENT_REPAIRED") == len(positions)
        if column_of_positions(ledger) == "rowid":  # The guards are back.
            with (
                pytest.raises(StoreUnavailable, match="never changed"),
                ledger.recorder.unit_of_work() as unit_of_work,
            ):
                unit_of_work.run("UPDATE stored_events SET topic = 'x'")

    def test_archive_of_an_earlier_epoch_repairs_what_the_restore_kept(
        self, ledger: Ledger, sync: SyncService, tea: UUID, key: SigningKey, folder: Folder,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        record(sync, tea, 3)
        archive(ledger, folder, key)
        record(sync, tea, 9)
        archive(ledger, folder, key)
        old = Archive(folder)
        env = environment(f"sqlite:///{tmp_path / 'r.db'}", lock_timeout=30)
        with Ledger(env) as restored:
            restore(old, old.target(size=4), restored, silent)
            declarer(restored, key).declare(None, "", OPERATOR)
            record(SyncService(restored), tea, 20)
            seal(restored, key)
            before = all_events(restored)
            recorder = restored.recorder
            execute(restored, "UPDATE stored_events SET topic = 'x' WHERE rowid = 2")
            found = repairable(old, recorder, known_verifiers(recorder))
            assert found.checkpoint.size == 4
            told: list[int] = []
            repair(old, found, restored, AuditTrail(recorder), OPERATOR, told.append, silent)
            assert told == [2]
            assert all_events(restored) == before

    def test_archive_ahead_of_the_ledger_repairs_nothing(
        self, ledger: Ledger, archived: Archive, key: SigningKey
    ) -> None:
        recorder = ledger.recorder
        execute(ledger, "DELETE FROM checkpoints")
        with pytest.raises(DamagedArchive, match="still stands by"):
            repairable(archived, recorder, known_verifiers(recorder))
        seal(ledger, key)
        other = SigningKey(OTHER_KEY, key.guard)
        with pytest.raises(DamagedArchive, match="not signed by a known key"):
            repairable(archived, recorder, [verifier_of(ledger, other)])

    def test_whole_ledger_is_left_alone(self, ledger: Ledger, archived: Archive) -> None:
        assert self.run(ledger, archived) == []

    def test_archive_that_is_not_that_of_the_checkpoint_repairs_nothing(
        self, ledger: Ledger, archived: Archive
    ) -> None:
        wanted = archived.target()
        forged = Target(wanted.stored, wanted.checkpoint._replace(root=bytes(32)))
        execute(ledger, "DELETE FROM stored_events WHERE "
                f"{column_of_positions(ledger)} = 3")  # fmt: skip
        with pytest.raises(DamagedArchive):
            repair(archived, forged, ledger, AuditTrail(ledger.recorder), OPERATOR, silent, silent)
        assert found_in(ledger) != []
