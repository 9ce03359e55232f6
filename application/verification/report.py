"""Keeps the result of the last verification in the ledger, for people who look at it."""

from contextlib import suppress
from typing import Any

import msgspec

from application.access.audit import Action, AuditTrail, Origin
from application.persistence.errors import StoreUnavailable
from application.persistence.recorder import LedgerRecorder
from application.tables.properties import LAST_VERIFICATION, PROPERTIES, Property
from application.tables.table import Upsert
from application.verification.verify import Verified


def as_object(verified: Verified) -> dict[str, Any]:
    """Returns the result for JSON."""
    return verified._asdict() | {
        "root": verified.root.hex(),
        "finished_at": verified.finished_at.isoformat(),
    }


def keep(recorder: LedgerRecorder, audit: AuditTrail, origin: Origin, verified: Verified) -> None:
    """Writes the result into the ledger and its audit trail, if the role may write."""
    detail = (
        f"{verified.events} events to position {verified.position}, root {verified.root.hex()}: "
        f"{verified.findings} findings, {verified.warnings} warnings"
    )
    text = msgspec.json.encode(as_object(verified)).decode()
    with suppress(StoreUnavailable), recorder.unit_of_work() as unit_of_work:
        unit_of_work.write(PROPERTIES, [Upsert([Property(LAST_VERIFICATION, text)])])
        audit.append(unit_of_work, Action.LEDGER_VERIFIED, origin, detail)
