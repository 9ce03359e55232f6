"""Texts that a spreadsheet has damaged: error values, and codes that became numbers or dates.

A damaged text can't be repaired: what is lost is lost. So it is refused, with advice. Every check
here raises ValueError, with a message that can follow the name of a column.
"""

import re
from collections.abc import Callable
from typing import Final

from application.tabular.dates import is_date
from domain.barcode import is_gtin

_LOST_CHARACTER: Final = "\ufffd"
"""What a program writes for a character that it could not read."""

_ERROR: Final = re.compile(r"#[¡¿]?[^\W\d_][\w/]*[!?]|#{3,}")
"""Such as #REF! and #¿NOMBRE?, and what a spreadsheet shows if a column is too narrow."""
_ERRORS_WITHOUT_SIGN: Final = frozenset(
    (
        *("#N/A", "#NV", "#N/D", "#ND", "#N/B", "#N/V", "#I/T", "#YOK", "#HIÁNYZIK", "#SAKNAS"),
        *("#Н/Д", "#NENÍ_K_DISPOZICI", "#GETTING_DATA", "#DATEN_ABRUFEN"),  # noqa: RUF001 -- Russian
    )
)
_NUMBERED_ERROR: Final = re.compile(
    r"(?:Err|Error|Erreur|Erro|Errore|Fehler|Fout|Feil|Fel|Fejl|Błąd) ?: ?[0-9]{3}", re.IGNORECASE
)

_SCIENTIFIC: Final = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:[.,][0-9]+)?E|[0-9][.,][0-9]+e)[+-][0-9]{2,3}"
)
_ROUNDED: Final = re.compile(r"[1-9][0-9]{14}0+")
"""A spreadsheet keeps 15 digits of a number, and writes zeros for the others."""
_WITH_DECIMALS: Final = re.compile(r"([0-9]+)[.,]0+")
_LOST_ZEROS: Final = re.compile(r"[0-9]{7}|[0-9]{9,11}")
_PADDED_SIZES: Final = (8, 12)
"""Digits of the GTINs that often begin with zeros."""

_BETWEEN_CODES: Final = re.compile(r"[\s,;/|&+]+")
_PART_SIZES: Final = range(6, 15)
_WORDS: Final = r"(?:EAN|GTIN|UPC|ISBN|JAN|bar ?code|code|Strichcode)"
_LABELLED: Final = re.compile(
    rf"(?:{_WORDS}[ -]?(?:8|12|13|14|A)?[\s.:#=-]*|[^\W\d_][\w .-]{{0,19}}[:=#]\s*)"
    r"([0-9][0-9 -]{6,}[0-9])"
    r"|([0-9]{8,14})\s+\(?[^\W\d_]+\)?",
    re.IGNORECASE,
)

_AS_TEXT: Final = "make the column a text column, enter it again, and save the file again"


def require_undamaged(text: str) -> None:
    """Checks a text of any column."""
    if _LOST_CHARACTER in text:
        raise ValueError(
            "has a character that another program could not read (U+FFFD): write it again"
            f"{_insisting(text)}"
        )
    if _is_error(text):
        raise ValueError(
            "is an error value of the spreadsheet: correct the cell, and save the file again"
            f"{_insisting(text)}"
        )


def require_no_number(text: str) -> None:
    """Checks a SKU or code: whether it became a number or a date, and is not the same any more."""
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            f"was turned into a number by a spreadsheet, and digits are lost: {_AS_TEXT}"
        )
    if _ROUNDED.fullmatch(text):
        raise ValueError(
            "was probably rounded by a spreadsheet, which keeps 15 digits: "
            f"{_AS_TEXT}{_insisting(text)}"
        )
    if is_date(text):
        raise ValueError(
            "is a date, which a spreadsheet makes of a text such as 1-2 or MAR1: "
            f"{_AS_TEXT}{_insisting(text)}"
        )


def without_decimals(text: str) -> str:
    """Returns a code without the decimals that a spreadsheet has added to a GTIN. Those of another
    code may be its own."""
    found = _WITH_DECIMALS.fullmatch(text)
    if found and is_gtin(found[1]):
        return found[1]
    require_no_decimals(text)
    return text


def require_no_decimals(text: str) -> None:
    """Checks a SKU or code: whether it became a number such as 12345.0."""
    if _WITH_DECIMALS.fullmatch(text):
        raise ValueError(
            "was turned into a number by a spreadsheet: make the column a text column, check the "
            f"code, and save the file again{_insisting(text)}"
        )


def require_leading_zeros(text: str) -> None:
    """Checks a code: whether it would be a GTIN with zeros before it."""
    if _LOST_ZEROS.fullmatch(text) and is_gtin(_with_zeros(text)):
        raise ValueError(
            "has probably lost leading zeros in a spreadsheet: write the full code "
            f"{_with_zeros(text)}{_insisting(text)}"
        )


def require_one_code(text: str) -> None:
    """Checks a code: whether it is several codes, or one with a word beside it."""
    parts = _BETWEEN_CODES.split(text)
    if len(parts) > 1 and any(map(is_gtin, parts)) and all(map(_may_be_code, parts)):
        raise ValueError(
            "has several codes: write each into a column of its own (code, code2), or into a "
            f"further row with the same sku{_insisting(text)}"
        )
    found = _LABELLED.fullmatch(text)
    digits = re.sub("[ -]", "", found[1] or found[2]) if found else ""
    if is_gtin(digits):
        raise ValueError(f"must be the code alone, {digits}{_insisting(text)}")


_CHECKS: Final[tuple[Callable[[str], None], ...]] = (
    require_undamaged,
    require_no_number,
    require_no_decimals,
    require_leading_zeros,
    require_one_code,
)


def is_suspicious(text: str) -> bool:
    """Whether one of the checks refuses the text."""
    for check in _CHECKS:
        try:
            check(text)
        except ValueError:
            return True
    return False


def _is_error(text: str) -> bool:
    if not text.startswith("#"):
        return ":" in text and _NUMBERED_ERROR.fullmatch(text) is not None
    upper = text.upper()
    # Excel writes them in capital letters, so #hello! is a text.
    is_named = upper == text and _ERROR.fullmatch(text) is not None
    return is_named or upper in _ERRORS_WITHOUT_SIGN


def _may_be_code(part: str) -> bool:
    return part.isdecimal() and len(part) in _PART_SIZES


def _insisting(text: str) -> str:
    """Returns the end of a message: how to say that the text is meant."""
    quoted = text.replace('"', '""')
    return f'; or, if it is right, ="{quoted}"'


def _with_zeros(digits: str) -> str:
    """Returns the digits with the leading zeros of a GTIN-8 or GTIN-12."""
    return next(digits.zfill(size) for size in _PADDED_SIZES if len(digits) <= size)
