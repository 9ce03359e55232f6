"""Reads events in order, and goes on behind those that the database can't read."""

from collections.abc import Sequence
from typing import Final

from application.persistence.errors import StoreUnavailable
from application.persistence.recorder import LedgerRecorder
from application.persistence.tree_reader import EventRow
from application.verification.findings import Findings, Kind

EVENTS_PER_CHUNK: Final = 5_000
"""Events read at a time, and at most in memory."""

_FIRST_LEAP: Final = 1
"""Positions left out at first, where rows can't be read. It doubles."""


class EventReader:
    """Reads events. What can't be read is a finding."""

    def __init__(self, recorder: LedgerRecorder, findings: Findings) -> None:
        self._recorder = recorder
        self._findings = findings

    def read(self, position: int, head: int) -> tuple[Sequence[EventRow], int]:
        """Returns the events after a position, and the position up to which they are all.

        Raises StoreUnavailable: nothing can be read.
        """
        try:
            rows = self._recorder.select_rows_after(position, EVENTS_PER_CHUNK, upto=head)
        except StoreUnavailable:
            self._recorder.head()  # Is it only these rows?
            return self._one_by_one(position, head)
        return rows, rows[-1].position if len(rows) == EVENTS_PER_CHUNK else head

    def _one_by_one(self, position: int, head: int) -> tuple[Sequence[EventRow], int]:
        """Reads the next events one by one, up to the first that can't be read, and leaves that one
        out.

        Raises StoreUnavailable: nothing can be read.
        """
        rows: list[EventRow] = []
        while len(rows) < EVENTS_PER_CHUNK:
            try:
                found = self._recorder.select_rows_after(position, 1, upto=head)
            except StoreUnavailable as error:
                return rows, self._leap(position, head, error)
            if not found:
                return rows, head
            rows += found
            position = found[-1].position
        return rows, position

    def _leap(self, position: int, head: int, error: StoreUnavailable) -> int:
        """Returns the position after which events can be read again."""
        leap, end = _FIRST_LEAP, position
        while end < head:
            end = min(position + leap, head)
            leap *= 2
            try:
                self._recorder.select_rows_after(end, 1, upto=head)
                break
            except StoreUnavailable:
                continue
        self._findings.add(
            Kind.UNREADABLE_ROWS,
            f"events can't be read: {error}",
            position=position + 1,
            upto=end,
        )
        return end
