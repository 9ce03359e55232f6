"""Ending a read that took too long, or that nobody waits for any more.

The caller sets a `Cancellation` for what it does next, in whatever thread; the adapter says, for
each block of reads, how the database is told to stop.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Final

from application.persistence.errors import ReadCancelled

RETRY_SECONDS: Final = 0.05


class Cancellation:
    """Of the reads that one request makes, one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._interrupt: Callable[[], object] | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """Ends the read at work, and those that would follow; returns when it has ended."""
        self.is_cancelled = True
        while self._interrupted():  # Again: the statement may not have begun yet.
            time.sleep(RETRY_SECONDS)

    def _interrupted(self) -> bool:
        with self._lock:
            if self._interrupt is None:
                return False
            self._interrupt()
            return True

    @contextmanager
    def covering(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """In the block, `interrupt` ends what is read. Raises ReadCancelled."""
        with self._lock:
            self.require_wanted()
            self._interrupt = interrupt
        try:
            yield
        except Exception:
            self.require_wanted()
            raise
        finally:
            # Not behind the block: the connection is another reader's by then.
            with self._lock:
                self._interrupt = None

    def require_wanted(self) -> None:
        """Raises ReadCancelled where it was cancelled."""
        if self.is_cancelled:
            raise ReadCancelled


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


@contextmanager
def cancelled_by(cancellation: Cancellation) -> Iterator[None]:
    """Reads of this context are ended by it."""
    token = _current.set(cancellation)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def cancellable(interrupt: Callable[[], object]) -> Iterator[None]:
    """A block of reads, which `interrupt` ends. Raises ReadCancelled."""
    cancellation = _current.get()
    if cancellation is None:
        yield
    else:
        with cancellation.covering(interrupt):
            yield
