"""The device as a witness of the ledger.

After a sync, but not after each, it asks the ledger for proof that its log only grew since the
device last saw it, and that one of the device's own transactions is in it. What can't be true is an
alarm, with evidence. The device then keeps what it knew, and goes on recording and syncing.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from interface.client.catalogue import Catalogue
from interface.client.errors import RequestFailed, Unreachable
from interface.client.log_check import LogCheck
from interface.client.own_work_audit import OwnWorkAudit
from interface.client.store import Store
from interface.client.suspicion import Suspicion
from interface.client.tree_api import TreeApi
from interface.client.witness_records import THE_LOG, Kept, Source, WitnessRecords
from proof.errors import ProofError
from proof.evidence import Alarm
from proof.note import Verifier

WITNESS_EVERY: Final = timedelta(minutes=1)
"""Least time between two looks."""

UNPROVEN_DAYS: Final = 7
"""Days without proof before an alarm. Days of the device's clock on which it asked: a clock that
jumps is no alarm."""

_FIRST_SERVER_ERROR: Final = 500

_LOG = logging.getLogger("stockledger.client")

Found = TypeVar("Found")


class Look(NamedTuple):
    """What one look found."""

    alarms: int = 0
    """New alarms."""
    sent_again: int = 0
    """Transactions that are missing, and that were queued again."""


class Witness:
    """Looks at the log of the ledger, one look at a time.

    Args:
        store: the file of the device.
        catalogue: in the same file.
        api: the ledger.
        clock: of the device.
        enrolled: keys from the enrolment. Empty: those that the ledger names first.
        every: least time between two looks.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        api: TreeApi,
        clock: Callable[[], datetime],
        *,
        enrolled: Iterable[Verifier],
        every: timedelta,
    ) -> None:
        self.records = WitnessRecords(store, enrolled)
        self._api = api
        self._clock = clock
        self._every = every.total_seconds()
        self._log = LogCheck(self.records, api, clock)
        self._audit = OwnWorkAudit(store, catalogue, self.records, api)
        self._looked_at = float("-inf")

    def trust(self, verifier: Verifier) -> None:
        """Makes a key known, because a person trusts it."""
        self.records.know([verifier], Source.PERSON)

    def look_if_due(self) -> Look:
        """Looks, if the last look is long enough ago. No trouble with the network is an error."""
        if time.monotonic() - self._looked_at < self._every:
            return Look()
        self._looked_at = time.monotonic()
        try:
            found = self._look()
            self._report()
        except Exception:  # noqa: BLE001 -- goods move on, whatever the ledger answers
            _LOG.exception("the log of the ledger can't be checked now")
            return Look()
        return found

    def _look(self) -> Look:
        try:
            newest = self._twice(self._log.look)
        except Suspicion as suspicion:
            return Look(alarms=self._raise(suspicion))
        except (Unreachable, RequestFailed):
            return Look(alarms=self._unproven(THE_LOG, "anything"))
        if newest is None:
            return Look()
        self.records.proven()
        return self._audit_one(newest)

    def _audit_one(self, newest: Kept) -> Look:
        one = self._audit.next()
        if one is None:
            return Look()
        try:
            self._twice(lambda: self._audit.require_recorded(one, newest))
        except Suspicion as suspicion:
            with self.records.transaction():
                is_new = self._raise(suspicion)
                is_sent = self._audit.settle(one, suspicion.alarm, is_new=bool(is_new))
                return Look(is_new, is_sent)
        except (Unreachable, RequestFailed):  # Perhaps it is not sealed yet.
            local_id = one.element["localId"]
            return Look(alarms=self._unproven(local_id, f"transaction {local_id}"))
        return Look()

    def _twice(self, look: Callable[[], Found]) -> Found:
        """Looks again, if the first look raises a suspicion: a server may have lagged behind. But
        nothing excuses what the ledger signed."""
        try:
            return look()
        except Suspicion as suspicion:
            if suspicion.alarm is not Alarm.ROLLBACK and self._is_proven(suspicion):
                raise
        return look()

    def _is_proven(self, suspicion: Suspicion) -> bool:
        try:
            suspicion.evidence(self._clock()).require(self.records.verifiers())
        except ProofError:
            return False
        return True

    def _unproven(self, about: str, what: str) -> int:
        """Counts the days without proof. Returns the number of new alarms."""
        if not self.records.verifiers():
            return 0  # The ledger has never proven anything, and nobody said that it can.
        now = self._clock()
        with self.records.transaction():
            days, first = self.records.unproven(about, now)
            if days <= UNPROVEN_DAYS:
                return 0
            newest = self.records.newest()
            return self._raise(
                Suspicion(
                    Alarm.UNPROVEN,
                    f"the ledger has not proven {what} since {first}, on {days} days of asking",
                    about=f"{about} {first}",
                    known=None if newest is None else newest.note,
                )
            )

    def _raise(self, suspicion: Suspicion) -> int:
        """Keeps an alarm. Returns 1 if it is new, otherwise 0."""
        return int(self.records.alarm(suspicion.evidence(self._clock()), suspicion.about))

    def _report(self) -> None:
        """Reports alarms to the ledger, as far as it takes them: its operator may not know."""
        for number, evidence in self.records.unreported():
            try:
                self._api.report(evidence)
            except Unreachable:
                return
            except RequestFailed as error:
                if error.status >= _FIRST_SERVER_ERROR:
                    return
            self.records.mark_as_reported(number)


def read_verifier(key: str) -> Verifier:
    """Reads a verifier key. Raises ValueError: it can't be read."""
    try:
        return Verifier.parse(key)
    except ProofError as error:
        raise ValueError(str(error)) from error
