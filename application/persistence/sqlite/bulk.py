"""Bulk statements: many rows in one statement.

`executemany` releases the interpreter's lock (GIL) for each row. If another thread computes, it
then waits up to 5 ms to get the lock back. With one such thread, a thousand rows took seconds. A
bulk statement waits once.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

ROWS_PER_STATEMENT: Final = (256, 128, 64, *range(32, 0, -1))
"""Rows per statement, the most first. One statement is enough for a small commit, and a few are for
a large one. There are few sizes, so their statements stay prepared. The widest table has 22
columns, and a statement takes up to 32,766 values."""


def in_bulk(
    flat: list[Any], columns: int, statement: Callable[[int], str]
) -> Iterator[tuple[str, list[Any]]]:
    """Bulk statements that write all rows, with their values.

    Args:
        flat: the values of all rows, one row after the other.
        columns: values per row.
        statement: returns the SQL for a number of rows.
    """
    start = 0
    for size in ROWS_PER_STATEMENT:
        while len(flat) - start >= size * columns:
            yield statement(size), flat[start : start + size * columns]
            start += size * columns


@cache
def values(rows: int, columns: int) -> str:
    """VALUES clause with `?` placeholders for these numbers of rows and columns.

    Without spaces, because apsw prepares a statement of more than 16,384 bytes anew each time.
    """
    row = f"({','.join('?' * columns)})"
    return f"VALUES {','.join([row] * rows)}"
