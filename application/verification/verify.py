"""Verification of a whole ledger, in one pass over its events. Servers may keep writing."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from application.ledger.ledger import Ledger
from application.persistence.tree_reader import EventRow
from application.projections.projection import Recorded
from application.sealing.identity import read_identity, trusted_verifiers
from application.tables.access import API_KEYS
from application.verification.author_check import AuthorCheck
from application.verification.event_check import EventCheck
from application.verification.event_reader import EventReader
from application.verification.findings import Findings, Kind
from application.verification.key_check import KeyCheck
from application.verification.read_model_check import ReadModelCheck
from application.verification.state_file import FORMAT, StateFile
from application.verification.tree_check import Claim, Scrubbed, TreeCheck
from proof.note import Verifier
from proof.tiles import TILE_WIDTH, Edge

BEFORE_ALL: Final = -(2**63)
"""Below every position that a database can hold."""

CATCH_UP_SECONDS: Final = 60.0
"""Seconds to wait for writers that are at work."""

CATCH_UP_PAUSE_SECONDS: Final = 0.05

Progress = Callable[[str, int, int], None]
"""Progress callback: the current step, the position reached, and that of its end."""


class Options(NamedTuple):
    """What a verification checks, beside the events."""

    verifiers: Sequence[Verifier] = ()
    """Keys that may sign checkpoints. None: those that the ledger knows."""
    checkpoints: Sequence[Claim] = ()
    """Trusted checkpoints, from elsewhere."""
    scrub: float = 0.0
    """The part of the events checked before that is read again, from 0 to 1."""
    storage: bool = True
    """Whether the database checks its own files."""


class Verified(NamedTuple):
    """The result of a verification."""

    events: int
    position: int
    """Of the last event."""
    root: bytes
    """Of the tree of these events."""
    streams: int
    """Items and codes."""
    is_complete: bool
    """Whether all events were read now, not only the new ones."""
    findings: int
    warnings: int
    skipped: str | None
    """What was not checked, and why."""
    finished_at: datetime


def verify(
    ledger: Ledger,
    state: StateFile,
    findings: Findings,
    options: Options,
    *,
    now: Callable[[], datetime],
    progress: Progress,
) -> Verified:
    """Checks events, tree, items, unique keys, read models, authors and storage.

    Goes on after a finding. A verification that was killed goes on where its state file ends.

    Raises:
        StoreUnavailable: the database or the state file can't be used.
    """
    return _Verification(ledger, state, findings, options, progress).run(now)


class _Verification:
    def __init__(
        self,
        ledger: Ledger,
        state: StateFile,
        findings: Findings,
        options: Options,
        progress: Progress,
    ) -> None:
        self._ledger = ledger
        self._recorder = ledger.recorder
        self._state = state
        self._findings = findings
        self._options = options
        self._progress = progress
        saved = self._saved_progress()
        self._position = int(saved.get("position", BEFORE_ALL))
        self._scrubbed = int(saved.get("scrubbed", 0))
        self._first_size = int(saved.get("size", 0))
        edge = Edge(saved.get("levels", ()), size=self._first_size)
        self._tree = TreeCheck(
            self._recorder,
            self._verifiers(),
            options.checkpoints,
            findings,
            edge,
            int(saved.get("edge_after", BEFORE_ALL)),
        )
        self._events = EventReader(self._recorder, findings)
        self._keys = KeyCheck(self._recorder, findings)
        self._read_models = ReadModelCheck(self._recorder, state, findings)
        authors = AuthorCheck(self._api_keys(), findings)
        self._event_check = EventCheck(ledger, state, findings, authors)

    def run(self, now: Callable[[], datetime]) -> Verified:
        is_complete = self._first_size == 0
        if not is_complete:
            with self._findings.unreadable("events that were verified before"):
                self._check_again(self._tree.scrub_edge(self._position))
        self._read_upto(self._recorder.head())
        self._read_models.compare_streams(self._position)
        self._catch_up()
        self._tree.finish(self._position)
        self._read_models.finish(self._position)
        self._scrub()
        skipped = self._check_storage()
        return Verified(
            self._tree.edge.size,
            max(self._position, 0),
            self._tree.edge.root(),
            self._state.count_streams(),
            is_complete,
            self._findings.disproving,
            self._findings.warnings,
            skipped,
            now(),
        )

    def _saved_progress(self) -> dict[str, Any]:
        """Returns where the last verification of this ledger ended. Begins anew for another one,
        for another epoch, and if the events of then are lost."""
        epoch = read_identity(self._recorder).epoch
        owner = f"{FORMAT} {self._ledger.bookmark_key.hex()} {epoch}"
        saved = self._state.progress()
        if saved.get("owner") == owner:
            position = saved.get("position", BEFORE_ALL)
            if position <= self._recorder.head():
                return saved
            self._findings.add(
                Kind.EVENTS_LOST, f"events were verified before up to position {position}"
            )
        self._state.clear()
        with self._state.commit():
            self._state.save_progress({"owner": owner})
        return {}

    def _verifiers(self) -> list[Verifier]:
        with self._findings.unreadable("declarations"):
            return trusted_verifiers(self._recorder, self._options.verifiers)
        return [*self._options.verifiers]

    def _api_keys(self) -> dict[str, Any]:
        with self._findings.unreadable("api_keys"), self._recorder.unit_of_work() as unit_of_work:
            return {row.key_id: row for row in unit_of_work.rows(API_KEYS)}
        return {}

    def _read_upto(self, head: int) -> None:
        while self._position < head:
            rows, end = self._events.read(self._position, head)
            for chunk in self._cut(rows):
                self._check_chunk(chunk)
            if end > self._position:
                self._check_gap(end)
            self._progress("verify", max(self._position, 0), head)

    def _catch_up(self) -> None:
        """Reads what was recorded meanwhile, up to the rows that were read."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        self._read_upto(self._recorder.head())
        while self._is_behind() and time.monotonic() < deadline:
            time.sleep(CATCH_UP_PAUSE_SECONDS)
            self._read_upto(self._recorder.head())

    def _is_behind(self) -> bool:
        """Whether a row is of an event that is visible, but not settled yet: another writer is
        still at work."""
        return any(
            self._recorder.select_rows_after(position - 1, 1, upto=position)
            for position in self._read_models.watched_positions()
        )

    def _cut(self, rows: Sequence[EventRow]) -> Iterator[Sequence[EventRow]]:
        """Yields the rows in pieces that end at watched positions."""
        rest = list(rows)
        for watched in self._read_models.watched_positions():
            piece = [row for row in rest if row.position <= watched]
            if piece:
                yield piece
                rest = rest[len(piece) :]
        if rest:
            yield rest

    def _check_gap(self, end: int) -> None:
        """Goes on to a position up to which there are no further events."""
        with self._state.commit():
            self._read_models.compare_chunk([], self._after(), end)
            self._position = end
            self._save_progress()

    def _check_chunk(self, rows: Sequence[EventRow]) -> None:
        with self._state.commit():
            for row in rows:
                self._tree.add(row)
            recorded = self._event_check.check(rows)
            self._keys.check(recorded, rows)
            self._event_check.check_voids(recorded)
            position = rows[-1].position
            with self._findings.unreadable(
                "the values of events", position=rows[0].position, upto=position
            ):
                self._read_models.compare_chunk(recorded, self._after(), position)
                self._read_models.save(recorded, position)
            self._position = position
            self._save_progress()

    def _after(self) -> int | None:
        return None if self._position == BEFORE_ALL else self._position

    def _save_progress(self) -> None:
        edge = self._tree.edge
        self._state.save_progress(
            {
                "position": self._position,
                "size": edge.size,
                "levels": edge.levels,
                "edge_after": self._tree.edge_after,
                "scrubbed": self._scrubbed,
            }
        )

    def _scrub(self) -> None:
        """Reads a part of the tiles again that an earlier verification has read."""
        tiles = self._first_size // TILE_WIDTH
        wanted = min(tiles, -int(-tiles * self._options.scrub // 1))
        for number in range(wanted):
            scrubbed = None
            with self._findings.unreadable("events that were verified before"):
                scrubbed = self._tree.scrub((self._scrubbed + number) % tiles)
            if scrubbed is not None:
                self._check_again(scrubbed)
            self._progress("scrub", number + 1, wanted)
        if wanted:
            self._scrubbed = (self._scrubbed + wanted) % tiles
            with self._state.commit():
                self._save_progress()

    def _check_again(self, scrubbed: Scrubbed) -> None:
        """Checks what belongs to events that an earlier verification has read: columns, unique keys
        and rows of read models."""
        decoded = [(row.position, self._event_check.decoded(row)) for row in scrubbed.rows]
        recorded = [Recorded(position, event) for position, event in decoded if event is not None]
        self._keys.check(recorded, scrubbed.rows)
        with self._findings.unreadable(
            "the values of events", position=scrubbed.after + 1, upto=scrubbed.upto
        ):
            self._read_models.compare_chunk(recorded, scrubbed.after, scrubbed.upto)

    def _check_storage(self) -> str | None:
        for setting in self._recorder.unsafe_settings():
            self._findings.add(Kind.UNSAFE_SETTING, setting)
        if not self._options.storage:
            return "the check of the database itself"
        self._progress("storage", 0, 1)
        found = self._recorder.check_storage()
        for problem in found.problems:
            self._findings.add(Kind.STORAGE_DAMAGED, problem)
        self._progress("storage", 1, 1)
        return found.skipped
