"""When goods moved, by the word of devices whose clocks may be wrong."""

from datetime import datetime, timedelta
from typing import Final

from domain.rejections import Invalid
from domain.transaction import Transaction, TransactionType

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far a device's clock may be ahead when it tells the moment of a stock-take."""

LONGEST_OFFLINE: Final = timedelta(days=90)
"""How late a transaction may arrive for the device's word on its moment to be taken: a clock whose
battery was empty says some year long ago."""


def happened_at(occurred_at: datetime | None, recorded_at: datetime) -> datetime:
    """When goods moved, as far as one can tell: by the device's clock where that is credible, and
    otherwise when it was recorded."""
    if occurred_at is None or not recorded_at - LONGEST_OFFLINE <= occurred_at <= recorded_at:
        return recorded_at
    return occurred_at


def require_credible_moment(transaction: Transaction, recorded_at: datetime) -> None:
    """Raises Invalid for a stock-take at a moment that can't be. What decides nothing is not
    checked: goods that moved have moved, whatever the clock said."""
    if transaction.type is not TransactionType.COUNT or transaction.occurred_at is None:
        return
    if transaction.occurred_at > recorded_at + CLOCK_TOLERANCE:
        now = recorded_at.isoformat(timespec="seconds")
        raise Invalid("occurredAt", f"lies in the future: the server's clock says {now}")
    if transaction.occurred_at < recorded_at - LONGEST_OFFLINE:
        raise Invalid("occurredAt", f"lies more than {LONGEST_OFFLINE.days} days back")
