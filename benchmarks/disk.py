"""What a transaction costs on disk: bytes by table and index, and bytes of the write-ahead log."""

import os
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, Final, NamedTuple

from application.persistence.recorder import LedgerRecorder
from benchmarks.databases import Database
from benchmarks.workload import CALLER, Workload, new_workload

BATCH: Final = 1_000

_SQLITE: Final = """
SELECT s.tbl_name, s.name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s USING (name)
GROUP BY s.name
"""
_POSTGRES: Final = """
SELECT t.relname, t.relname, pg_table_size(t.oid)
FROM pg_class AS t WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT t.relname, i.relname, pg_relation_size(i.oid)
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS t ON t.oid = x.indrelid
WHERE t.relnamespace = current_schema()::regnamespace
"""
_WAL: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'"


class Part(NamedTuple):
    """Bytes of a transaction in one place."""

    name: str
    bytes: float


def parts(database: Database, batches: int) -> Iterator[Part]:
    """Records batches, and yields the bytes that a transaction added in each place, and to the log.
    Leaves out places with less than a byte."""
    with new_workload(database, items=1_000) as workload:
        sizes = _sizes(workload.ledger.recorder)
        logged = [_logged(workload, number) for number in range(batches)]
        for name, size in _sizes(workload.ledger.recorder).items():
            added = (size - sizes[name]) / (batches * BATCH)
            if added >= 1:
                yield Part(name, added)
        # A checkpoint may begin the log again.
        yield Part("write-ahead log", median(one for one in logged if one > 0) / BATCH)


def _logged(workload: Workload, number: int) -> int:
    """Records one batch. Returns the bytes that it added to the log."""
    position = _log_position(workload)
    before = position()
    workload.sync.sync(workload.batch(BATCH, first=number * BATCH), CALLER)
    return position() - before


def _log_position(workload: Workload) -> Callable[[], int]:
    if workload.database_url.startswith("sqlite"):
        log = f"{workload.database_url.removeprefix('sqlite:///')}-wal"
        return lambda: os.path.getsize(log)  # noqa: PTH202 -- the log of an open database
    return lambda: int(_rows(workload.ledger.recorder, _WAL)[0][0])


def _sizes(recorder: LedgerRecorder) -> dict[str, int]:
    """Bytes by table and index. An index is named by its columns."""
    is_sqlite = "sqlite" in type(recorder).__module__
    rows = _rows(recorder, _SQLITE if is_sqlite else _POSTGRES)
    return {_readable(table, name): int(size) for table, name, size in rows}


def _readable(table: str, name: str) -> str:
    """Without the random part that index names end with."""
    if name == table:
        return table
    columns = name.removeprefix(f"{table}_")
    stem, _, last = columns.rpartition("_")
    return f"{table}: {stem if len(last) == 8 and stem else columns}"


def _rows(recorder: LedgerRecorder, query: str) -> list[tuple[Any, ...]]:
    with recorder.reading() as run:  # type: ignore[attr-defined]
        return [tuple(row) for row in run(query, ())]
