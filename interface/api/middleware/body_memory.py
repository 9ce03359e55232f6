"""Memory of request bodies: bytes and bodies in transit, per caller and in total."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import Final

from interface.api.problems import RequestProblem

RETRY_AFTER_SECONDS: Final = 1

MAX_ARRIVING_BODIES: Final = 32
"""Bodies that one caller may send at the same time."""


class BodyMemory:
    """Accounts for request bodies: bytes in memory, per caller and in total, and bodies in transit.

    Args:
        of_a_caller: bytes that one caller may hold.
        of_all: bytes that all callers together may hold.
    """

    def __init__(self, of_a_caller: int, of_all: int) -> None:
        self._of_a_caller = of_a_caller
        self._of_all = of_all
        self._held: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()

    @contextmanager
    def arriving(self, who: str) -> Iterator[None]:
        """Counts a body in transit. Raises RequestProblem: the caller has too many."""
        if self._arriving[who] >= MAX_ARRIVING_BODIES:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"you are already sending {MAX_ARRIVING_BODIES} bodies: send this one later",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._arriving[who] += 1
        try:
            yield
        finally:
            self._arriving[who] -= 1
            if not self._arriving[who]:
                del self._arriving[who]

    def grow(self, who: str, size: int) -> None:
        """Adds bytes to a caller's account. Raises RequestProblem: a limit is exceeded."""
        self._held[who] += size
        if self._held[who] > self._of_a_caller:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"you are sending more than {self._of_a_caller} bytes at once",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if self._held.total() > self._of_all:
            raise RequestProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "OVERLOADED",
                "too many bodies are in memory: this request was not recorded, send it again",
                retry_after=RETRY_AFTER_SECONDS,
            )

    def shrink(self, who: str, size: int) -> None:
        """Takes bytes off a caller's account."""
        self._held[who] -= size
        if not self._held[who]:
            del self._held[who]


class HeldBody:
    """The bytes that one request holds, as part of the account of its caller."""

    def __init__(self, who: str, held: BodyMemory) -> None:
        self._who = who
        self._held = held
        self._size = 0

    def arriving(self) -> AbstractContextManager[None]:
        """Counts the body as in transit. Raises RequestProblem: the caller has too many."""
        return self._held.arriving(self._who)

    def grow_to(self, size: int) -> None:
        """Sets the size of the body. Raises RequestProblem: a limit is exceeded."""
        growth, self._size = size - self._size, size
        self._held.grow(self._who, growth)

    def release(self) -> None:
        self._held.shrink(self._who, self._size)
