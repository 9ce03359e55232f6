"""Group commit: requests that arrive during a commit share the next one.

They share the cost of a commit, above all the write to the disk. There is no timer: if no commit is
running, a request is committed at once, alone.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    result: Future[Result]


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
        self._is_committing = False
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    def submit(self, request: Request) -> Future[Result]:
        """Queues the request for the next commit.

        Returns:
            A future of the request's result. It raises the error of a failed commit.

        Raises:
            Overloaded: the queue is full.
        """
        waiting: _Waiting[Request, Result] = _Waiting(request, Future())
        with self._lock:
            if self._waiting and self._weight + request.weight > self._max_waiting:
                raise Overloaded
            self._waiting.append(waiting)
            self._weight += request.weight
            if not self._is_committing:
                self._is_committing = True
                self._thread.submit(self._commit_all)
        return waiting.result

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
                if waiting.result.set_running_or_notify_cancel():
                    group.append(waiting)
                    weight += waiting.request.weight
            self._is_committing = bool(group)
        return group

    def _commit_group(self, group: list[_Waiting[Request, Result]]) -> None:
        """Commits a group. If that fails, commits each request alone, so that one request cannot
        fail the others. StoreUnavailable fails the whole group: it concerns all of them."""
        try:
            results = self._commit([waiting.request for waiting in group])
        except Exception as error:  # noqa: BLE001 -- passed on to the waiting callers
            if len(group) == 1 or isinstance(error, StoreUnavailable):
                for waiting in group:
                    waiting.result.set_exception(error)
            else:
                for waiting in group:
                    self._commit_group([waiting])
        else:
            for waiting, result in zip(group, results, strict=True):
                waiting.result.set_result(result)
