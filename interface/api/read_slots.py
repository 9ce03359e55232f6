"""Read slots: reads get few threads, few per caller, and a time limit.

The other threads stay free for writers, health checks and authentication. These also keep most of
the time of the interpreter's lock: while batches wait for a commit, a slot rests after each read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Final, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from application.access.principal import Principal
from application.persistence.cancellation import Cancellation, cancelled_by
from interface.api.problems import RequestProblem

MAX_CONCURRENT_READS: Final = 4
"""More would not be faster: all reads and the writer share the interpreter's lock."""

MAX_CONCURRENT_READS_PER_CALLER: Final = 2

MAX_WAITING_READS_PER_CALLER: Final = 50
"""Reads of one caller, running or waiting."""

REST: Final = 4.0
"""How long a slot rests while batches wait for a commit, as a multiple of the time of its read."""

MAX_REST_SECONDS: Final = 0.25

RETRY_AFTER_SECONDS: Final = 5

P = ParamSpec("P")
T = TypeVar("T")


class _CallerReads:
    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(MAX_CONCURRENT_READS_PER_CALLER)
        self.requests = 0
        """Running or waiting requests."""


class ReadSlots:
    """The queue for read slots.

    A read is cancelled after `timeout_seconds`, including its wait, or when its client disconnects.
    `is_recording` tells whether batches wait for a commit.
    """

    def __init__(
        self, timeout_seconds: float, is_recording: Callable[[], bool] = lambda: False
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._is_recording = is_recording
        self._turns = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._callers: dict[str, _CallerReads] = {}

    @asynccontextmanager
    async def taken_for(self, request: Request) -> AsyncIterator[None]:
        """Takes a slot for a request. Database reads in the block are cancelled with the request.

        Raises RequestProblem: the caller has too many reads, or no slot was free in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        principal: Principal = request.state.principal
        async with self._turn_of(principal.limit_key, deadline):
            cancellation = Cancellation()

            def cancel() -> None:
                loop.run_in_executor(None, cancellation.cancel)

            timer = loop.call_at(deadline, cancel)
            disconnected = asyncio.create_task(hung_up(request))
            disconnected.add_done_callback(lambda task: None if task.cancelled() else cancel())
            try:
                with cancelled_by(cancellation):
                    yield
            finally:
                timer.cancel()
                disconnected.cancel()

    @asynccontextmanager
    async def _turn_of(self, key: str, deadline: float) -> AsyncIterator[None]:
        caller = self._callers.setdefault(key, _CallerReads())
        if caller.requests >= MAX_WAITING_READS_PER_CALLER:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"you already have {MAX_WAITING_READS_PER_CALLER} reads running or waiting",
                retry_after=RETRY_AFTER_SECONDS,
            )
        caller.requests += 1
        try:
            async with (
                self._acquired(caller.turns, deadline),
                self._acquired(self._turns, deadline),
            ):
                yield
        finally:
            caller.requests -= 1
            if not caller.requests:
                self._callers.pop(key, None)

    @asynccontextmanager
    async def _acquired(self, turns: asyncio.Semaphore, deadline: float) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                await turns.acquire()
        except TimeoutError as error:
            raise RequestProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "READ_TIMED_OUT",
                "too many reads at once: send this again later",
                retry_after=RETRY_AFTER_SECONDS,
            ) from error
        started = loop.time()
        try:
            yield
        finally:
            if self._is_recording():
                rest = min(REST * (loop.time() - started), MAX_REST_SECONDS)
                loop.call_later(rest, turns.release)
            else:
                turns.release()


async def hung_up(request: Request) -> None:
    """Waits until the client disconnects."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _reading(request: Request) -> AsyncIterator[None]:
    slots: ReadSlots = request.app.state.read_slots
    async with slots.taken_for(request):
        yield


Reading = Annotated[None, Depends(_reading, scope="function")]
"""Declares that an endpoint reads the database, in a read slot."""


async def read_in_slot(
    request: Request, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Calls `read` in a thread, in a read slot of the request.

    Raises RequestProblem: the caller has too many reads, or no slot was free in time.
    """
    slots: ReadSlots = request.app.state.read_slots
    async with slots.taken_for(request):
        return await run_in_threadpool(read, *args, **kwargs)
