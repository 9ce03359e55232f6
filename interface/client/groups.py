"""Groups of the outbox: what belongs together is sent together, in one batch."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MAX_GROUP_SIZE: Final = 100
"""Maximum number of transactions in a group."""


class Outgoing(NamedTuple):
    """A transaction of the outbox, as it is sent."""

    number: int
    """Sequence number in the outbox."""
    element: dict[str, Any]

    @property
    def group(self) -> str | None:
        """The group that it belongs to."""
        return self.element.get("group")


def cut(outgoing: Sequence[Outgoing], limit: int) -> list[Outgoing]:
    """Returns about the first `limit` transactions, without a part of a group: a group that does
    not fit is left for the next batch, unless it is the first one.

    `outgoing` has MAX_GROUP_SIZE transactions more than the limit, if there are so many. Those of a
    group follow each other.
    """
    if len(outgoing) <= limit or outgoing[limit].group is None:
        return list(outgoing[:limit])
    split = outgoing[limit].group
    before = [one for one in outgoing[:limit] if one.group != split]
    return before or [one for one in outgoing if one.group == split]


def is_one_group(outgoing: Sequence[Outgoing]) -> bool:
    """Whether the transactions are one group, so that they can't be sent in parts."""
    first = outgoing[0].group
    return first is not None and all(one.group == first for one in outgoing)
