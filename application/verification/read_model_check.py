"""Checks that the read models are what the projections make of the events, both ways."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from application.persistence.recorder import LedgerRecorder
from application.projections import PROJECTIONS
from application.projections.projection import Projection, Recorded
from application.tables.table import Insert, Table, Update, Upsert, Write
from application.verification.findings import Findings, Kind
from application.verification.state_file import StateFile
from domain.events import LedgerEvent

ROWS_PER_READ: Final = 1_000

MAX_STRAYS: Final = 1_000

BY_POSITION: Final = tuple(one for one in PROJECTIONS if one.table.key == "position")
"""Projections that make one row of an event, and never change it."""

BY_STREAM: Final = tuple(one for one in PROJECTIONS if one.table.key != "position")
"""Projections with one row of an item or code: that of its last event."""

Row = tuple[Any, ...]


class ReadModelCheck:
    """Compares read models with the events that were read."""

    def __init__(self, recorder: LedgerRecorder, state: StateFile, findings: Findings) -> None:
        self._recorder = recorder
        self._state = state
        self._findings = findings
        self._watched: dict[int, list[tuple[Projection, Row]]] = {}
        """Rows of read models, by the position of their last event, which is still to be read."""

    def watched_positions(self) -> list[int]:
        """Returns positions at which `save` must see the rows: not the ones after later events."""
        return sorted(self._watched)

    def compare_chunk(
        self, recorded: Sequence[Recorded[LedgerEvent]], after: int | None, upto: int
    ) -> None:
        """Compares the rows of these events with those that the read models have between two
        positions. Raises StoreUnavailable."""
        for projection in BY_POSITION:
            rows = [
                row
                for write in projection.project(recorded)
                if isinstance(write, Insert)
                for row in write.rows
            ]
            table = projection.table
            expected = {row[0]: row for row in self._recorder.encode_rows(table, rows)}
            self._compare(table, expected, self._live(table, after, upto))

    def save(self, recorded: Sequence[Recorded[LedgerEvent]], position: int) -> None:
        """Saves the rows of items and codes after these events. Compares those that were watched
        for this position."""
        for projection in BY_STREAM:
            self._save(projection, projection.project(recorded))
        for projection, live in self._watched.pop(position, ()):
            key = _key_of(live)
            saved = self._state.rows(projection.table.name, [key])
            expected = self._encoded(projection, saved)
            self._compare(projection.table, expected, {key: live})

    def compare_streams(self, position: int) -> None:
        """Compares the rows of all items and codes, as of a position. Later ones are watched.

        Raises StoreUnavailable.
        """
        for projection in BY_STREAM:
            with self._findings.unreadable(projection.table.name):
                self._compare_pages(projection, position)

    def finish(self, position: int) -> None:
        """Finds rows that no event made, when all events up to that position were read."""
        for late in self._watched.values():
            for projection, row in late:
                self._add_surplus(projection.table, _key_of(row))
        self._watched = {}
        for projection in BY_POSITION:
            table = projection.table
            strays: Sequence[int] = ()
            with self._findings.unreadable(table.name):
                strays = self._recorder.select_strays(table, after=position, limit=MAX_STRAYS)
            for stray in strays:
                self._add_surplus(table, stray)

    def _compare_pages(self, projection: Projection, position: int) -> None:
        table = projection.table
        last: UUID | None = None
        finished = False
        while not finished:
            saved = self._state.rows_after(
                table.name, b"" if last is None else last.bytes, ROWS_PER_READ
            )
            live_rows = self._recorder.select_stored_rows(table, after=last, limit=ROWS_PER_READ)
            ends = [
                key
                for key, number in (
                    (saved[-1][0] if saved else b"", len(saved)),
                    (_key_of(live_rows[-1]) if live_rows else b"", len(live_rows)),
                )
                if number == ROWS_PER_READ
            ]
            end = min(ends, default=None)
            finished = end is None
            expected = self._encoded(projection, {k: v for k, v in saved if _upto(k, end)})
            live = {_key_of(row): row for row in live_rows}
            live = {key: row for key, row in live.items() if _upto(key, end)}
            later = self._watch_later(projection, live, position)
            self._compare(
                table,
                {key: row for key, row in expected.items() if key not in later},
                {key: row for key, row in live.items() if key not in later},
            )
            last = None if end is None else UUID(bytes=end)

    def _watch_later(
        self, projection: Projection, live: Mapping[bytes, Row], position: int
    ) -> set[bytes]:
        """Watches the rows that an event after the position has changed; returns their keys."""
        place = list(projection.table.columns).index("position")
        later = {
            key: row
            for key, row in live.items()
            if isinstance(row[place], int) and row[place] > position
        }
        for row in later.values():
            self._watched.setdefault(row[place], []).append((projection, row))
        return set(later)

    def _live(self, table: Table[Any], after: int | None, upto: int) -> dict[Any, Row]:
        live: dict[Any, Row] = {}
        start = after
        while True:
            rows: Sequence[Row] = ()
            with self._findings.unreadable(table.name, position=start, upto=upto):
                rows = self._recorder.select_stored_rows(
                    table, after=start, upto=upto, limit=ROWS_PER_READ
                )
            live |= {row[0]: row for row in rows}
            if len(rows) < ROWS_PER_READ:
                return live
            start = rows[-1][0]

    def _compare(
        self, table: Table[Any], expected: Mapping[Any, Row], live: Mapping[Any, Row]
    ) -> None:
        if expected == live:
            return
        for key in expected.keys() - live.keys():
            self._findings.add(
                Kind.ROW_MISSING, f"{table.name} lacks a row", subject=_subject(table, key)
            )
        for key in live.keys() - expected.keys():
            self._add_surplus(table, key)
        for key in expected.keys() & live.keys():
            for column, wanted, found in zip(table.columns, expected[key], live[key], strict=True):
                if wanted != found:
                    self._findings.add(
                        Kind.ROW_DIFFERS,
                        f"{table.name}.{column} is not what the events say",
                        subject=_subject(table, key),
                        expected=wanted,
                        found=found,
                    )

    def _add_surplus(self, table: Table[Any], key: Any) -> None:
        self._findings.add(
            Kind.ROW_SURPLUS,
            f"{table.name} has a row that no event made",
            subject=_subject(table, key),
        )

    def _save(self, projection: Projection, writes: Iterable[Write]) -> None:
        name = projection.table.name
        keys = {_bytes(key) for write in writes for key in _keys(write)}
        saved = self._state.rows(name, keys)
        rows = {key: _decoded(projection, value) for key, value in saved.items()}
        for write in writes:
            _apply(rows, write)
        self._state.save_rows(
            name, [(key, msgspec.msgpack.encode(row)) for key, row in rows.items()]
        )

    def _encoded(self, projection: Projection, saved: Mapping[bytes, bytes]) -> dict[bytes, Row]:
        rows = [_decoded(projection, value) for value in saved.values()]
        encoded = self._recorder.encode_rows(projection.table, rows)
        return {_key_of(row): row for row in encoded}


def _decoded(projection: Projection, value: bytes) -> Any:
    return msgspec.msgpack.decode(value, type=projection.table.row)


def _apply(rows: dict[bytes, Any], write: Write) -> None:
    match write:
        case Insert(new) | Upsert(new):
            rows.update({_bytes(row[0]): row for row in new})
        case Update(columns, values):
            for *changed, key in values:
                row = rows.get(_bytes(key))
                if row is not None:
                    changes = dict(zip(columns, changed, strict=True))
                    rows[_bytes(key)] = row._replace(**changes)


def _keys(write: Write) -> Iterator[Any]:
    if isinstance(write, Update):
        return (values[-1] for values in write.values)
    return (row[0] for row in write.rows)


def _key_of(row: Row) -> bytes:
    return _bytes(row[0])


def _bytes(key: Any) -> bytes:
    """A key as bytes: SQLite stores ids as bytes, PostgreSQL gives UUIDs. A damaged one may have
    any type."""
    if isinstance(key, UUID):
        return key.bytes
    return key if isinstance(key, bytes) else repr(key).encode()


def _upto(key: bytes, end: bytes | None) -> bool:
    return end is None or key <= end


def _subject(table: Table[Any], key: Any) -> str:
    readable = str(UUID(bytes=key)) if isinstance(key, bytes) and len(key) == 16 else key  # noqa: PLR2004
    return f"{table.name} {readable}"
