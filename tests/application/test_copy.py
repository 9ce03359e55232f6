"""Copies of the ledger between SQLite and PostgreSQL, in both directions."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.access.audit import AuditTrail
from application.access.key_management import Grant, KeyService
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import Copied, NotACopy, copy
from application.persistence import environment
from application.persistence.filters import RejectedFilter
from application.persistence.sqlite.recorder import SQLiteLedgerRecorder
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.sync import SyncService
from application.review import ReviewService
from application.tables.rejected import RejectedTransaction
from harness import postgres
from tests.conftest import BACKENDS
from tests.support.access import ADMIN
from tests.support.builders import CLERK, Clock, element, register
from tests.support.ledger_checks import (
    all_events,
    assert_read_models_equal_replay,
    execute,
    on_hand,
)

OTHER = dict(zip(BACKENDS, reversed(BACKENDS), strict=True))


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.maintenance.copy.EVENTS_PER_CHUNK", 10)
    monkeypatch.setattr("application.maintenance.copy.ITEMS_PER_PAGE", 2)


@pytest.fixture(params=BACKENDS)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of the source and the target."""
    server: postgres.Server = request.getfixturevalue("postgres_server")
    file = f"sqlite:///{tmp_path / 'ledger.db'}"
    with server.database() as url:
        yield (file, url) if request.param == "sqlite" else (url, file)


@pytest.fixture
def source(databases: tuple[str, str]) -> Iterator[Ledger]:
    with Ledger(environment(databases[0], lock_timeout=30)) as ledger:
        yield ledger


@pytest.fixture
def target(databases: tuple[str, str]) -> Iterator[Ledger]:
    with Ledger(environment(databases[1], lock_timeout=30)) as ledger:
        yield ledger


def silent(*_: object) -> None:
    pass


def trade(ledger: Ledger, movements: int = 30) -> list[dict[str, Any]]:
    """Records transactions for three items, and returns the sent elements."""
    items = ItemService(ledger, Clock())
    ids = [register(items, sku) for sku in ("TEA-250", "CUP-01", "POT-07")]
    sent = [element("INBOUND", ids[n % 3], n + 1, note=f"n{n}") for n in range(movements)]
    SyncService(ledger, Clock()).sync(sent, CLERK)
    items.discontinue(ids[2], CLERK)
    return sent


def is_sqlite(ledger: Ledger) -> bool:
    return isinstance(ledger.recorder, SQLiteLedgerRecorder)


def notifications(ledger: Ledger) -> list[Any]:
    return list(ledger.recorder.select_notifications(1, 1_000_000))


def rejected(ledger: Ledger) -> list[RejectedTransaction]:
    return list(ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=1_000))


def assert_equal(source: Ledger, target: Ledger) -> None:
    assert notifications(source) == notifications(target)
    assert rejected(source) == rejected(target)
    assert_read_models_equal_replay(target)


def test_copy_is_the_same_ledger(source: Ledger, target: Ledger) -> None:
    sent = trade(source)
    failed = SyncService(source).sync([element("OUTBOUND", uuid4(), 7)], CLERK).failed
    assert len(failed) == len(rejected(source)) == 1
    copied = copy(source, target, silent)
    assert_equal(source, target)
    total = sum(element["quantity"] for element in sent)
    assert copied == Copied(34, 34, 34, 3, total, copied.root)
    assert copied.root == copy(target, source, silent).root


def test_copy_goes_on_as_the_ledger_that_it_is(source: Ledger, target: Ledger) -> None:
    sent = trade(source)
    copy(source, target, silent)
    sync = SyncService(target)
    again = sync.sync(sent, CLERK)
    assert {synced.status for synced in again.synced} == {"duplicate"}
    tea = UUID(sent[0]["itemId"])
    before = on_hand(target, tea)
    result = sync.sync([element("OUTBOUND", tea, 1)], CLERK)
    assert [(synced.position, synced.on_hand) for synced in result.synced] == [(35, before - 1)]
    assert_read_models_equal_replay(target)


def test_positions_that_were_given_up_stay_so(source: Ledger, target: Ledger) -> None:
    trade(source)
    if is_sqlite(source):
        execute(source, "UPDATE stored_events SET rowid = 50 WHERE rowid = 34")
    else:
        execute(source, "SELECT setval('stored_events_notification_id_seq', 50)")
    trade(source, movements=2)
    copy(source, target, silent)
    assert notifications(target)[-1].id == 52
    assert_equal(source, target)


def test_empty_ledger_is_copied(source: Ledger, target: Ledger) -> None:
    assert copy(source, target, silent)[:5] == (0, 0, 0, 0, 0)


def test_copy_takes_up_what_is_new(source: Ledger, target: Ledger) -> None:
    trade(source)
    first = copy(source, target, silent)
    assert copy(source, target, silent) == first._replace(new=0)
    trade(source, movements=2)
    assert copy(source, target, silent).new == 2
    assert_equal(source, target)


@pytest.mark.parametrize("stage", ["copy", "stock_levels", "movements", "verify"])
def test_copy_that_was_killed_goes_on(source: Ledger, target: Ledger, stage: str) -> None:
    trade(source)

    def kill(doing: str, *_: object) -> None:
        if doing == stage:
            raise Killed

    with pytest.raises(Killed):
        copy(source, target, kill)
    there = len(all_events(target))
    assert there == (10 if stage == "copy" else 34)
    assert copy(source, target, silent).new == 34 - there
    assert_equal(source, target)


def test_source_may_go_on_being_written(source: Ledger, target: Ledger) -> None:
    trade(source)
    stop = Event()

    def write() -> None:
        while not stop.is_set():
            trade(source, movements=3)

    writer = Thread(target=write)
    writer.start()
    for _ in range(3):
        copy(source, target, silent)
    stop.set()
    writer.join()
    copy(source, target, silent)
    assert_equal(source, target)


def test_followers_of_the_target_miss_nothing(source: Ledger, target: Ledger) -> None:
    trade(source, movements=300)
    followed: list[int] = []
    done = Event()

    def follow() -> None:
        while not done.is_set() or len(followed) < len(notifications(target)):
            last = followed[-1] if followed else 0
            new = target.recorder.select_notifications(last, 7, inclusive_of_start=False)
            followed.extend(notification.id for notification in new)

    follower = Thread(target=follow)
    follower.start()
    copy(source, target, silent)
    done.set()
    follower.join()
    assert followed == [notification.id for notification in notifications(source)]


def test_target_with_a_history_of_its_own_is_refused(source: Ledger, target: Ledger) -> None:
    trade(source)
    trade(target)
    before = notifications(target)
    with pytest.raises(NotACopy, match="position 4 is not in the source"):
        copy(source, target, silent)
    assert notifications(target) == before


def test_target_that_went_its_own_way_is_refused(source: Ledger, target: Ledger) -> None:
    trade(source)
    copy(source, target, silent)
    trade(target, movements=1)
    with pytest.raises(NotACopy, match="position 35 is not in the source"):
        copy(source, target, silent)


def test_target_that_is_written_meanwhile_is_noticed(source: Ledger, target: Ledger) -> None:
    trade(source)

    def write(doing: str, *_: object) -> None:
        if doing == "copy":
            register(ItemService(target), "BOX-01")

    with pytest.raises(NotACopy, match="another process is writing to the target"):
        copy(source, target, write)


def test_copy_without_its_keys_is_noticed(source: Ledger, target: Ledger) -> None:
    trade(source)
    copy(source, target, silent)
    position = "rowid" if is_sqlite(target) else "notification_id"
    execute(target, f"UPDATE stored_events SET local_id = NULL WHERE {position} = 8")
    with pytest.raises(NotACopy, match="localId of its event at position 8"):
        copy(source, target, silent)


def test_copy_that_is_run_again_keeps_what_the_target_has_closed(
    source: Ledger, target: Ledger
) -> None:
    clock = Clock()
    keys = {
        ledger: KeyService(ledger.recorder, AuditTrail(ledger.recorder), clock)
        for ledger in (source, target)
    }
    revoked = keys[source].create(Grant(name="lost", role=Role.ADMIN), ADMIN).key
    rotated = keys[source].create(Grant(name="old", role=Role.ADMIN), ADMIN).key
    tea = register(ItemService(source))
    sale = element("OUTBOUND", tea, 9)
    SyncService(source).sync([sale], CLERK)
    copy(source, target, lambda *_: None)
    keys[target].revoke(revoked.key_id, ADMIN)
    keys[target].rotate(rotated.key_id, timedelta(minutes=1), ADMIN)
    review = ReviewService(
        target.recorder,
        SyncService(target),
        RejectedTransactionStore(),
        AuditTrail(target.recorder),
    )
    review.dismiss(UUID(sale["localId"]), "dealt with", CLERK, ADMIN)
    ours = keys[source].create(Grant(name="ours", role=Role.ADMIN), ADMIN).key
    keys[source].revoke(ours.key_id, ADMIN)
    copy(source, target, lambda *_: None)
    found = {key.key_id: key for key in keys[target].all()}
    assert found[revoked.key_id].revoked_at is not None
    assert found[rotated.key_id].expires_at is not None
    (row,) = target.recorder.select_rejected(RejectedFilter(), before=None, limit=9)
    assert (row.status, row.closing_reason) == ("dismissed", "dealt with")
    assert found[ours.key_id].revoked_at is not None


def test_later_copies_bring_read_models_up_to_date_with_the_events(
    source: Ledger, target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(source)
    copy(source, target, silent)
    trade(source)
    with monkeypatch.context() as patched:
        patched.setattr("application.maintenance.copy.rebuild", lambda *_: pytest.fail("rebuilt"))
        assert copy(source, target, silent).new > 0
    assert_read_models_equal_replay(target)


def test_copy_killed_before_its_read_models_were_made_makes_them_the_next_time(
    source: Ledger, target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(source)
    with monkeypatch.context() as patched:
        patched.setattr("application.maintenance.copy.rebuild", raise_killed)
        with pytest.raises(Killed):
            copy(source, target, silent)
    assert copy(source, target, silent).new == 0
    assert_read_models_equal_replay(target)


def test_mirror_is_as_the_source_whatever_it_was(source: Ledger, target: Ledger) -> None:
    trade(source)
    tea = register(ItemService(source))
    sync = SyncService(source)
    sales = [element("OUTBOUND", tea, 10_000 + n) for n in range(3)]
    sync.sync(sales, CLERK)
    copy(source, target, silent, mirror=True)
    execute(source, "DELETE FROM rejected_transactions WHERE code = 'INSUFFICIENT_STOCK'")
    execute(target, "UPDATE rejected_transactions SET status = 'dismissed'")
    sync.sync(sales[:1], CLERK)
    copy(source, target, silent, mirror=True)
    found = [
        ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=10)
        for ledger in (source, target)
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1]


def raise_killed(*_: object) -> None:
    raise Killed
