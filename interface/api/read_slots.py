"""A share of the server for reads: few threads, few of them for one caller, and a time limit.

Writers, health and authentication keep the other threads, and the interpreter's lock most of the
time, whatever is read.
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
"""More would not be faster: they share the interpreter's lock with each other and the writer."""

MAX_CONCURRENT_READS_PER_CALLER: Final = 2

MAX_WAITING_READS_PER_CALLER: Final = 50
"""Reads of one caller that wait for their turn."""

RETRY_AFTER_SECONDS: Final = 5

P = ParamSpec("P")
T = TypeVar("T")


class _Caller:
    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(MAX_CONCURRENT_READS_PER_CALLER)
        self.requests = 0
        """At work, or waiting."""


class ReadSlots:
    """Who reads, and who waits for it. A read that takes longer than `timeout_seconds`, its wait
    included, is ended, as is one whose client has hung up."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._turns = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._callers: dict[str, _Caller] = {}

    @asynccontextmanager
    async def taken_for(self, request: Request) -> AsyncIterator[None]:
        """In the block, reads of the database are the request's. Raises RequestProblem."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        principal: Principal = request.state.principal
        async with self._turn_of(principal.limit_key, deadline):
            cancellation = Cancellation()

            def cancel() -> None:
                loop.run_in_executor(None, cancellation.cancel)

            timer = loop.call_at(deadline, cancel)
            gone = asyncio.create_task(hung_up(request))
            gone.add_done_callback(lambda task: None if task.cancelled() else cancel())
            try:
                with cancelled_by(cancellation):
                    yield
            finally:
                timer.cancel()
                gone.cancel()

    @asynccontextmanager
    async def _turn_of(self, who: str, deadline: float) -> AsyncIterator[None]:
        caller = self._callers.setdefault(who, _Caller())
        if caller.requests >= MAX_WAITING_READS_PER_CALLER:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"{MAX_WAITING_READS_PER_CALLER} reads of yours wait already",
                retry_after=RETRY_AFTER_SECONDS,
            )
        caller.requests += 1
        try:
            async with _acquired(caller.turns, deadline), _acquired(self._turns, deadline):
                yield
        finally:
            caller.requests -= 1
            if not caller.requests:
                self._callers.pop(who, None)


@asynccontextmanager
async def _acquired(turns: asyncio.Semaphore, deadline: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline):
            await turns.acquire()
    except TimeoutError as error:
        raise RequestProblem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "READ_TIMED_OUT",
            "too much is read at once: send this again later",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
    try:
        yield
    finally:
        turns.release()


async def hung_up(request: Request) -> None:
    """Returns when the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _reading(request: Request) -> AsyncIterator[None]:
    slots: ReadSlots = request.app.state.read_slots
    async with slots.taken_for(request):
        yield


Reading = Annotated[None, Depends(_reading, scope="function")]
"""Declares that an endpoint reads from the database, in its share."""


async def read_in_slot(
    request: Request, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Reads in a thread, in the request's share. Raises RequestProblem."""
    slots: ReadSlots = request.app.state.read_slots
    async with slots.taken_for(request):
        return await run_in_threadpool(read, *args, **kwargs)
