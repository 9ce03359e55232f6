"""Seals in the background: grows the tree, and signs checkpoints of it.

One process of a ledger seals at a time. The others wait for its end. It needs no leader: the lock
only saves work, because every process would compute the same tree.
"""

import logging
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from application.persistence.errors import AlreadyRunning, StoreUnavailable, WriteConflict
from application.persistence.maintenance import StillHeld
from application.persistence.recorder import LedgerRecorder
from application.sealing.fork_guard import ForkRefused
from application.sealing.signer import CheckpointSigner
from application.sealing.tree import GrowingTree, MissingTile
from application.server_clock import ClockStepped

SEAL: Final = "seal"
"""The name of the job."""

POLL_SECONDS: Final = 1.0
"""Pause between two looks for new events."""

RETRY_SECONDS: Final = 5.0
"""Pause before the next attempt to seal, if another process does, or if it failed."""

_LOG = logging.getLogger("stockledger")


class Sealer:
    """Seals a ledger in a thread.

    Args:
        recorder: the ledger.
        signer: None if this process has no key: it only grows the tree.
        interval: seconds between two checkpoints. The first one after a pause comes at once.
    """

    def __init__(
        self, recorder: LedgerRecorder, signer: CheckpointSigner | None, interval: float
    ) -> None:
        self._recorder = recorder
        self._signer = signer
        self._interval = interval
        self._stopped = Event()
        self._thread: Thread | None = None
        self._signed_at = float("-inf")
        self.problem: str | None = None
        """Why nothing is sealed now, as a text for operators; None if all is well."""

    def start(self) -> None:
        """Starts the thread."""
        self._thread = Thread(target=self.run, name="sealer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops at the next step, and waits for the end of the thread."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Lets `run` end at its next step. A signal handler may call this."""
        self._stopped.set()

    def run(self) -> None:
        """Seals until it is stopped."""
        while not self._stopped.is_set():
            with suppress(AlreadyRunning):
                self._attempt()
            self._stopped.wait(RETRY_SECONDS)

    def seal_once(self) -> None:
        """Seals all that is settled now.

        Raises:
            AlreadyRunning: another process seals the ledger.
            ForkRefused, StoreUnavailable, MissingTile, WriteConflict: as they say.
        """
        with self._recorder.exclusive(SEAL) as still_held:
            tree = GrowingTree(self._recorder)
            tree.grow()
            if self._signer is not None:
                self._signer.sign(tree, still_held)

    def _attempt(self) -> None:
        try:
            with self._recorder.exclusive(SEAL) as still_held:
                self._seal(still_held)
        except (ForkRefused, StoreUnavailable, MissingTile, WriteConflict, ClockStepped) as error:
            self._report(str(error))
        except AlreadyRunning:
            self.problem = None
            raise
        except Exception:  # noqa: BLE001 -- a ledger that is no longer sealed must log why
            self.problem = "an error, see the log"
            _LOG.exception("the ledger can't be sealed now")

    def _seal(self, still_held: StillHeld) -> None:
        with self._recorder.recent_events.kept():
            tree = GrowingTree(self._recorder)
            while not self._stopped.is_set():
                still_held()
                tree.grow()
                self._sign_if_due(tree, still_held)
                self.problem = None
                self._stopped.wait(POLL_SECONDS)

    def _sign_if_due(self, tree: GrowingTree, still_held: StillHeld) -> None:
        if self._signer is None or time.monotonic() - self._signed_at < self._interval:
            return
        if self._signer.sign(tree, still_held) is not None:
            self._signed_at = time.monotonic()

    def _report(self, problem: str) -> None:
        """Logs a problem when it begins, not again and again."""
        if problem != self.problem:
            _LOG.warning("the ledger can't be sealed now: %s", problem)
        self.problem = problem
