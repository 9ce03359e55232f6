"""The upgrade of a ledger: first the tables, in numbered steps, then the read models.

Both may be killed at any point and run again (see application/persistence/schema.py and
application/maintenance/rebuild.py).
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from application.ledger.ledger import Ledger
from application.maintenance.rebuild import REBUILD, drop_leftovers, has_leftovers, rebuild
from application.persistence.errors import AlreadyRunning, StoreUnavailable
from application.persistence.schema import outdated
from application.sealing.unchanged import EventsChanged, require_unchanged

MAX_LOGGED_ITEMS: Final = 100

RETRY_SECONDS: Final = 1.0
"""Pause before the next attempt if another process rebuilds, or the database can't be reached."""

_LOG = logging.getLogger("stockledger")

Progress = Callable[[str, int, int], None]
"""Progress callback: the step (the check, or a read model), the position reached, and that of the
last event."""


def rebuild_outdated(ledger: Ledger, progress: Progress) -> list[str]:
    """Rebuilds the read models that another version of the code has built; returns their names.

    Raises:
        AlreadyRunning: another process is rebuilding.
        EventsChanged: the events are not those that were sealed.
        StoreUnavailable: the database can't be reached.
    """
    rebuilt = []
    wanted = outdated(ledger.recorder)
    if wanted:
        with ledger.recorder.exclusive(REBUILD):  # No check while another process rebuilds.
            require_unchanged(ledger.recorder, progress)
    for projection in wanted:
        name = projection.table.name

        def show(position: int, end: int, name: str = name) -> None:
            progress(name, position, end)

        rebuild(ledger, projection, show)
        rebuilt.append(name)
    drop_leftovers(ledger)
    return rebuilt


def warn_of_items_alike(ledger: Ledger) -> None:
    """Logs items that are the same for people, but two for the ledger. They were registered before
    labels had one standard form (domain/labels.py). Raises StoreUnavailable."""
    for level in ledger.recorder.select_items_alike(MAX_LOGGED_ITEMS):
        _LOG.warning(
            "item %s (%s at %s, %s on hand) is registered twice, with its labels in two spellings: "
            "count both, adjust one to 0 and discontinue it",
            level.item_id,
            level.sku,
            level.location,
            level.on_hand,
        )


class _Stopped(Exception):
    """The server is stopping. The rebuild starts again with its next start."""


class BackgroundUpgrade:
    """Rebuilds outdated read models in a thread, while the server answers that it is not ready."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stopped = Event()
        self._thread: Thread | None = None
        self.waits_for: str | None = None
        """The pending work, as a text for people; None once the ledger can be used."""

    def start(self) -> None:
        """Starts the thread. Raises StoreUnavailable: the database can't be reached."""
        if outdated(self._ledger.recorder):
            self.waits_for = "read models to be rebuilt"
            self._begin(self._run)
        else:
            self._begin(self._tidy)

    def close(self) -> None:
        """Stops the thread at its next step, and waits for its end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self, target: Callable[[], None]) -> None:
        self._thread = Thread(target=target, name="upgrade", daemon=True)
        self._thread.start()

    def _tidy(self) -> None:
        """Does the work that no request waits for."""
        with suppress(AlreadyRunning, StoreUnavailable):
            if has_leftovers(self._ledger):
                drop_leftovers(self._ledger)
            warn_of_items_alike(self._ledger)

    def _run(self) -> None:
        try:
            while not self._is_done():
                self._stopped.wait(RETRY_SECONDS)
        except _Stopped:
            return

    def _is_done(self) -> bool:
        try:
            rebuild_outdated(self._ledger, self._show)
        except AlreadyRunning:
            self.waits_for = "read models that another process rebuilds"
        except StoreUnavailable as error:
            _LOG.warning("the upgrade can't go on now: %s", error)
        except _Stopped:
            raise
        except EventsChanged as error:
            _LOG.error("no read models are made: %s: run `stockledger verify`", error)
            self.waits_for = "an administrator: events were changed, see the log"
        except Exception:  # noqa: BLE001 -- a server that never gets ready must log why
            _LOG.exception("the upgrade can't go on")
            self.waits_for = "an administrator: the read models can't be rebuilt, see the log"
        else:
            self.waits_for = None
            self._tidy()
            return True
        if self._stopped.is_set():
            raise _Stopped
        return False

    def _show(self, name: str, position: int, end: int) -> None:
        if self._stopped.is_set():
            raise _Stopped
        self.waits_for = f"read models to be rebuilt ({name}: {position} of {end})"
