"""The live follower: reads each change once for all listeners of the process.

A thread is notified of every commit, of any process. It reads the new changes once, and keeps the
newest in memory. Any number of listeners pull them from there, each at its own pace, so a slow one
delays no other. A listener that falls behind reads from the database.
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
"""Minimum number of changes kept in memory, once there were as many since the first listener."""

CHANGES_PER_READ: Final = 1_000
"""Changes read from the database at a time."""

WAIT_SECONDS: Final = 0.2
"""Longest wait for a notification. After it, the thread checks for remaining listeners."""

POLL_SECONDS: Final = 1.0
"""Poll interval without a notification. A process that is killed after its commit sends none, and
some poolers do not pass them on."""

RETRY_SECONDS: Final = 0.5
"""Pause between two attempts to reach an unavailable database."""

_LOG = logging.getLogger("stockledger")

Wake = Callable[[], object]


class Recent:
    """A buffer of the newest changes: all after `_start`, up to `head`."""

    def __init__(self, head: Bookmark, key: bytes) -> None:
        self.head = head
        self._key = key
        self._start = head
        self._changes: list[Change] = []
        self._lock = Lock()

    def extend(self, changes: Sequence[Change]) -> None:
        """Appends the changes that followed, in order. Drops the oldest."""
        with self._lock:
            self._changes += changes
            self.head = Bookmark.at(changes[-1], self._key)
            if len(self._changes) > 2 * MIN_CHANGES_IN_MEMORY:
                self._start = Bookmark.at(self._changes[-MIN_CHANGES_IN_MEMORY - 1], self._key)
                del self._changes[:-MIN_CHANGES_IN_MEMORY]

    def page(
        self, after: Bookmark, locations: frozenset[str] | None, limit: int
    ) -> ChangePage | None:
        """As `ChangeFeed.page`. None if the buffer does not reach back so far, or the bookmark is
        from another ledger."""
        with self._lock:
            first = bisect_right(self._changes, after.position, key=lambda change: change.position)
            last = self._start if not first else Bookmark.at(self._changes[first - 1], self._key)
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
    """Wakes listeners when there are changes. Reads only while there are listeners."""

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
        """Registers `wake` until the end of the block. Another thread calls it at every change, and
        when the follower stops."""
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
        """Subscribes to one location, or to all of the caller's. Raises Forbidden: the location is
        not one of the caller's."""
        return Subscription(self, principal.scope(location))

    def page(
        self, after: Bookmark, locations: frozenset[str] | None, limit: int
    ) -> ChangePage | None:
        """Returns the page after a bookmark from memory, for these locations. None if memory does
        not reach back so far. Does no I/O."""
        recent = self._recent
        return None if recent is None else recent.page(after, locations, limit)

    def stop(self) -> None:
        """Stops, and wakes all listeners a last time. A signal handler may call this."""
        self.stopped = True
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners)
        for wake in listeners:
            wake()

    def close(self) -> None:
        """Stops, and waits for the end of the thread."""
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
            except Exception:  # noqa: BLE001 -- without this thread, no listener wakes
                _LOG.exception("changes can't be followed now")
                time.sleep(RETRY_SECONDS)

    def _somebody_listens(self) -> bool:
        """Waits for a listener. False when the follower is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._listeners)
            return not self.stopped

    def _follow(self, notices: Notices) -> None:
        """Follows while there are listeners. Starts with no buffer: it may have missed changes."""
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
    """One caller's view of the changes, limited to their locations."""

    def __init__(self, follower: Follower, locations: frozenset[str] | None) -> None:
        self.follower = follower
        self._locations = locations

    def known(self, token: str | None) -> Bookmark:
        """As `ChangeFeed.known`. Raises Invalid, UnknownPosition."""
        return self.follower.feed.known(token)

    def page(self, after: Bookmark, limit: int) -> ChangePage:
        """Returns the page after a known bookmark, from the database."""
        return self.follower.feed.page(after, self._locations, limit)

    def recent(self, after: Bookmark, limit: int) -> ChangePage | None:
        """The same page from memory; None if memory does not reach back so far. Does no I/O."""
        return self.follower.page(after, self._locations, limit)

    def follow(self, after: Bookmark, limit: int) -> ChangePage:
        """Checks a bookmark again that was known earlier, and returns the page after it, from the
        database. Raises UnknownPosition: another database has replaced the ledger."""
        return self.follower.feed.follow(after, self._locations, limit)
