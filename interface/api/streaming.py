"""Waiting for changes without holding a thread."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from application.access.errors import Forbidden, Unauthenticated
from application.access.principal import Principal
from application.access.tokens import IdentityProviderUnavailable
from application.following.changes import Bookmark, ChangePage, UnknownPosition
from application.following.follower import Follower, Subscription
from application.persistence.errors import StoreUnavailable
from interface.api.problems import RequestProblem
from interface.api.read_slots import hung_up

MAX_CONCURRENT_READS: Final = 2
"""Of all followers that read from the database, as memory does not reach back so far."""

CHANGES_PER_EVENT: Final = 100
"""Changes in one event of a stream."""

MIN_STREAM_SECONDS: Final = 30
"""A stream that is younger is not ended for a newer one."""

HEARTBEAT_SECONDS: Final = 10.0
"""Between two signs of life of an idle stream: shorter than any proxy's idle timeout, and than
FastAPI's own of 15 s, which is private to it."""

RETRY_SECONDS: Final = 1
"""Before a stream tries again to read from a database that is away."""


class Slot:
    """The right to one stream, until it is taken away."""

    def __init__(self) -> None:
        self.taken_away = False
        self.wake: Callable[[], object] = lambda: None
        """To be called when it is taken away."""
        self.since = time.monotonic()


class StreamSlots:
    """How many streams and waiting requests each caller has, and may have.

    A device that loses its network says no goodbye, and its connection may seem alive for a quarter
    of an hour. So whoever has all that they may have gets the oldest one's place, unless that is so
    young that they seem to have opened them all at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        """Followers' turns to read from the database."""
        self._taken: defaultdict[str, list[Slot]] = defaultdict(list)

    @contextmanager
    def taken_by(self, caller: Principal) -> Iterator[Slot]:
        """One more, until the end of the block. Raises RequestProblem where all are taken."""
        who = caller.limit_key
        slots = self._taken[who]
        if len(slots) >= self._limit:
            self._take_away(slots)
        slot = Slot()
        slots.append(slot)
        try:
            yield slot
        finally:
            if slot in slots:
                slots.remove(slot)
            if not self._taken[who]:
                del self._taken[who]

    def _take_away(self, slots: list[Slot]) -> None:
        oldest = slots[0]
        if time.monotonic() - oldest.since < MIN_STREAM_SECONDS:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "TOO_MANY_STREAMS",
                f"you are following with {self._limit} requests already",
                retry_after=MIN_STREAM_SECONDS,
                limit=self._limit,
            )
        slots.remove(oldest)
        oldest.taken_away = True
        oldest.wake()


async def wait_for_changes(
    request: Request,
    subscription: Subscription,
    reads: asyncio.Semaphore,
    after: Bookmark,
    limit: int,
    seconds: float,
) -> ChangePage:
    """The first page that has changes; an empty one when there was none for so long, when the
    client hung up, and when the server stops."""
    deadline = asyncio.get_running_loop().time() + seconds
    with _wake_ups(subscription.follower) as woken:
        gone = asyncio.create_task(hung_up(request))
        gone.add_done_callback(lambda _: woken.set())
        try:
            while True:
                woken.clear()
                page = await _read(subscription, reads, after, limit)
                if page.changes or gone.done() or subscription.follower.stopped:
                    return page
                after = page.next_after
                async with asyncio.timeout_at(deadline):
                    await woken.wait()
        except TimeoutError:
            return page
        finally:
            gone.cancel()


async def stream_of(
    subscription: Subscription,
    reads: asyncio.Semaphore,
    after: Bookmark,
    slot: Slot,
    is_known: Callable[[], Awaitable[bool]],
    check_seconds: float,
) -> AsyncIterator[ChangePage | None]:
    """Pages with changes as they come, and None as a heartbeat where there are none.

    Ends when the server stops, when the slot is taken away, when the caller is no longer known
    (checked every `check_seconds`), or when another database that lacks events is in the ledger's
    place.
    """
    loop = asyncio.get_running_loop()
    checked = sent = loop.time()
    with _wake_ups(subscription.follower) as woken:
        slot.wake = woken.set
        while not (subscription.follower.stopped or slot.taken_away):
            if loop.time() - checked >= check_seconds:
                if not await is_known():
                    return
                checked = loop.time()
            if loop.time() - sent >= HEARTBEAT_SECONDS:
                yield None
                sent = loop.time()
            woken.clear()
            try:
                page = await _read(subscription, reads, after, CHANGES_PER_EVENT)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except UnknownPosition:
                return  # Who comes back with this place is told.
            if page.changes:
                yield page
                sent = loop.time()
            after = page.next_after
            if not page.has_more:
                with suppress(TimeoutError):
                    due = min(checked + check_seconds, sent + HEARTBEAT_SECONDS)
                    async with asyncio.timeout_at(due):
                        await woken.wait()


async def still_known(request: Request) -> bool:
    """Whether the caller would be let in again, who may have been known until a moment ago. Where
    that can't be told now, they are."""
    try:
        await request.state.identify(afresh=True)
    except (Unauthenticated, Forbidden):
        return False
    except (StoreUnavailable, IdentityProviderUnavailable):
        return True
    return True


@contextmanager
def _wake_ups(follower: Follower) -> Iterator[asyncio.Event]:
    """Set whenever there may be something new."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    with follower.listener(lambda: loop.call_soon_threadsafe(woken.set)):
        yield woken


async def _read(
    subscription: Subscription, reads: asyncio.Semaphore, after: Bookmark, limit: int
) -> ChangePage:
    """From memory, or else from the database. Raises UnknownPosition where that is another one by
    now, which lacks what led to this place."""
    page = subscription.recent(after, limit)
    if page is None:
        async with reads:
            page = await run_in_threadpool(subscription.follow, after, limit)
    return page
