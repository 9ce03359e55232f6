"""The file of an export, interrupted between any two steps."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from interface.cli import export


class Interrupted(BaseException):
    """What a signal's handler raises."""


@contextmanager
def interrupted_at(line: int) -> Iterator[None]:
    """Interrupts the code of the export at the line with this number, counted from 1."""
    left = line

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise Interrupted
        return trace if frame.f_code.co_filename != __file__ else None

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


def replace(path: Path, line: int) -> bool:
    """Replaces the file, and is interrupted at a line. Returns whether the line was reached."""
    try:
        with interrupted_at(line), export._opened(path, is_private=False) as file:
            file.write(b"new")
    except Interrupted:
        return True
    return False


# Between two steps of its opening, a file belongs to nobody who could close it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_export_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    line = 1
    path.write_text("old")
    while replace(path, line):
        assert [one.name for one in tmp_path.iterdir()] == ["old.csv"], line
        assert path.read_text() in {"old", "new"}
        line += 1
    assert line > 10
    assert path.read_text() == "new"
