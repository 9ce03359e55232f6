"""The meaning of text cells, and their protection from spreadsheets.

A spreadsheet runs a text that begins with = as a formula (OWASP: CSV injection), and turns a code
of digits into a number. So texts that could be formulas are written with an apostrophe before
them, and texts that a spreadsheet has damaged are refused. Whoever means such a text marks it as
literal: '1-Mar, or ="1-Mar".
"""

import re
from collections.abc import Callable
from typing import Final

from application.tabular import damage
from domain.barcode import is_gtin

_SIGNS: Final = "=+@\uff1d\uff0b\uff0d\uff20-"
"""Includes the full-width forms, which some spreadsheets take for the same."""

_FORMULA_STARTS: Final = f"{_SIGNS}\t\r\n"

_GUARD: Final = "'"

_SEPARATORS: Final = ";|\t\r\n"
"""A spreadsheet of another country may divide a text here. A quotation mark does not hinder it: the
text does not begin with one if a comma does not separate. After the separator, it drops it."""

_UNGUARDED_INSIDE: Final = re.compile(rf"""([{_SEPARATORS}])(?=['"]*[{_SIGNS}])""")
_GUARDED_INSIDE: Final = re.compile(rf"""([{_SEPARATORS}])'(?=['"]*[{_SIGNS}])""")

_TEXT_MARKER: Final = re.compile(r'="((?:[^"]|"")*)"')
"""A formula whose result is a text. Excel keeps such a text as it is: ="0012"."""

_IN_GROUPS: Final = re.compile(r"[0-9]+(?:[ \u00a0\u202f.,'\u2019-]+[0-9]+)+")
_NO_DIGITS: Final = re.compile(r"[^0-9]+")
_LONG_GTIN: Final = 12
"""Digits. A shorter code with hyphens, such as 12-34-56-70, is a GTIN by chance too often."""


def guarded(text: str) -> str:
    """Returns the text as a cell that no spreadsheet takes for a formula, and `text_of` reads."""
    cell = _UNGUARDED_INSIDE.sub(r"\1'", text)
    is_formula = cell.startswith(tuple(_FORMULA_STARTS))
    return _GUARD + cell if is_formula or _is_guarded(cell) or not _is_kept(text) else cell


def guarded_for(text: str, read: Callable[[str], str]) -> str:
    """Returns the text as such a cell, from which `read` gets it back."""
    cell = guarded(text)
    try:
        is_same = read(cell) == text
    except ValueError:
        is_same = False
    return cell if is_same else _GUARD + cell


def unguarded(text: str) -> str:
    """Returns the text without guarding apostrophes. Other apostrophes stay: 's Gravenhage."""
    return _unguarded_inside(text[1:] if _is_guarded(text) else text)


def plain_text(cell: str) -> str:
    """Returns the text that a cell means, without outer spaces, though it may be damaged."""
    stripped = cell.strip()
    marked = _marked(stripped)
    return unguarded(stripped) if marked is None else marked


def text_of(cell: str) -> str:
    """Returns the text that a cell means, without outer spaces. Raises ValueError: it is damaged,
    such as an error value of the spreadsheet."""
    text = plain_text(cell)
    if not is_literal(cell):
        damage.require_undamaged(text)
    return text


def sku_of(cell: str) -> str:
    """Returns the SKU that a cell means. Raises ValueError: it is damaged, or became a number or a
    date."""
    text = text_of(cell)
    if not is_literal(cell):
        damage.require_no_number(text)
        damage.require_no_decimals(text)
    return text


def code_of(cell: str) -> str:
    """Returns the barcode, or other code, that a cell means.

    Raises:
        ValueError: it is damaged, a spreadsheet took it for a number and its digits may be lost, or
            it is not exactly one code.
    """
    text = text_of(cell)
    if is_literal(cell):
        return text
    damage.require_no_number(text)
    text = damage.without_decimals(text)
    damage.require_leading_zeros(text)
    digits = _NO_DIGITS.sub("", text)
    if _IN_GROUPS.fullmatch(text) and is_gtin(digits):
        return digits if "-" not in text or len(digits) >= _LONG_GTIN else text
    damage.require_one_code(text)
    return text


def is_literal(cell: str) -> bool:
    """Whether somebody marked the text of the cell as right, so no spreadsheet has changed it."""
    stripped = cell.strip()
    return _marked(stripped) is not None or _is_guarded(stripped)


def _is_guarded(text: str) -> bool:
    """Whether the first apostrophe guards what follows. It does if that needs it."""
    following = text[1:2]
    return text.startswith(_GUARD) and (
        following.isdecimal()
        or following.startswith(tuple(_GUARD + _FORMULA_STARTS))
        or damage.is_suspicious(_unguarded_inside(text[1:]))
    )


def _is_kept(text: str) -> bool:
    try:
        damage.require_undamaged(text)
    except ValueError:
        return False
    return True


def _unguarded_inside(text: str) -> str:
    return _GUARDED_INSIDE.sub(r"\1", text)


def _marked(stripped: str) -> str | None:
    """Returns the text inside a text marker; None if there is none."""
    found = _TEXT_MARKER.fullmatch(stripped)
    return found[1].replace('""', '"').strip() if found else None
