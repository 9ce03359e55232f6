"""The error of a file that can't be read as a whole.

Rejection
  UnreadableFile     no row of the file can be read before something is done about it
"""

from collections.abc import Iterable
from typing import Final

from domain.errors import Rejection
from domain.limits import printable

_MAX_SHOWN: Final = 10
"""Texts of a file in one message."""

_MAX_SHOWN_LENGTH: Final = 40
"""Characters of each."""


class UnreadableFile(Rejection):
    """The file can't be read. The message says what to do."""

    code = "UNREADABLE_FILE"

    def __init__(self, problem: str, line: int | None = None) -> None:
        """`line`: the first of the lines that the problem is about, counted from 1."""
        super().__init__(
            problem if line is None else f"line {line}: {problem}",
            problem=problem,
            **({} if line is None else {"line": line}),
        )


def shown(texts: Iterable[str]) -> str:
    """Returns the first texts of a file, as a list for a message."""
    given = list(texts)
    some = [f'"{_shortened(printable(text))}"' for text in given[:_MAX_SHOWN]]
    return ", ".join(some) + (", ..." if len(given) > _MAX_SHOWN else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}..."
