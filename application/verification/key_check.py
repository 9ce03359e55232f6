"""Checks that the unique keys find each event, and no other."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from application.ledger.ledger import local_id
from application.persistence.recorder import LedgerRecorder
from application.persistence.tree_reader import EventRow
from application.projections.projection import Recorded
from application.verification.findings import Findings, Kind
from domain.events import LedgerEvent


class KeyCheck:
    """Looks each event up by item and version, and by its `local_id`."""

    def __init__(self, recorder: LedgerRecorder, findings: Findings) -> None:
        self._recorder = recorder
        self._findings = findings

    def check(self, recorded: Sequence[Recorded[LedgerEvent]], rows: Sequence[EventRow]) -> None:
        """Checks that a look-up by each unique key finds its event, and no other."""
        versions = [
            (row.position, (row.stream, row.version)) for row in rows if is_well_formed(row)
        ]
        self._compare_index("item and version", versions, self._recorder.select_positions_at)
        local_ids = [
            (position, found)
            for position, event in recorded
            if (found := local_id(event)) is not None
        ]
        self._compare_index("localId", local_ids, self._recorder.select_positions_of)

    def _compare_index(
        self,
        name: str,
        keys: Sequence[tuple[int, Any]],
        look_up: Callable[[Sequence[Any]], Sequence[tuple[int, int]]],
    ) -> None:
        if not keys:
            return
        # In the order of the index: neighbours share its pages.
        keys = sorted(keys, key=_in_index_order)
        expected = {(place, position) for place, (position, _) in enumerate(keys)}
        found = expected
        with self._findings.unreadable(f"the index of {name}", position=keys[0][0]):
            found = set(look_up([key for _, key in keys]))
        for place, _ in sorted(expected ^ found):
            position, key = keys[place]
            self._findings.add(
                Kind.INDEX_DIFFERS,
                f"a look-up by {name} does not find this event alone",
                position=position,
                subject=str(key),
            )


def _in_index_order(key: tuple[int, Any]) -> tuple[bytes, int]:
    _, value = key
    return (value.bytes, 0) if isinstance(value, UUID) else (value[0].bytes, value[1])


def is_well_formed(row: EventRow) -> bool:
    """Whether each column of the event has a value of its type."""
    is_id = isinstance(row.stream_id, bytes) and len(row.stream_id) == 16  # noqa: PLR2004
    return is_id and row.is_typed
