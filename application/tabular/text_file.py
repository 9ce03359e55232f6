"""The text of a file whose encoding is proved or named, never guessed.

Valid UTF-8 and a byte order mark are proofs. The encodings of single countries, such as
windows-1250, windows-1252 and Shift JIS, can't be told apart.
"""

import codecs
from collections.abc import Iterator
from io import SEEK_END, IncrementalNewlineDecoder, StringIO
from typing import BinaryIO, Final

from application.tabular.errors import UnreadableFile
from domain.limits import printable

MAX_LINE_LENGTH: Final = 1_000_000
"""Characters."""

_CHUNK: Final = 65_536
"""Bytes that are read at once."""

_ADVICE: Final = (
    "save the file as CSV UTF-8, or name its encoding, such as windows-1252 or utf-16-le "
    "(--encoding, or encoding=)"
)

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of .xlsx and .ods, and of .xls."""

_NOT_OF_FILES: Final = frozenset(
    {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Encodings of Python that no spreadsheet writes. Some need the whole text in memory."""


class TextFile:
    """The lines of a seekable file, in bounded memory. They can be read many times."""

    def __init__(self, file: BinaryIO, encoding: str | None = None) -> None:
        """`encoding`: its name; None to take what the file proves. Raises UnreadableFile."""
        self._file = file
        self.size = file.seek(0, SEEK_END)
        """Bytes."""
        self.position = 0
        """Bytes that the newest reader of the lines has read."""
        self.encoding = _encoding_of(next(self._chunks()), encoding)
        self._require_text()
        if not codecs.lookup(self.encoding).name.startswith("utf"):
            self._require_not_utf_8()

    def lines(self) -> Iterator[str]:
        """Yields the lines with their ends: LF, CR LF or CR. Raises UnreadableFile: one is too
        long."""
        rest, number = "", 0
        decoder = self._decoder(translate=False)
        for chunk in self._chunks():
            text = rest + decoder.decode(chunk, final=not chunk)
            rest = ""
            for line in StringIO(text, newline=""):
                if line[-1] in "\r\n":
                    number += 1
                    yield line
                else:
                    rest = line
            if len(rest) > MAX_LINE_LENGTH:
                raise UnreadableFile("the line is too long: is this a CSV file?", number + 1)
        if rest:
            yield rest

    def _chunks(self) -> Iterator[bytes]:
        """Yields the bytes of the file, and at its end an empty chunk."""
        position, chunk = 0, b"\0"
        while chunk:
            self._file.seek(position)
            chunk = self._file.read(_CHUNK)
            position += len(chunk)
            self.position = position
            yield chunk

    def _decoder(self, *, translate: bool) -> IncrementalNewlineDecoder:
        """`translate`: whether every line end becomes LF. No chunk ends within a CR LF."""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        return IncrementalNewlineDecoder(decoder, translate=translate)

    def _require_text(self) -> None:
        """Raises UnreadableFile: the file is not text in its encoding."""
        line = 1
        decoder = self._decoder(translate=True)
        for chunk in self._chunks():
            state = decoder.getstate()
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError:
                decoder.setstate(state)
                problem = f"this is not text in {self.encoding}: {_ADVICE}"
                raise UnreadableFile(problem, line + _ends_before_error(decoder, chunk)) from None
            if "\0" in text:
                problem = f"a NUL is not text in {self.encoding}: {_ADVICE}"
                raise UnreadableFile(problem, line + text.count("\n", 0, text.index("\0")))
            line += text.count("\n")

    def _require_not_utf_8(self) -> None:
        """Raises UnreadableFile: the file proves that it is UTF-8, so the named encoding is wrong.

        Text of another encoding that has letters outside ASCII is almost never valid UTF-8.
        """
        decoder, is_ascii = codecs.getincrementaldecoder("utf-8")(), True
        for chunk in self._chunks():
            is_ascii = is_ascii and chunk.isascii()
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeError:
                return
        if not is_ascii:
            raise UnreadableFile(
                f"the file is in UTF-8, and not in {self.encoding}: leave out the encoding "
                "(--encoding, or encoding=)"
            )


def _encoding_of(start: bytes, named: str | None) -> str:
    """Returns the encoding of the file that starts with these bytes."""
    if start.startswith(_WORKBOOKS):
        raise UnreadableFile("this is a workbook, not a CSV file: save it as CSV UTF-8")
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    if named is not None:
        _require_encoding(named, marked)
        return marked or named
    if marked is None and start.count(0) * 4 > len(start):
        raise UnreadableFile(
            "this is probably UTF-16 without a byte order mark: save the file as CSV UTF-8, or "
            "name its encoding, utf-16-le or utf-16-be (--encoding, or encoding=)",
            1,
        )
    return marked or "utf-8"


def _require_encoding(named: str, marked: str | None) -> None:
    """Raises UnreadableFile: there is no such encoding, or the file is marked as another one."""
    try:
        "".encode(named)
        known = codecs.lookup(named).name
    except (LookupError, ValueError):
        known = ""
    if not known or known in _NOT_OF_FILES:
        raise UnreadableFile(
            f"the encoding {printable(named[:40])} is not known: name one such as utf-8, "
            "windows-1252 or shift_jis (--encoding, or encoding=)"
        )
    if marked and not known.startswith(marked.removesuffix("-sig")):
        raise UnreadableFile(
            f"the file begins with the byte order mark of {marked}, so it is not in {known}: "
            "leave out the encoding (--encoding, or encoding=)"
        )


def _ends_before_error(decoder: IncrementalNewlineDecoder, chunk: bytes) -> int:
    """Returns the number of line ends before the first byte that can't be decoded."""
    ends = 0
    try:
        for place in range(len(chunk)):
            ends += decoder.decode(chunk[place : place + 1]).count("\n")
    except UnicodeError:
        pass
    return ends
