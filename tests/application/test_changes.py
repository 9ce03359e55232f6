"""Change feed: followers get every change, once and in order."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from hashlib import blake2b
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from application.following import follower as follower_module
from application.following.changes import (
    BEGINNING,
    Bookmark,
    ChangeFeed,
    ChangePage,
    UnknownPosition,
)
from application.following.follower import Follower
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.copy import copy
from application.persistence import environment
from application.projections import Change
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.sync import SyncService
from domain.errors import Invalid
from domain.item_details import ItemDetails
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events

MAIN, ANNEX = frozenset({"main"}), frozenset({"annex"})
TIMEOUT_SECONDS = 30
COMMITS = 50


@pytest.fixture
def feed(ledger: Ledger) -> ChangeFeed:
    return ChangeFeed(ledger.recorder, ledger.bookmark_key)


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def kinds(page: ChangePage) -> list[str]:
    return [change.type if isinstance(change, Movement) else change.kind for change in page.changes]


def test_everything_that_happens_to_an_item_is_a_change(
    feed: ChangeFeed, items: ItemService, sync: SyncService, tea: UUID
) -> None:
    sync.sync([element("INBOUND", tea, 5), element("COUNT", tea, 4)], CLERK)
    items.change_details(tea, lambda _: ItemDetails(name="Tee", unit="Dose"), CLERK)
    items.discontinue(tea, CLERK)
    items.reactivate(tea, CLERK)
    page = feed.page(BEGINNING, None, 10)
    assert kinds(page) == [
        "ItemRegistered", "INBOUND", "COUNT",
        "ItemDetailsChanged", "ItemDiscontinued", "ItemReactivated",
    ]  # fmt: skip
    assert [change.version for change in page.changes] == [1, 2, 3, 4, 5, 6]
    described = page.changes[3]
    assert isinstance(described, ItemChange)
    assert (described.name, described.unit, described.safety_stock) == ("Tee", "Dose", 0)


def test_pages_go_on_where_the_last_one_ended(
    ledger: Ledger, feed: ChangeFeed, sync: SyncService, tea: UUID
) -> None:
    sync.sync([element("INBOUND", tea, n + 1) for n in range(6)], CLERK)
    after, more = BEGINNING, []
    found: list[Change] = []
    for _ in range(5):
        page = feed.page(after, None, 2)
        found += page.changes
        more.append(page.has_more)
        after = feed.known(str(page.next_after))
        assert page.head == ledger.recorder.head()
    assert [change.position for change in found] == [event.position for event in all_events(ledger)]
    assert more == [True, True, True, False, False]
    assert after == feed.head()


def test_followers_see_their_locations_and_move_on_over_the_others(
    feed: ChangeFeed, items: ItemService, sync: SyncService, tea: UUID
) -> None:
    cup = register(items, "CUP", "annex")
    sync.sync([element("INBOUND", item, n) for n in (1, 2, 3) for item in (tea, cup)], CLERK)
    page = feed.page(BEGINNING, ANNEX, 10)
    assert [change.location for change in page.changes] == ["annex"] * 4
    assert page.next_after == feed.head()
    assert len(feed.page(BEGINNING, MAIN | ANNEX, 10).changes) == 8
    assert feed.page(BEGINNING, frozenset(), 10).changes == []
    first = feed.page(BEGINNING, MAIN | ANNEX, 3)
    assert [change.position for change in first.changes] == sorted(
        change.position for change in first.changes
    )


class TestBookmarks:
    def test_read_what_they_write(self, feed: ChangeFeed, tea: UUID) -> None:
        head = feed.head()
        assert head.position > 0
        assert Bookmark.parse(str(head)) == feed.known(str(head)) == head
        assert Bookmark.parse("0") == feed.known(None) == BEGINNING

    @pytest.mark.parametrize(
        "text",
        ["", "7", "-1", "7-", "7-xyz", "\u0667-0123456789ab", f"{2**60}-0123456789ab", "0-0"],
    )
    def test_of_others_are_invalid(self, feed: ChangeFeed, text: str) -> None:
        with pytest.raises(Invalid):
            feed.known(text)

    def test_beyond_the_head_are_unknown(self, feed: ChangeFeed, tea: UUID) -> None:
        head = feed.head()
        with pytest.raises(UnknownPosition) as refused:
            feed.known(str(head._replace(position=head.position + 1)))
        assert refused.value.details == {"head": head.position}

    def test_of_a_ledger_that_went_another_way_are_unknown(
        self, feed: ChangeFeed, sync: SyncService, tea: UUID
    ) -> None:
        """A restored backup may have another event at this position."""
        before = feed.head()
        sync.sync([element("INBOUND", tea, 5)], CLERK)
        elsewhere = Bookmark(feed.head().position, "0123456789ab")
        with pytest.raises(UnknownPosition):
            feed.known(str(elsewhere))
        assert feed.known(str(before)) == before

    def test_stay_good_where_the_ledger_is_copied_to(
        self, ledger: Ledger, feed: ChangeFeed, sync: SyncService, tea: UUID, tmp_path: object
    ) -> None:
        sync.sync([element("INBOUND", tea, 5, note="ß")], CLERK)
        with Ledger(environment(f"sqlite:///{tmp_path}/copy.db", lock_timeout=5)) as target:
            copy(ledger, target, lambda *_: None)
            assert (
                ChangeFeed(target.recorder, target.bookmark_key).known(str(feed.head()))
                == feed.head()
            )


class Followed:
    """A follower in a thread. It reads pages until it is stopped and has read everything."""

    def __init__(self, feed: ChangeFeed) -> None:
        self._feed = feed
        self._stopped = threading.Event()
        self.positions: list[int] = []

    def run(self) -> None:
        after = BEGINNING
        while True:
            stopping = self._stopped.is_set()
            page = self._feed.page(after, None, 7)
            self.positions += [change.position for change in page.changes]
            after = page.next_after
            if stopping and not page.has_more:
                return

    def stop(self) -> None:
        self._stopped.set()


class Dawdling(RejectedTransactionStore):
    """Sleeps between append and commit, so that the order of commits differs from the order of
    positions."""

    def add(self, *rejections: Any) -> set[UUID]:
        time.sleep(random.random() / 50)
        return super().add(*rejections)


def test_nothing_is_skipped_while_many_write_at_once(
    database_url: str, ledger: Ledger, feed: ChangeFeed, items: ItemService
) -> None:
    ids = [register(items, f"SKU-{n}") for n in range(8)]
    followed = [Followed(feed) for _ in range(2)]

    def write(own: list[UUID]) -> None:
        with Ledger(environment(database_url, lock_timeout=30)) as mine:
            sync = SyncService(mine, store=Dawdling())
            for turn in range(COMMITS):
                sync.sync([element("INBOUND", own[n % 2], 1) for n in range(1 + turn % 5)], CLERK)

    with ThreadPoolExecutor(6) as pool:
        following = [pool.submit(one.run) for one in followed]
        writing = [pool.submit(write, ids[n : n + 2]) for n in (0, 2, 4, 6)]
        for future in writing:
            future.result()
        for one in followed:
            one.stop()
        for future in following:
            future.result()
    expected = [event.position for event in all_events(ledger)]
    assert len(expected) == 8 + 4 * COMMITS * 3
    assert [one.positions for one in followed] == [expected] * 2


class Listener:
    """Collects the changes of the follower each time it is woken."""

    def __init__(self, follower: Follower, locations: frozenset[str] | None = None) -> None:
        self._follower = follower
        self._locations = locations
        self.after = follower.feed.head()
        self.found: list[Change] = []
        self.from_memory = 0
        self.woken = threading.Event()

    def read(self) -> None:
        page = self._follower.page(self.after, self._locations, 50)
        self.from_memory += page is not None
        page = page or self._follower.feed.page(self.after, self._locations, 50)
        self.found += page.changes
        self.after = page.next_after
        if page.has_more:
            self.read()

    def wait_for(self, number: int) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(self.found) < number:
            assert time.monotonic() < deadline, self.found
            assert self.woken.wait(TIMEOUT_SECONDS), self.found
            self.woken.clear()
            self.read()


class Deaf:
    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False


@pytest.fixture
def follower(ledger: Ledger) -> Iterator[Follower]:
    with closing(Follower(ledger.recorder, ledger.bookmark_key)) as follower:
        yield follower


class TestFollower:
    def test_tells_all_listeners_what_any_process_records(
        self, follower: Follower, database_url: str, items: ItemService, tea: UUID
    ) -> None:
        cup = register(items, "CUP", "annex")
        one, two = Listener(follower), Listener(follower, ANNEX)
        with (
            follower.listener(one.woken.set),
            follower.listener(two.woken.set),
            Ledger(environment(database_url, lock_timeout=30)) as other,
        ):
            for n in range(5):
                SyncService(other).sync([element("INBOUND", i, n + 1) for i in (tea, cup)], CLERK)
                one.wait_for(2 * n + 2)
            two.wait_for(5)
        assert [change.position for change in one.found] == sorted(
            {change.position for change in one.found}
        )
        assert {change.location for change in two.found} == ANNEX
        assert one.from_memory > 0

    def test_forgets_old_changes_and_skips_none(
        self,
        follower: Follower,
        sync: SyncService,
        tea: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(follower_module, "MIN_CHANGES_IN_MEMORY", 10)
        monkeypatch.setattr(follower_module, "CHANGES_PER_READ", 4)
        late, listener = Listener(follower), Listener(follower)
        with follower.listener(listener.woken.set):
            for n in range(6):
                sync.sync([element("INBOUND", tea, 1) for _ in range(10)], CLERK)
                listener.wait_for(10 * (n + 1))
            assert follower.page(late.after, None, 10) is None
            late.read()
        assert late.found == listener.found

    def test_goes_on_after_nobody_listened_for_a_while(
        self, follower: Follower, sync: SyncService, tea: UUID
    ) -> None:
        listener = Listener(follower)
        for n in range(3):
            sync.sync([element("INBOUND", tea, 1)], CLERK)
            with follower.listener(listener.woken.set):
                sync.sync([element("INBOUND", tea, 1)], CLERK)
                listener.wait_for(2 * n + 2)
        assert all(two.position > one.position for one, two in pairwise(listener.found))

    def test_polls_where_it_is_not_told(
        self,
        ledger: Ledger,
        follower: Follower,
        sync: SyncService,
        tea: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(follower_module, "POLL_SECONDS", 0.2)
        monkeypatch.setattr(ledger.recorder, "notices", lambda: nullcontext(Deaf()))
        woken, after = threading.Event(), follower.feed.head()
        with follower.listener(woken.set):
            assert woken.wait(TIMEOUT_SECONDS)  # The first poll is done.
            woken.clear()
            sync.sync([element("INBOUND", tea, 1)], CLERK)
            assert woken.wait(TIMEOUT_SECONDS)
            page = follower.page(after, None, 10)
        assert page is not None
        assert [change.item_id for change in page.changes] == [tea]

    def test_wakes_everybody_when_it_is_stopped(self, follower: Follower) -> None:
        woken = threading.Event()
        with follower.listener(woken.set):
            follower.stop()
            assert woken.wait(TIMEOUT_SECONDS)
        assert follower.stopped

    def test_place_of_another_ledger_is_not_taken_for_one_of_this(
        self, ledger: Ledger, feed: ChangeFeed, sync: SyncService, tea: UUID
    ) -> None:
        """A replaced database may have other events at the same positions."""
        recent = follower_module.Recent(feed.head(), feed.key)
        sync.sync([element("INBOUND", tea, 1) for _ in range(5)], CLERK)
        first = feed.page(BEGINNING, None, 100).changes
        recent.extend(first[1:])
        for change in first:
            place = Bookmark.at(change, feed.key)
            elsewhere = Bookmark.at(change._replace(version=change.version + 1), feed.key)
            assert recent.page(place, None, 10) is not None
            assert recent.page(elsewhere, None, 10) is None
            with pytest.raises(UnknownPosition):
                feed.follow(elsewhere, None, 10)
        beyond = Bookmark(first[-1].position + 7, "0123456789ab")
        assert recent.page(beyond, None, 10) is None
        with pytest.raises(UnknownPosition):
            feed.follow(beyond, None, 10)


def test_mark_of_a_place_can_not_be_made_without_the_ledger_s_key(
    ledger: Ledger, feed: ChangeFeed, sync: SyncService, tea: UUID
) -> None:
    """Without the key, a device could use marks to confirm guesses about other locations.

    Marks without a key, from older versions, are unknown positions.
    """
    sync.sync([element("INBOUND", tea, 1)], CLERK)
    (change,) = feed.page(BEGINNING, None, 100).changes[-1:]
    assert isinstance(change, Movement)
    moment = int(change.recorded_at.timestamp() * 1_000_000)
    content = f"{change.item_id} {change.version} {moment} {change.local_id}".encode()
    unkeyed = blake2b(content, digest_size=6).hexdigest()
    assert feed.head().mark != unkeyed
    with pytest.raises(UnknownPosition):
        feed.known(f"{change.position}-{unkeyed}")
    other = ChangeFeed(ledger.recorder, bytes(32))
    assert other.head().mark not in {unkeyed, feed.head().mark}
