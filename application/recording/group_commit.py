"""Group commit: what arrives while a commit is in flight goes into the next one, together.

The cost of a commit, above all the trip to the disk, is shared by those who wait for it. Nobody
waits for company: where nothing is in flight, a request is committed at once, alone.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from application.persistence.errors import StoreUnavailable

MAX_GROUP_WEIGHT: Final = 2_000
"""Weight from which on a group takes no more: its first ones wait for its last one."""


class Overloaded(Exception):
    """Too much is waiting to be recorded. Nothing of the request was; it may be sent again."""


class Weighty(Protocol):
    """Something to commit."""

    @property
    def weight(self) -> int:
        """What it adds to the length of a commit."""
        ...


Request = TypeVar("Request", bound=Weighty)
Result = TypeVar("Result")


class _Waiting(NamedTuple, Generic[Request, Result]):
    request: Request
    result: Future[Result]


class GroupCommit(Generic[Request, Result]):
    """Commits requests in the order in which they come, as many at a time as are waiting.

    Args:
        commit: commits all of the requests or none, and returns their results.
        max_waiting: the weight of all waiting requests beyond which no more is taken.
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
        """Queues the request for the next commit. The future resolves to its result, or raises what
        went wrong.

        Raises:
            Overloaded: too much is waiting.
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
        """Until nothing waits."""
        while group := self._next_group():
            self._settle(group)

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

    def _settle(self, group: list[_Waiting[Request, Result]]) -> None:
        """Where a group fails, each is tried alone: what one brings about must not be the others'
        loss. Only where the database is away, it is so for all."""
        try:
            results = self._commit([waiting.request for waiting in group])
        except Exception as error:  # noqa: BLE001 -- handed on to those who wait
            if len(group) == 1 or isinstance(error, StoreUnavailable):
                for waiting in group:
                    waiting.result.set_exception(error)
            else:
                for waiting in group:
                    self._settle([waiting])
        else:
            for waiting, result in zip(group, results, strict=True):
                waiting.result.set_result(result)
