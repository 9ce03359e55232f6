"""Following the ledger live: one look at the database for all who wait in this process.

A thread is told when something was recorded, by whatever process, reads it once, and keeps the
newest changes in memory, from where any number of listeners take theirs. Each pulls at its own
pace, so a slow one costs nobody anything; one that falls behind reads from the database.
"""

import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Lock, Thread
from typing import Final

from application.access.principal import Principal
from application.following.changes import Bookmark, ChangeFeed, ChangePage
from application.persistence.errors import StoreUnavailable
from application.persistence.event_store import Notices
from application.persistence.recorder import LedgerRecorder
from application.projections import Change

MIN_CHANGES_IN_MEMORY: Final = 10_000
"""Changes kept in memory, at the least, as far as there were so many since somebody listens."""

CHANGES_PER_READ: Final = 1_000
"""Changes read from the database at a time."""

WAIT_SECONDS: Final = 0.2
"""How long the thread waits for news before it looks whether anybody still listens."""

POLL_SECONDS: Final = 1.0
"""How long the thread relies on being told: a process that is killed after its commit tells nobody,
and some poolers pass nothing on."""

RETRY_SECONDS: Final = 0.5
"""Between two attempts to reach a database that is away."""

_LOG = logging.getLogger("stockledger")

Wake = Callable[[], object]


class Recent:
    """The newest changes: all behind the place `start`, up to `head`."""

    def __init__(self, head: Bookmark, key: bytes) -> None:
        self.head = head
        self._key = key
        self._start = head
        self._changes: list[Change] = []
        self._lock = Lock()

    def extend(self, changes: Sequence[Change]) -> None:
        """What followed."""
        with self._lock:
            self._changes += changes
            self.head = Bookmark.behind(changes[-1], self._key)
            if len(self._changes) > 2 * MIN_CHANGES_IN_MEMORY:
                self._start = Bookmark.behind(self._changes[-MIN_CHANGES_IN_MEMORY - 1], self._key)
                del self._changes[:-MIN_CHANGES_IN_MEMORY]

    def page(
        self, after: Bookmark, locations: frozenset[str] | None, limit: int
    ) -> ChangePage | None:
        """As the feed's; None where this does not reach back so far, or the place is another
        ledger's."""
        with self._lock:
            first = bisect_right(self._changes, after.position, key=lambda change: change.position)
            last = (
                self._start if not first else Bookmark.behind(self._changes[first - 1], self._key)
            )
            if after != last:
                return None
            found: list[Change] = []
            for change in self._changes[first:]:
                if locations is None or change.location in locations:
                    found.append(change)
                    if len(found) > limit:
                        break
            return ChangePage.of(found, limit, head=max(self.head, after), key=self._key)


class Follower:
    """Wakes listeners when there is something new. Reads only while there are some."""

    def __init__(self, recorder: LedgerRecorder, key: bytes) -> None:
        self.feed = ChangeFeed(recorder, key)
        self._recorder = recorder
        self._listeners: set[Wake] = set()
        self._changed = Condition()
        self._recent: Recent | None = None
        self._thread: Thread | None = None
        self.stopped = False

    @contextmanager
    def listener(self, wake: Wake) -> Iterator[None]:
        """Until the end of the block, calls `wake`, in another thread, whenever there is something
        new, and when the follower is stopped."""
        with self._changed:
            self._listeners.add(wake)
            if self._thread is None and not self.stopped:
                self._thread = Thread(target=self._run, name="follower", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._listeners.discard(wake)

    def subscribe(self, principal: Principal, location: str | None = None) -> "Subscription":
        """The changes at one location, or at all of the caller's. Raises Forbidden."""
        return Subscription(self, principal.scope(location))

    def page(
        self, after: Bookmark, locations: frozenset[str] | None, limit: int
    ) -> ChangePage | None:
        """What changed at these locations behind that place; None where memory does not reach back
        so far. Does no I/O."""
        recent = self._recent
        return None if recent is None else recent.page(after, locations, limit)

    def stop(self) -> None:
        """Wakes all listeners for the last time. A signal handler may call this."""
        self.stopped = True
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners)
        for wake in listeners:
            wake()

    def close(self) -> None:
        """Stops, and waits until the thread is done with the database."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._somebody_listens():
            try:
                with self._recorder.notices() as notices:
                    self._follow(notices)
            except StoreUnavailable as error:
                _LOG.warning("changes can't be followed now: %s", error)
                time.sleep(RETRY_SECONDS)
            except Exception:  # noqa: BLE001 -- without this thread, all would wait for nothing
                _LOG.exception("changes can't be followed now")
                time.sleep(RETRY_SECONDS)

    def _somebody_listens(self) -> bool:
        """Waits until somebody does. False when the follower is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._listeners)
            return not self.stopped

    def _follow(self, notices: Notices) -> None:
        """Until nobody listens. Begins with nothing: others may have written meanwhile."""
        self._recent = None
        looked = 0.0
        while self._listeners and not self.stopped:
            if notices.wait(WAIT_SECONDS) or time.monotonic() - looked > POLL_SECONDS:
                looked = time.monotonic()
                self._catch_up()
        self._recent = None

    def _catch_up(self) -> None:
        head = self._recorder.head()
        if self._recent is None:
            self._recent = Recent(self.feed.head(), self.feed.key)
            self._wake_all()
        while self._recent.head.position < head:
            after = self._recent.head.position
            changes = self._recorder.select_changes(
                None, after=after, upto=head, limit=CHANGES_PER_READ
            )
            if not changes:
                return
            self._recent.extend(changes)
            self._wake_all()

    def _wake_all(self) -> None:
        with self._changed:
            listeners = list(self._listeners)
        for wake in listeners:
            wake()


class Subscription:
    """One caller's part of the changes: those at their locations."""

    def __init__(self, follower: Follower, locations: frozenset[str] | None) -> None:
        self.follower = follower
        self._locations = locations

    def known(self, token: str | None) -> Bookmark:
        """The place that a client names; without a name, the beginning. Raises Invalid,
        UnknownPosition."""
        return self.follower.feed.known(token)

    def page(self, after: Bookmark, limit: int) -> ChangePage:
        """The page behind a place that is known, from the database."""
        return self.follower.feed.page(after, self._locations, limit)

    def recent(self, after: Bookmark, limit: int) -> ChangePage | None:
        """The same from memory; None where memory does not reach back so far. Does no I/O."""
        return self.follower.page(after, self._locations, limit)

    def follow(self, after: Bookmark, limit: int) -> ChangePage:
        """The page behind a place that was known some time ago, from the database. Raises
        UnknownPosition: another database is in the ledger's place by now."""
        return self.follower.feed.follow(after, self._locations, limit)
