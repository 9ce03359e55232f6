"""What changed, in the ledger's order: what a device follows that has a copy.

A bookmark is a place in that order: a position, and a mark of the event there. In another ledger,
or in a backup of this one that went another way since, another event has the position, or none: so
a bookmark is good exactly where all that led to it is the same. The mark is made with the ledger's
own key: it tells nothing of an event that may have happened elsewhere, and can't be made up.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, Self
from uuid import UUID

from application.persistence.recorder import LedgerRecorder
from application.projections import Change
from application.projections.movements import Movement
from domain.errors import Invalid, Rejection
from domain.limits import MAX_QUANTITY

_TOKEN: Final = re.compile(r"(\d{1,16})-([0-9a-f]{12})", re.ASCII)


class UnknownPosition(Rejection):
    """The ledger has no such place: whoever followed it up to there has followed another one."""

    code = "UNKNOWN_POSITION"

    def __init__(self, token: str, head: int) -> None:
        super().__init__(
            f"this ledger never was at {token}: take a new first copy, from GET /items", head=head
        )


class ChangesUnavailable(Rejection):
    """Too much is read at once, so the changes can't be told now."""

    code = "READ_TIMED_OUT"
    retryable = True

    def __init__(self) -> None:
        super().__init__("too much is read at once: ask for the changes later")


class Bookmark(NamedTuple):
    """A place in the ledger, behind the event at its position."""

    position: int
    mark: str

    @classmethod
    def behind(cls, change: Change, key: bytes) -> Self:
        local_id = change.local_id if isinstance(change, Movement) else UUID(int=0)
        moment = int(change.recorded_at.timestamp() * 1_000_000)
        data = f"{change.item_id} {change.version} {moment} {local_id}".encode()
        return cls(change.position, blake2b(data, digest_size=6, key=key).hexdigest())

    @classmethod
    def parse(cls, token: str) -> Self:
        """Raises Invalid."""
        if token == str(BEGINNING):
            return cls(*BEGINNING)
        match = _TOKEN.fullmatch(token)
        if match is None or int(match[1]) > MAX_QUANTITY:
            raise Invalid("after", "is not one that this API has given")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.position}-{self.mark}" if self.position else "0"


BEGINNING: Final = Bookmark(0, "")
"""Before the first event."""


class ChangePage(NamedTuple):
    """Some of the changes behind a place, in order."""

    changes: Sequence[Change]
    next_after: Bookmark
    """Where the next page goes on."""
    has_more: bool
    head: int
    """The ledger's last position when this was read."""

    @classmethod
    def of(cls, found: Sequence[Change], limit: int, *, head: Bookmark, key: bytes) -> Self:
        """From what was found up to the head, one more than the limit if there are so many."""
        if len(found) <= limit:
            return cls(found, head, has_more=False, head=head.position)
        changes = found[:limit]
        return cls(changes, Bookmark.behind(changes[-1], key), has_more=True, head=head.position)


class ChangeFeed:
    """Reads changes from the database."""

    def __init__(self, recorder: LedgerRecorder, key: bytes) -> None:
        self._recorder = recorder
        self.key = key

    def head(self) -> Bookmark:
        """Behind the last event."""
        last = self._recorder.select_last_change(upto=self._recorder.head())
        return BEGINNING if last is None else Bookmark.behind(last, self.key)

    def known(self, token: str | None) -> Bookmark:
        """The place that a client names; without a name, the beginning.

        Raises:
            Invalid: that is no bookmark.
            UnknownPosition: it is none of this ledger's.
        """
        bookmark = BEGINNING if token is None else Bookmark.parse(token)
        self._require_known(bookmark)
        return bookmark

    def _require_known(self, bookmark: Bookmark) -> None:
        """Raises UnknownPosition."""
        if bookmark == BEGINNING:
            return
        position = bookmark.position
        found = self._recorder.select_changes(None, after=position - 1, upto=position, limit=1)
        if not found or Bookmark.behind(found[0], self.key) != bookmark:
            raise UnknownPosition(str(bookmark), self._recorder.head())

    def follow(self, after: Bookmark, locations: frozenset[str] | None, limit: int) -> ChangePage:
        """The page behind a place that was known some time ago. Another database may be in the
        ledger's place by now, a standby or a backup that lacks the last events. Raises
        UnknownPosition."""
        self._require_known(after)
        return self.page(after, locations, limit)

    def page(self, after: Bookmark, locations: frozenset[str] | None, limit: int) -> ChangePage:
        """What changed at these locations, or at all, behind that place of this ledger."""
        head = self.head()
        found = self._recorder.select_changes(
            locations, after=after.position, upto=head.position, limit=limit + 1
        )
        return ChangePage.of(found, limit, head=max(head, after), key=self.key)
