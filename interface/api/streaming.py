"""Long polls and streams of changes, without a thread for each."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from cachetools import TTLCache
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from application.access.errors import Forbidden, Unauthenticated
from application.access.principal import Principal
from application.access.tokens import IdentityProviderUnavailable
from application.following.changes import Bookmark, ChangePage, UnknownPosition
from application.following.follower import Follower, Subscription
from application.persistence.errors import ReadCancelled, StoreUnavailable
from interface.api.problems import RequestProblem
from interface.api.read_slots import hung_up

MAX_CONCURRENT_READS: Final = 2
"""Concurrent database reads of all followers, for changes that are no longer in memory."""

CHANGES_PER_EVENT: Final = 100
"""Changes in one event of a stream."""

MIN_STREAM_SECONDS: Final = 30
"""Minimum age in seconds at which a stream may be ended in favour of a newer one."""

HEARTBEAT_SECONDS: Final = 10.0
"""Seconds between two heartbeats of an idle stream. Shorter than the idle timeout of any proxy, and
than FastAPI's own heartbeat of 15 s, which is private."""

COUNT_SECONDS: Final = 2.0
"""Seconds between two counts of the open rejected transactions."""

MAX_SCOPES: Final = 1_000
"""Scopes whose counts are kept."""

RETRY_SECONDS: Final = 1
"""Seconds before a stream retries a read from an unreachable database."""


class Slot:
    """The right to one stream, until it is taken away."""

    def __init__(self) -> None:
        self.taken_away = False
        self.wake: Callable[[], object] = lambda: None
        """Called when the slot is taken away."""
        self.since = time.monotonic()


class StreamSlots:
    """Limit on the open streams and long polls of each caller.

    A device that loses its network does not close its connection. The connection may seem alive for
    15 minutes. So at the limit, a new stream evicts the caller's oldest one. A stream younger than
    MIN_STREAM_SECONDS is not evicted: then the caller opens too many at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.counts = RejectionCounts()
        self.reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        """Limits concurrent database reads of followers."""
        self._slots: defaultdict[str, list[Slot]] = defaultdict(list)

    @contextmanager
    def taken_by(self, caller: Principal) -> Iterator[Slot]:
        """Takes a slot until the end of the block. Raises RequestProblem: no slot is free."""
        key = caller.limit_key
        slots = self._slots[key]
        if len(slots) >= self._limit:
            self._evict_oldest(slots)
        slot = Slot()
        slots.append(slot)
        try:
            yield slot
        finally:
            if slot in slots:
                slots.remove(slot)
            if not self._slots[key]:
                del self._slots[key]

    def _evict_oldest(self, slots: list[Slot]) -> None:
        oldest = slots[0]
        if time.monotonic() - oldest.since < MIN_STREAM_SECONDS:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "TOO_MANY_STREAMS",
                f"you already have {self._limit} open streams and waiting requests",
                retry_after=MIN_STREAM_SECONDS,
                limit=self._limit,
            )
        slots.remove(oldest)
        oldest.taken_away = True
        oldest.wake()


class OpenRejections(NamedTuple):
    """The number of open rejected transactions, after it changed."""

    number: int


class RejectionCounts:
    """Counts the open rejected transactions for all streams of the process: each scope at most
    every COUNT_SECONDS."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._known: TTLCache[frozenset[str] | None, int] = TTLCache(MAX_SCOPES, COUNT_SECONDS)

    async def count(
        self, scope: frozenset[str] | None, count: Callable[[frozenset[str] | None], int]
    ) -> int:
        """Returns the number for a scope. `count` reads it."""
        async with self._one_at_a_time:
            if scope not in self._known:
                self._known[scope] = await run_in_threadpool(count, scope)
            return self._known[scope]


async def wait_for_changes(
    request: Request,
    subscription: Subscription,
    reads: asyncio.Semaphore,
    after: Bookmark,
    limit: int,
    seconds: float,
) -> ChangePage:
    """Waits for the first page with changes, up to `seconds`.

    Returns an empty page at the timeout, when the client disconnects and when the server stops.
    Raises StoreUnavailable, UnknownPosition.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    with _wake_event(subscription.follower) as woken:
        disconnected = asyncio.create_task(hung_up(request))
        disconnected.add_done_callback(lambda _: woken.set())
        try:
            while True:
                woken.clear()
                page = await _read_page(subscription, reads, after, limit)
                if page.changes or disconnected.done() or subscription.follower.stopped:
                    return page
                after = page.next_after
                async with asyncio.timeout_at(deadline):
                    await woken.wait()
        except TimeoutError:
            return page
        finally:
            disconnected.cancel()


async def stream_of(
    subscription: Subscription,
    reads: asyncio.Semaphore,
    after: Bookmark,
    slot: Slot,
    is_known: Callable[[], Awaitable[bool]],
    check_seconds: float,
    open_rejections: Callable[[], Awaitable[int]] | None = None,
) -> AsyncIterator[ChangePage | OpenRejections | None]:
    """Yields pages with changes as they are recorded, and None as a heartbeat. With
    `open_rejections`, also their number at the start, and when it changes.

    Ends when the server stops, when the slot is taken away, or when the caller is no longer
    authenticated (checked every `check_seconds`). It also ends when the database was replaced by
    one without the events up to `after`.
    """
    check, heartbeat = _Timer(check_seconds), _Timer(HEARTBEAT_SECONDS)
    count = None if open_rejections is None else _Timer(COUNT_SECONDS, due_at_once=True)
    timers = [timer for timer in (check, heartbeat, count) if timer is not None]
    number = None
    with _wake_event(subscription.follower) as woken:
        slot.wake = woken.set
        while not (subscription.follower.stopped or slot.taken_away):
            if check.is_due and not await is_known():
                return
            if heartbeat.is_due:
                yield None
            woken.clear()
            try:
                page = await _read_page(subscription, reads, after, CHANGES_PER_EVENT)
                if page.changes:
                    yield page
                    heartbeat.restart()
                after = page.next_after
                if open_rejections is not None and count is not None and count.is_due:
                    counted = await open_rejections()
                    if counted != number:
                        number = counted
                        yield OpenRejections(counted)
            except (StoreUnavailable, ReadCancelled):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except UnknownPosition:
                return  # The client learns of it when it reconnects.
            if not page.has_more:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(timer.due_at for timer in timers)):
                        await woken.wait()


class _Timer:
    """A timer that is due every `seconds`."""

    def __init__(self, seconds: float, *, due_at_once: bool = False) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.due_at = self._loop.time() + (0 if due_at_once else seconds)

    @property
    def is_due(self) -> bool:
        """Whether the time is over. Then it begins again."""
        if self._loop.time() < self.due_at:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Begins the time again."""
        self.due_at = self._loop.time() + self._seconds


async def still_known(request: Request) -> bool:
    """Returns whether the caller is still authenticated, bypassing the cache.

    Returns True if the database or the identity provider is unreachable.
    """
    try:
        await request.state.identify(skip_cache=True)
    except (Unauthenticated, Forbidden):
        return False
    except (StoreUnavailable, IdentityProviderUnavailable):
        return True
    return True


@contextmanager
def _wake_event(follower: Follower) -> Iterator[asyncio.Event]:
    """Yields an event that is set when there may be new changes."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    with follower.listener(lambda: loop.call_soon_threadsafe(woken.set)):
        yield woken


async def _read_page(
    subscription: Subscription, reads: asyncio.Semaphore, after: Bookmark, limit: int
) -> ChangePage:
    """Reads a page from memory, or else from the database.

    Raises UnknownPosition: the database was replaced by one without this position.
    """
    page = subscription.recent(after, limit)
    if page is None:
        async with reads:
            page = await run_in_threadpool(subscription.follow, after, limit)
    return page
