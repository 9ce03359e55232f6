"""What an archive keeps beside the events: keys, rejected transactions, audit trail and
checkpoints."""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from application.archive.layout import DamagedArchive
from application.persistence.filters import AuditFilter
from application.persistence.recorder import LedgerRecorder
from application.tables.access import API_KEYS, AUDIT_LOG
from application.tables.properties import COPIED_PROPERTIES, PROPERTIES
from application.tables.rejected import REJECTED
from application.tables.table import Table
from application.tables.tree import CHECKPOINTS, DECLARATIONS

WHOLE: Final[tuple[Table[Any], ...]] = (PROPERTIES, API_KEYS, REJECTED, DECLARATIONS)
"""Tables that each run keeps whole."""

GROWING: Final[tuple[Table[Any], ...]] = (AUDIT_LOG, CHECKPOINTS)
"""Tables of which each run keeps what is new."""

ROWS_PER_READ: Final = 1_000

_BY_NAME: Final[Mapping[str, Table[Any]]] = {table.name: table for table in (*WHOLE, *GROWING)}

Row = tuple[Any, ...]


class Kept(NamedTuple):
    """The rows of one run, by table."""

    data: bytes
    """The file: lines of JSON, compressed."""
    last_audit_id: str | None
    last_checkpoint_id: str


def keep(
    recorder: LedgerRecorder, *, after_audit: str | None, after_checkpoint: str, upto: str
) -> Kept:
    """Reads what belongs to the ledger beside the events.

    Args:
        recorder: the ledger.
        after_audit: id of the last audit entry that is kept already.
        after_checkpoint: id of the last checkpoint that is kept already.
        upto: id of the last checkpoint to keep.
    """
    audit = _audit_after(recorder, None if after_audit is None else UUID(after_audit))
    checkpoints = [
        one for one in _checkpoints_after(recorder, after_checkpoint) if one.checkpoint_id <= upto
    ]
    with recorder.unit_of_work() as unit_of_work:
        whole = {table: unit_of_work.rows(table) for table in WHOLE}
    whole[PROPERTIES] = [row for row in whole[PROPERTIES] if row.name in COPIED_PROPERTIES]
    lines = [
        *(_line(table, row) for table, rows in whole.items() for row in rows),
        *(_line(AUDIT_LOG, row) for row in audit),
        *(_line(CHECKPOINTS, row) for row in checkpoints),
    ]
    return Kept(
        gzip.compress(b"".join(lines), mtime=0),
        str(audit[-1].entry_id) if audit else after_audit,
        checkpoints[-1].checkpoint_id if checkpoints else after_checkpoint,
    )


def read_kept(data: bytes) -> dict[str, list[Row]]:
    """Reads the rows of a run, by the name of the table. Raises DamagedArchive."""
    found: dict[str, list[Row]] = {name: [] for name in _BY_NAME}
    try:
        for line in gzip.decompress(data).splitlines():
            name, values = msgspec.json.decode(line, type=tuple[str, msgspec.Raw])
            found[name].append(msgspec.json.decode(values, type=_BY_NAME[name].row))
    except (OSError, EOFError, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise DamagedArchive(f"the tables beside the events can't be read: {error}") from error
    return found


def _line(table: Table[Any], row: Row) -> bytes:
    return msgspec.json.encode((table.name, row)) + b"\n"


def _audit_after(recorder: LedgerRecorder, after: UUID | None) -> Sequence[Any]:
    """Returns the audit entries after an id, oldest first."""

    def newest_first(before: UUID | None) -> Sequence[Any]:
        return recorder.select_audit(AuditFilter(), before=before, limit=ROWS_PER_READ)

    new = [row for row in _pages(newest_first, lambda row: row.entry_id) if _is_after(row, after)]
    return new[::-1]


def _is_after(row: Any, after: UUID | None) -> bool:
    return after is None or row.entry_id > after


def _checkpoints_after(recorder: LedgerRecorder, after: str) -> Iterable[Any]:
    def page(last: str | None) -> Sequence[Any]:
        return recorder.select_checkpoints(after=last or after, limit=ROWS_PER_READ)

    return _pages(page, lambda row: row.checkpoint_id)


def _pages(page: Callable[[Any], Sequence[Any]], key: Callable[[Any], Any]) -> Iterator[Any]:
    last = None
    while rows := page(last):
        yield from rows
        last = key(rows[-1])
