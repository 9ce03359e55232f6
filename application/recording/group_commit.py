"""Group commit: requests that arrive during a commit share the next one.

They share the cost of a commit, above all the write to the disk. There is no timer: if no commit is
running, a request is committed at once, alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from application.persistence.errors import StoreUnavailable

MAX_GROUP_WEIGHT: Final = 2_000
"""Weight at which a group takes no more requests, because the first ones wait for the last."""


class Overloaded(Exception):
    """Back-pressure: the queue is full. Nothing of the request is recorded; send it again later."""


class Weighty(Protocol):
    """A request with a weight."""

    @property
    def weight(self) -> int:
        """Its share of a commit's length."""
        ...


Request = TypeVar("Request", bound=Weighty)
Result = TypeVar("Result")


class _Waiting(NamedTuple, Generic[Request, Result]):
    request: Request
    result: Future[Result] | asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop | None
    """The event loop of an asyncio future."""

    def starts(self) -> bool:
        """Whether the request is still wanted."""
        if isinstance(self.result, Future):
            return self.result.set_running_or_notify_cancel()
        return not self.result.cancelled()


class GroupCommit(Generic[Request, Result]):
    """Commits requests in order of arrival, in groups of those that are waiting.

    Args:
        commit: commits all of the requests or none, and returns their results.
        max_waiting: the limit of the queue's total weight.
    """

    def __init__(
        self, commit: Callable[[Sequence[Request]], Sequence[Result]], max_waiting: int
    ) -> None:
        self._commit = commit
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting[Request, Result]] = deque()
        self._weight = 0
        self.is_committing = False
        """Whether requests wait for a commit."""
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    def submit(self, request: Request) -> Future[Result]:
        """Queues the request for the next commit.

        Returns:
            A future of the request's result. It raises the error of a failed commit.

        Raises:
            Overloaded: the queue is full.
        """
        result: Future[Result] = Future()
        self._queue(_Waiting(request, result, None))
        return result

    def submit_async(self, request: Request) -> asyncio.Future[Result]:
        """As `submit`, for a coroutine. All results of a group wake its event loop once."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()
        self._queue(_Waiting(request, result, loop))
        return result

    def _queue(self, waiting: _Waiting[Request, Result]) -> None:
        weight = waiting.request.weight
        with self._lock:
            if self._waiting and self._weight + weight > self._max_waiting:
                raise Overloaded
            self._waiting.append(waiting)
            self._weight += weight
            if not self.is_committing:
                self.is_committing = True
                self._thread.submit(self._commit_all)

    def _commit_all(self) -> None:
        """Commits groups until the queue is empty."""
        while group := self._next_group():
            self._commit_group(group)

    def _next_group(self) -> list[_Waiting[Request, Result]]:
        group: list[_Waiting[Request, Result]] = []
        weight = 0
        with self._lock:
            while self._waiting and weight < MAX_GROUP_WEIGHT:
                waiting = self._waiting.popleft()
                self._weight -= waiting.request.weight
                if waiting.starts():
                    group.append(waiting)
                    weight += waiting.request.weight
            self.is_committing = bool(group)
        return group

    def _commit_group(self, group: list[_Waiting[Request, Result]]) -> None:
        """Commits a group. If that fails, commits each request alone, so that one request cannot
        fail the others. StoreUnavailable fails the whole group: it concerns all of them."""
        try:
            results = self._commit([waiting.request for waiting in group])
        except Exception as error:  # noqa: BLE001 -- passed on to the waiting callers
            if len(group) == 1 or isinstance(error, StoreUnavailable):
                _deliver(group, [error] * len(group))
            else:
                for waiting in group:
                    self._commit_group([waiting])
        else:
            _deliver(group, results)


def _deliver(
    group: Sequence[_Waiting[Request, Result]], outcomes: Sequence[Result | Exception]
) -> None:
    """Sets the results of a group: those of an event loop all at once, in its thread."""
    by_loop: dict[
        asyncio.AbstractEventLoop | None, list[tuple[_Waiting[Request, Result], Result | Exception]]
    ] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting, outcome))
    for loop, pairs in by_loop.items():
        if loop is None:
            _set_results(pairs)
        else:
            with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(_set_results, pairs)


def _set_results(
    pairs: Sequence[tuple[_Waiting[Request, Result], Result | Exception]],
) -> None:
    for waiting, outcome in pairs:
        if waiting.result.cancelled():
            continue
        if isinstance(outcome, Exception):
            waiting.result.set_exception(outcome)
        else:
            waiting.result.set_result(outcome)
