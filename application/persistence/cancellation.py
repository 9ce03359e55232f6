"""Cancellation of reads: the read took too long, or its client has gone.

The caller binds a `Cancellation` to its context with `cancelled_by`. The adapter registers an
interrupt for each block of reads with `cancellable`. `Cancellation.cancel` calls that interrupt.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Final

from application.persistence.errors import ReadCancelled

RETRY_SECONDS: Final = 0.05
"""Seconds between two interrupts of the same read."""


class Cancellation:
    """Cancellation token of one request, which makes its reads one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._interrupt: Callable[[], object] | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """Ends the running read and refuses later ones. Returns when the read has ended."""
        self.is_cancelled = True
        while self._interrupted():  # Retried: the statement may not have started yet.
            time.sleep(RETRY_SECONDS)

    def _interrupted(self) -> bool:
        with self._lock:
            if self._interrupt is None:
                return False
            self._interrupt()
            return True

    @contextmanager
    def covering(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Lets `interrupt` end the reads of the block.

        Raises ReadCancelled: the token is cancelled, before or in the block.
        """
        with self._lock:
            self.require_wanted()
            self._interrupt = interrupt
        try:
            yield
        except Exception:
            self.require_wanted()
            raise
        finally:
            # Cleared before the connection returns to the pool, where another reader takes it.
            with self._lock:
                self._interrupt = None

    def require_wanted(self) -> None:
        """Raises ReadCancelled: the token is cancelled."""
        if self.is_cancelled:
            raise ReadCancelled


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


@contextmanager
def cancelled_by(cancellation: Cancellation) -> Iterator[None]:
    """Binds the token to this context: `cancel` then ends the reads of the block."""
    token = _current.set(cancellation)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def cancellable(interrupt: Callable[[], object]) -> Iterator[None]:
    """Makes a block of reads cancellable: `interrupt` ends them.

    Raises ReadCancelled: the token of this context is cancelled.
    """
    cancellation = _current.get()
    if cancellation is None:
        yield
    else:
        with cancellation.covering(interrupt):
            yield
