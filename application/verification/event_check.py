"""Checks events by themselves, and against the states of their items and codes."""

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from application.ledger.ledger import Ledger, local_id
from application.persistence.tree_reader import EventRow
from application.projections.projection import Recorded
from application.verification.author_check import AuthorCheck
from application.verification.findings import Findings, Kind
from application.verification.key_check import is_well_formed
from application.verification.rules import (
    CodeState,
    ItemState,
    State,
    UnknownState,
    problems_of,
    require_storable,
    void_problems,
)
from application.verification.state_file import StateFile
from domain.barcode import BarcodeEvent
from domain.events import LedgerEvent, MovementRecorded, StockItemEvent

_STATE = msgspec.msgpack.Decoder(ItemState | CodeState | UnknownState)


class EventCheck:
    """Checks columns, values, rules and authors of events."""

    def __init__(
        self, ledger: Ledger, state: StateFile, findings: Findings, authors: AuthorCheck
    ) -> None:
        self._ledger = ledger
        self._state = state
        self._findings = findings
        self._authors = authors

    def check(self, rows: Sequence[EventRow]) -> list[Recorded[LedgerEvent]]:
        """Checks each event by itself, and against the state of its item or code. Returns those
        that can be read."""
        ids = {row.stream_id for row in rows}
        states: dict[bytes, State] = {
            one: _STATE.decode(value) for one, value in self._state.streams(ids).items()
        }
        recorded: list[Recorded[LedgerEvent]] = []
        for row in rows:
            event = self.decoded(row)
            if event is None:
                if isinstance(row.version, int):
                    states[row.stream_id] = UnknownState(row.version)
                continue
            before = states.get(row.stream_id)
            states[row.stream_id] = self._check_rules(before, event, row)
            self._authors.check(row.position, event)
            recorded.append(Recorded(row.position, event))
        self._state.save_streams(
            (one, msgspec.msgpack.encode(state)) for one, state in states.items()
        )
        return recorded

    def decoded(self, row: EventRow) -> LedgerEvent | None:
        """Decodes an event, and checks its columns."""
        if not is_well_formed(row):
            self._findings.add(
                Kind.MALFORMED_ROW, "a column has another type", position=row.position
            )
            return None
        try:
            stored = StoredEvent(row.stream, row.version, row.topic.decode(), row.state)
            event = cast("LedgerEvent", self._ledger.mapper.to_domain_event(stored))
            require_storable(event)
        except Exception as error:  # noqa: BLE001 -- damaged bytes may cause any
            self._findings.add(Kind.UNREADABLE_EVENT, str(error), position=row.position)
            return None
        wanted = local_id(event)
        if row.local_id != (wanted and wanted.bytes):
            self._findings.add(
                Kind.LOCAL_ID_DIFFERS,
                "the column local_id is not that of the event",
                position=row.position,
                expected=wanted,
                found=row.local_id,
            )
        return event

    def check_voids(self, recorded: Sequence[Recorded[LedgerEvent]]) -> None:
        """Checks each VOID against the movement that it voids."""
        voids = [
            (position, event)
            for position, event in recorded
            if isinstance(event, MovementRecorded) and event.voids is not None
        ]
        if not voids:
            return
        wanted = [event.voids for _, event in voids if event.voids is not None]
        with self._findings.unreadable("the index of localId", position=voids[0][0]):
            originals = self._ledger.recorded_under(wanted)
            self._compare_voids(voids, originals)

    def _check_rules(self, before: State | None, event: LedgerEvent, row: EventRow) -> State:
        """Returns the state after the event."""
        try:
            problems = problems_of(before, event, row.state)
        except Exception as error:  # noqa: BLE001 -- damaged values may cause any
            problems = [f"its values can't be judged: {error}"]
        for problem in problems:
            self._findings.add(
                Kind.RULE_BROKEN, problem, position=row.position, subject=str(event.originator_id)
            )
        return _state_after(event)

    def _compare_voids(
        self,
        voids: Sequence[tuple[int, MovementRecorded]],
        originals: Mapping[UUID, Recorded[MovementRecorded]],
    ) -> None:
        for position, event in voids:
            original = originals.get(cast("UUID", event.voids))
            earlier = original.event if original and original.position < position else None
            for problem in void_problems(event, earlier):
                self._findings.add(
                    Kind.RULE_BROKEN,
                    problem,
                    position=position,
                    subject=str(event.originator_id),
                )


def _state_after(event: LedgerEvent) -> State:
    if isinstance(event, BarcodeEvent):
        return CodeState.after(event)
    return ItemState.after(cast("StockItemEvent", event))
