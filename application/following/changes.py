"""The change feed: changes in the ledger's order, for devices that keep a copy.

A bookmark is a position and a mark of the event there. In another ledger, that position has another
event, or none. The same is true of a backup that has diverged since. So a bookmark is valid only
if the ledger is the same up to its position.

The mark is a keyed hash with the ledger's own key. It reveals nothing about an event at another
location, and it cannot be forged.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, Self
from uuid import UUID

from application.persistence.recorder import LedgerRecorder
from application.projections import Change
from application.projections.code_changes import CodeChange
from application.projections.movements import Movement
from domain.errors import Invalid, Rejection
from domain.quantities import MAX_QUANTITY

_TOKEN: Final = re.compile(r"(\d{1,16})-([0-9a-f]{12})", re.ASCII)


class UnknownPosition(Rejection):
    """The ledger has no such bookmark: the client has followed another ledger."""

    code = "UNKNOWN_POSITION"

    def __init__(self, token: str, head: int) -> None:
        super().__init__(
            f"this ledger has no bookmark {token}: take a new first copy, from GET /items",
            head=head,
        )


class ChangesUnavailable(Rejection):
    """Back-pressure: too many reads at the same time, so the changes cannot be read now."""

    code = "READ_TIMED_OUT"
    retryable = True

    def __init__(self) -> None:
        super().__init__("too many reads at the same time: ask for the changes later")


class Bookmark(NamedTuple):
    """A place in the ledger, directly after the event at `position`."""

    position: int
    mark: str

    @classmethod
    def at(cls, change: Change, key: bytes) -> Self:
        """Returns the bookmark directly after a change."""
        local_id = change.local_id if isinstance(change, Movement) else UUID(int=0)
        moment = int(change.recorded_at.timestamp() * 1_000_000)
        stream = change.code_id if isinstance(change, CodeChange) else change.item_id
        data = f"{stream} {change.version} {moment} {local_id}".encode()
        return cls(change.position, blake2b(data, digest_size=6, key=key).hexdigest())

    @classmethod
    def parse(cls, token: str) -> Self:
        """Reads a client's token. Raises Invalid: it does not have the form of a bookmark."""
        if token == str(BEGINNING):
            return cls(*BEGINNING)
        match = _TOKEN.fullmatch(token)
        if match is None or int(match[1]) > MAX_QUANTITY:
            raise Invalid("after", "must be a bookmark from this API")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.position}-{self.mark}" if self.position else "0"


BEGINNING: Final = Bookmark(0, "")
"""Before the first event."""


class ChangePage(NamedTuple):
    """A page of the changes after a bookmark, in order."""

    changes: Sequence[Change]
    next_after: Bookmark
    """The bookmark for the next page."""
    has_more: bool
    head: int
    """The ledger's last position when this was read."""

    @classmethod
    def of(cls, found: Sequence[Change], limit: int, *, head: Bookmark, key: bytes) -> Self:
        """Makes a page of changes up to the head. One more than `limit` means: there are more."""
        if len(found) <= limit:
            return cls(found, head, has_more=False, head=head.position)
        changes = found[:limit]
        return cls(changes, Bookmark.at(changes[-1], key), has_more=True, head=head.position)


class ChangeFeed:
    """Reads changes from the database."""

    def __init__(self, recorder: LedgerRecorder, key: bytes) -> None:
        self._recorder = recorder
        self.key = key

    def head(self) -> Bookmark:
        """Returns the bookmark after the last event."""
        last = self._recorder.select_last_change(upto=self._recorder.head())
        return BEGINNING if last is None else Bookmark.at(last, self.key)

    def known(self, token: str | None) -> Bookmark:
        """Returns the bookmark of a client's token; BEGINNING for None.

        Raises:
            Invalid: the token is not a bookmark.
            UnknownPosition: this ledger has no such bookmark.
        """
        bookmark = BEGINNING if token is None else Bookmark.parse(token)
        self._require_known(bookmark)
        return bookmark

    def _require_known(self, bookmark: Bookmark) -> None:
        """Raises UnknownPosition: this ledger has no such bookmark."""
        if bookmark == BEGINNING:
            return
        position = bookmark.position
        found = self._recorder.select_changes(None, after=position - 1, upto=position, limit=1)
        if not found or Bookmark.at(found[0], self.key) != bookmark:
            raise UnknownPosition(str(bookmark), self._recorder.head())

    def follow(self, after: Bookmark, locations: frozenset[str] | None, limit: int) -> ChangePage:
        """Checks a bookmark again that was known earlier, and returns the page after it.

        The database may have been replaced by a standby or a backup that lacks the last events.

        Raises:
            UnknownPosition: this ledger no longer has the bookmark.
        """
        self._require_known(after)
        return self.page(after, locations, limit)

    def page(self, after: Bookmark, locations: frozenset[str] | None, limit: int) -> ChangePage:
        """Returns the page after a known bookmark, for these locations; None means all."""
        head = self.head()
        found = self._recorder.select_changes(
            locations, after=after.position, upto=head.position, limit=limit + 1
        )
        return ChangePage.of(found, limit, head=max(head, after), key=self.key)
