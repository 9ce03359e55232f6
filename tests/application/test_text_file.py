"""Text files: their lines, in bounded memory."""

from io import BytesIO

import pytest

from application.tabular.errors import UnreadableFile
from application.tabular.text_file import MAX_LINE_LENGTH, TextFile

pytestmark = pytest.mark.pure


def test_line_may_have_a_million_characters() -> None:
    longest = "é" * MAX_LINE_LENGTH
    assert list(TextFile(BytesIO(f"a\n{longest}".encode())).lines()) == ["a\n", longest]


def test_longer_line_is_refused() -> None:
    file = TextFile(BytesIO(b"a\n" + b"x" * (MAX_LINE_LENGTH + 1)))
    with pytest.raises(UnreadableFile, match=r"^line 2: the line is too long"):
        list(file.lines())


def test_line_without_end_is_not_read_to_the_end_of_the_file() -> None:
    file = TextFile(BytesIO(b"a\nb\r\n" + b"x" * 10 * MAX_LINE_LENGTH))
    lines = file.lines()
    assert [next(lines), next(lines)] == ["a\n", "b\r\n"]
    with pytest.raises(UnreadableFile, match=r"^line 3: the line is too long"):
        next(lines)
    assert file.position < 1.2 * MAX_LINE_LENGTH
