"""The health probe: can the ledger be read and written? Only a write shows that writes work."""

import time
from threading import Lock
from typing import Final

from application.persistence.errors import StoreUnavailable
from application.persistence.filters import ItemFilter
from application.persistence.recorder import LedgerRecorder
from application.server_clock import Clock
from application.tables.properties import PROPERTIES, Property
from application.tables.table import Upsert

PROBE_INTERVAL_SECONDS: Final = 5.0
"""Minimum pause between two test writes."""


class Probe:
    """Reads at each call. Writes at most once per interval, and keeps the result in between."""

    def __init__(self, recorder: LedgerRecorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._lock = Lock()
        self._began_at = float("-inf")
        self._failure: StoreUnavailable | None = None

    def require_readable(self) -> None:
        """Raises StoreUnavailable: events or read models cannot be read."""
        self._recorder.head()
        self._recorder.select_items(ItemFilter(), after=None, limit=1)

    def require_writable(self) -> None:
        """Raises StoreUnavailable: the database cannot be written. It is full, say, or no standby
        confirms a commit. One caller writes; the others do not wait for it."""
        if self._lock.acquire(blocking=False):
            try:
                self._probe()
            finally:
                self._lock.release()
        elif time.monotonic() - self._began_at > PROBE_INTERVAL_SECONDS:
            raise StoreUnavailable("a test write takes too long")
        if self._failure is not None:
            raise self._failure

    def _probe(self) -> None:
        if time.monotonic() - self._began_at > PROBE_INTERVAL_SECONDS:
            self._began_at = time.monotonic()
            self._failure = self._write()

    def _write(self) -> StoreUnavailable | None:
        row = Property("probed_at", self._clock().isoformat())
        try:
            with self._recorder.unit_of_work() as unit_of_work:
                unit_of_work.write(PROPERTIES, [Upsert([row])])
        except StoreUnavailable as error:
            return error
        return None
