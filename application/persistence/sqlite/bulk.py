"""Many rows by one statement.

Each row of an `executemany` gives up the interpreter's lock and waits to have it back, behind a
thread that computes for up to 5 ms: a thousand rows took seconds beside one such thread. A
statement for many rows waits once.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

ROWS_PER_STATEMENT: Final = (250, 50, 10, 1)
"""Few sizes, so that the statements of each stay prepared. The widest table has 19 columns, and a
statement takes up to 32,766 values."""


def in_bulk(
    rows: Sequence[Sequence[Any]], statement: Callable[[int], str]
) -> Iterator[tuple[str, list[Any]]]:
    """The statements that write all the rows, with their values. `statement` says how so many rows
    are written."""
    start = 0
    for size in ROWS_PER_STATEMENT:
        while len(rows) - start >= size:
            yield statement(size), [*chain.from_iterable(rows[start : start + size])]
            start += size


@cache
def values(rows: int, columns: int) -> str:
    """A VALUES clause with so many rows of parameters."""
    row = f"({', '.join('?' * columns)})"
    return f"VALUES {', '.join([row] * rows)}"
