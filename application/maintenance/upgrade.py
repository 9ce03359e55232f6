"""Bringing a ledger up to date: the tables in numbered steps, then the read models.

Both may be killed at any point and run again (see application/persistence/schema.py and
application/maintenance/rebuild.py).
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from application.ledger.ledger import Ledger
from application.maintenance.rebuild import drop_leftovers, has_leftovers, rebuild
from application.persistence.errors import RebuildRunning, StoreUnavailable
from application.persistence.schema import outdated

MAX_LOGGED_ITEMS: Final = 100

RETRY_SECONDS: Final = 1.0
"""Before another look, while another process rebuilds, or the database can't be reached."""

_LOG = logging.getLogger("stockledger")

Progress = Callable[[str, int, int], None]
"""Told which read model is rebuilt, the position that is reached, and that of the last event."""


def rebuild_outdated(ledger: Ledger, progress: Progress) -> list[str]:
    """Rebuilds the read models that another version of the code has made; returns their names.

    Raises:
        RebuildRunning: another process is at it.
        StoreUnavailable: the database can't be reached.
    """
    rebuilt = []
    for projection in outdated(ledger.recorder):
        name = projection.table.name

        def show(position: int, end: int, name: str = name) -> None:
            progress(name, position, end)

        rebuild(ledger, projection, show)
        rebuilt.append(name)
    drop_leftovers(ledger)
    return rebuilt


def warn_of_items_alike(ledger: Ledger) -> None:
    """Names, in the log, items that are one for people and two for the ledger: they were registered
    when the spelling of a label was not looked at (domain/labels.py). Raises StoreUnavailable."""
    for level in ledger.recorder.select_items_alike(MAX_LOGGED_ITEMS):
        _LOG.warning(
            "item %s (%s at %s, %s on hand) is there twice, its labels spelt in two ways: count "
            "both, adjust one to 0 and discontinue it",
            level.item_id,
            level.sku,
            level.location,
            level.on_hand,
        )


class _Stopped(Exception):
    """The server stops; the rebuild begins again with its next start."""


class BackgroundUpgrade:
    """Rebuilds outdated read models in a thread, while the server answers that it is not ready."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stopped = Event()
        self._thread: Thread | None = None
        self.waits_for: str | None = None
        """What is still to be done, for people; None where the ledger can be used."""

    def start(self) -> None:
        """Raises StoreUnavailable."""
        if outdated(self._ledger.recorder):
            self.waits_for = "read models to be rebuilt"
            self._begin(self._run)
        else:
            self._begin(self._tidy)

    def close(self) -> None:
        """Ends the thread, wherever it is."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self, target: Callable[[], None]) -> None:
        self._thread = Thread(target=target, name="upgrade", daemon=True)
        self._thread.start()

    def _tidy(self) -> None:
        """Nobody waits for this."""
        with suppress(RebuildRunning, StoreUnavailable):
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
        except RebuildRunning:
            self.waits_for = "read models that another process rebuilds"
        except StoreUnavailable as error:
            _LOG.warning("the upgrade can't go on now: %s", error)
        except _Stopped:
            raise
        except Exception:  # noqa: BLE001 -- the server must not stay up and never get ready in silence
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
        self.waits_for = f"{name} to be rebuilt: {position} of {end}"
