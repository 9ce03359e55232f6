"""When goods moved, by the word of devices whose clocks may be wrong."""

from datetime import datetime, timedelta
from typing import Final

from domain.errors import Invalid
from domain.transaction import Transaction, TransactionType

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far a device's clock may be ahead when it tells the moment of a stock-take."""

MAX_OFFLINE: Final = timedelta(days=90)
"""How late a transaction may arrive for the device's word on its moment to be taken: a clock whose
battery was empty says some year long ago."""


CLOCK_TRUST: Final = timedelta(seconds=30)
"""How far a device's clock may be off before what it says is put right: a batch is on its way for
some seconds."""


def goods_time(
    occurred_at: datetime | None,
    *,
    received_at: datetime,
    sent_at: datetime | None = None,
    age: timedelta | None = None,
) -> datetime | None:
    """When goods moved, by the server's clock, as far as the device's word tells.

    Args:
        occurred_at: by the device's clock.
        received_at: the server's clock when the batch came.
        sent_at: the device's clock when it sent the batch.
        age: how long ago it was at the sending, by a clock of the device that nobody sets.
    """
    if age is not None:
        moment = received_at - age
    elif occurred_at is not None and sent_at is not None:
        moment = _shifted(occurred_at, received_at - sent_at)
    else:
        return occurred_at
    if occurred_at is not None and abs(moment - occurred_at) <= CLOCK_TRUST:
        return occurred_at
    return moment


def _shifted(instant: datetime, by: timedelta) -> datetime:
    """The same instant where the sum is beyond all years."""
    try:
        return instant + by
    except OverflowError:
        return instant


def happened_at(occurred_at: datetime | None, recorded_at: datetime) -> datetime:
    """When goods moved, as far as one can tell: by the device's clock where that is credible, and
    otherwise when it was recorded."""
    if occurred_at is None or not recorded_at - MAX_OFFLINE <= occurred_at <= recorded_at:
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
    if transaction.occurred_at < recorded_at - MAX_OFFLINE:
        raise Invalid("occurredAt", f"lies more than {MAX_OFFLINE.days} days back")
