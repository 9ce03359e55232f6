"""Numbers, as the spreadsheets of all countries write them.

1,250 is a thousand and more in one country, and a little above one in another. So a number is read
by the decimal sign of its file, which `decimal_signs` finds.
"""

import re
from typing import Final, Literal
from unicodedata import decimal as value_of_digit

from application.parsing.values import read_quantity
from application.tabular.cells import plain_text
from domain.barcode import is_gtin
from domain.quantities import Quantity

DecimalSign = Literal[".", ","]

_SIGNS: Final[tuple[DecimalSign, ...]] = (".", ",")

_SPACES_AND_APOSTROPHES: Final = " \u00a0\u202f\u2009'\u2019"
"""What groups digits in every country: space, no-break, narrow no-break and thin space."""

_SHORTEST_GTIN: Final = 8
"""Digits."""

_MINUS: Final = "\u2212"
_DIGIT: Final = re.compile(r"\d")
_EXPONENT: Final = re.compile(r"[+-]?[0-9.,]+E[+-]?[0-9]+", re.IGNORECASE)


def _plain(sign: str) -> re.Pattern[str]:
    """Digits without groups."""
    return re.compile(
        rf"(?P<sign>[+-]?)(?=[{sign}]?[0-9])(?P<whole>[0-9]*)(?:[{sign}](?P<fraction>[0-9]*))?"
    )


def _grouped(sign: str) -> re.Pattern[str]:
    """Digits in groups of three, or in India of two with a last one of three: 12,34,567."""
    other = "," if sign == "." else "."
    indian = r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if other == "," else ""
    separator = rf"(?P<separator>[{other}{_SPACES_AND_APOSTROPHES}])"
    return re.compile(
        rf"(?P<sign>[+-]?)"
        rf"(?P<whole>[1-9][0-9]{{0,2}}{separator}[0-9]{{3}}(?:(?P=separator)[0-9]{{3}})*{indian})"
        rf"(?:[{sign}](?P<fraction>[0-9]*))?"
    )


_FORMS: Final = {sign: (_plain(sign), _grouped(sign)) for sign in _SIGNS}


def read_number(text: str, decimal: DecimalSign) -> Quantity:
    """Reads a number with this decimal sign.

    Digits may be of any script. They may be grouped by the other sign, a space or an apostrophe.
    The cell may be marked as a text: ="5".

    Raises:
        ValueError: it is anything else, such as a number with a unit, or an error value of the
            spreadsheet. Or it has an exponent, or more than 15 digits before or after the decimal
            sign.
    """
    bare = _bare(text)
    found = _match(bare, decimal)
    if found is None:
        raise ValueError(_problem(bare, decimal))
    whole = "".join(_DIGIT.findall(found["whole"])) or "0"
    return read_quantity(f"{found['sign']}{whole}.{found['fraction'] or ''}")


def decimal_signs(text: str) -> str:
    """Returns the decimal signs with which the text is a number, if it has one of them.

    "." and "," are proofs. ".," means that the text is a number with either sign, and not the same
    one: 1.250. An empty text means that it tells nothing: 1250, or no number at all.
    """
    if "." not in text and "," not in text:
        return ""
    bare = _bare(text)
    return "".join(sign for sign in _SIGNS if _match(bare, sign))


def is_probably_barcode(text: str) -> bool:
    """Whether a whole number is probably a barcode in the wrong cell: a GTIN with more than 8
    digits. Many quantities have 8 digits or fewer."""
    return len(text) > _SHORTEST_GTIN and is_gtin(text)


def _match(bare: str, sign: DecimalSign) -> re.Match[str] | None:
    plain, grouped = _FORMS[sign]
    return plain.fullmatch(bare) or grouped.fullmatch(bare)


def _bare(text: str) -> str:
    """Returns the text with ASCII digits and an ASCII minus."""
    stripped = plain_text(text).strip()
    if stripped.isascii():
        return stripped
    digits = _DIGIT.sub(lambda digit: str(value_of_digit(digit[0])), stripped)
    return digits.replace(_MINUS, "-")


def _problem(bare: str, decimal: DecimalSign) -> str:
    if bare.startswith("#"):
        return (
            "is an error value of the spreadsheet, or the column was too narrow: correct the cell, "
            "and save the file again"
        )
    if _EXPONENT.fullmatch(bare):
        return (
            "must be written with all its digits: a number with an exponent may have lost some, or "
            "be a barcode in the wrong cell"
        )
    return f"must be a number such as 1234{decimal}5, without a unit or other signs"
