"""The moment when goods moved, as told by devices whose clocks may be wrong."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from domain.errors import Invalid
from domain.transaction import Transaction, TransactionType

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far a device's clock may be ahead at a stock-take."""

MAX_OFFLINE: Final = timedelta(days=90)
"""How late a transaction may arrive if its moment is to be trusted. A clock after an empty battery
shows a year long ago."""


CLOCK_TRUST: Final = timedelta(seconds=30)
"""How far a device's clock may be off before its times are corrected. A batch is on its way for
some seconds."""


def goods_time(
    occurred_at: datetime | None,
    *,
    received_at: datetime,
    sent_at: datetime | None = None,
    age: timedelta | None = None,
) -> datetime | None:
    """Returns when goods moved, by the server's clock; None if the device sent no time.

    Args:
        occurred_at: by the device's clock.
        received_at: the server's clock when the batch came.
        sent_at: the device's clock when it sent the batch.
        age: how long ago it was at the sending, by a monotonic clock of the device.
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
    """Returns the sum, or the same instant if the sum is outside the years of `datetime`."""
    try:
        return instant + by
    except OverflowError:
        return instant


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_RANK: Final = -(2**62)
_PER_COMMIT: Final = 2**16
"""More than the transactions of a commit."""


class FirstArrival(NamedTuple):
    """The first arrival of a transaction. It keeps this place if it is recorded later."""

    received_at: datetime
    """The server's clock."""
    rank: int | None
    """Its rank among movements of the item with the same moment. None if it is not known."""

    @classmethod
    def refused(cls, received_at: datetime, version: int, sequence: int) -> "FirstArrival":
        """Returns that of a refused transaction.

        Args:
            received_at: the server's clock.
            version: the item's version then.
            sequence: its place among the refused transactions of the commit, less than 65,536.
        """
        return cls(received_at, rank_of(version) + _PER_COMMIT + sequence)

    @classmethod
    def before_registration(cls, received_at: datetime, sequence: int) -> "FirstArrival":
        """Returns that of a transaction whose item is not registered yet. Its rank grows with the
        time, in milliseconds, and with the sequence."""
        milliseconds = (received_at - _EPOCH) // timedelta(milliseconds=1)
        return cls(received_at, _LEAST_RANK + milliseconds * _PER_COMMIT + sequence)


def rank_of(version: int) -> int:
    """Returns the rank of a movement that was recorded at once, by the item's version after it. It
    leaves room for those that were refused before the next version."""
    return version * 2 * _PER_COMMIT


def happened_at(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """Returns when goods moved: the device's time if that is credible, otherwise the time of the
    first arrival."""
    if occurred_at is None or not received_at - MAX_OFFLINE <= occurred_at <= received_at:
        return received_at
    return occurred_at


def require_credible_moment(transaction: Transaction, received_at: datetime) -> None:
    """Raises Invalid: a stock-take has a moment in the future, or too far back. Other types are not
    checked: their goods have moved, even if the clock was wrong."""
    if transaction.type is not TransactionType.COUNT or transaction.occurred_at is None:
        return
    if transaction.occurred_at > received_at + CLOCK_TOLERANCE:
        now = received_at.isoformat(timespec="seconds")
        raise Invalid("occurredAt", f"lies in the future: the server's clock says {now}")
    if transaction.occurred_at < received_at - MAX_OFFLINE:
        raise Invalid("occurredAt", f"lies more than {MAX_OFFLINE.days} days back")
