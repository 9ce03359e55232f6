"""The meaning of text cells, and their protection from spreadsheets.

A spreadsheet runs a text that begins with = as a formula (OWASP: CSV injection), and turns a code
of digits into a number. So texts that could be formulas are written with an apostrophe before
them, and codes that a spreadsheet has damaged are refused.
"""

import re
from collections.abc import Callable
from typing import Final

from domain.barcode import is_gtin

_FORMULA_STARTS: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""Includes the full-width forms of = + - @, which some spreadsheets take for the same."""

_GUARD: Final = "'"

_TEXT_MARKER: Final = re.compile(r'="((?:[^"]|"")*)"')
"""A formula whose result is a text. Excel keeps such a text as it is: ="0012"."""

_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]{1,3}(?:[.,][0-9]+)?E[+-][0-9]{2,3}")
_WITH_DECIMALS: Final = re.compile(r"([0-9]+)[.,]0+")
_IN_GROUPS: Final = re.compile(r"[0-9]+(?:[ \u00a0]+[0-9]+)+")
_LOST_ZEROS: Final = re.compile(r"[0-9]{7}|[0-9]{9,11}")
_PADDED_SIZES: Final = (8, 12)
"""Digits of the GTINs that often begin with zeros."""


def guarded(text: str) -> str:
    """Returns the text as a cell that no spreadsheet takes for a formula."""
    is_formula = text.startswith(tuple(_FORMULA_STARTS))
    return _GUARD + text if is_formula or unguarded(text) != text else text


def guarded_for(text: str, read: Callable[[str], str]) -> str:
    """Returns the text as such a cell, from which `read` gets it back."""
    cell = guarded(text)
    try:
        is_same = read(cell) == text
    except ValueError:
        is_same = False
    return cell if is_same else _GUARD + text


def unguarded(text: str) -> str:
    """Returns the text without one guarding apostrophe. Other apostrophes stay: 's Gravenhage."""
    return text[1:] if _is_guarded(text) else text


def text_of(cell: str) -> str:
    """Returns the text that a cell means, without outer spaces."""
    stripped = cell.strip()
    marked = _marked(stripped)
    return unguarded(stripped) if marked is None else marked


def sku_of(cell: str) -> str:
    """Returns the SKU that a cell means. Raises ValueError: it became a number without all of its
    digits."""
    text = text_of(cell)
    if not _is_literal(cell):
        _require_all_digits(text)
    return text


def code_of(cell: str) -> str:
    """Returns the barcode, or other code of digits, that a cell means.

    Raises:
        ValueError: a spreadsheet took it for a number, and its digits may be lost.
    """
    text = text_of(cell)
    if _is_literal(cell):
        return text
    _require_all_digits(text)
    if found := _WITH_DECIMALS.fullmatch(text):
        return _without_decimals(found[1])
    if _LOST_ZEROS.fullmatch(text) and is_gtin(_with_zeros(text)):
        raise ValueError(
            "has probably lost leading zeros in a spreadsheet: write the full code "
            f'{_with_zeros(text)}; or, if it is right, ="{text}"'
        )
    digits = "".join(text.split())
    return digits if _IN_GROUPS.fullmatch(text) and is_gtin(digits) else text


def _is_guarded(text: str) -> bool:
    following = text[1:2]
    return text.startswith(_GUARD) and (
        following.isdecimal() or following.startswith(tuple(_GUARD + _FORMULA_STARTS))
    )


def _marked(stripped: str) -> str | None:
    """Returns the text inside a text marker; None if there is none."""
    found = _TEXT_MARKER.fullmatch(stripped)
    return found[1].replace('""', '"').strip() if found else None


def _is_literal(cell: str) -> bool:
    """Whether somebody protected the cell from the spreadsheet, so its digits are right."""
    stripped = cell.strip()
    return _marked(stripped) is not None or (stripped[:1] == _GUARD and stripped[1:2].isdecimal())


def _require_all_digits(text: str) -> None:
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            "was turned into a number by a spreadsheet, and digits are lost: make the column a "
            "text column, enter the code again, and save the file again"
        )


def _without_decimals(digits: str) -> str:
    if not is_gtin(digits):
        raise ValueError(
            "was turned into a number by a spreadsheet: make the column a text column, check the "
            "code, and save the file again"
        )
    return digits


def _with_zeros(digits: str) -> str:
    """Returns the digits with the leading zeros of a GTIN-8 or GTIN-12."""
    return next(digits.zfill(size) for size in _PADDED_SIZES if len(digits) <= size)
