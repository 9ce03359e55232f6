"""Names of items and codes, in the forms in which the ledger compares them (docs/sync.md)."""

import re
from typing import Final
from unicodedata import category, normalize
from uuid import UUID, uuid5

ITEM_NAMESPACE: Final = UUID("6d1f3c52-7f0a-5b0e-9c3e-0f6b3a1d2e47")
"""Of the ids of items."""

GTIN_LENGTH: Final = 14
"""Digits in which GTINs are compared."""

_GTIN: Final = re.compile(r"\d{8}|\d{12,14}", re.ASCII)


def kept_form(text: str) -> str:
    """Returns the form in which the ledger keeps labels: Unicode spaces as U+0020, then NFC."""
    if text.isascii():
        return text
    return normalize("NFC", "".join(" " if category(one) == "Zs" else one for one in text))


def item_id(location: str, sku: str) -> UUID:
    """Returns the id that the ledger gives to the item."""
    return uuid5(ITEM_NAMESPACE, f"{kept_form(location)}\x1f{kept_form(sku)}")


def code_key(code: str) -> str:
    """Returns the form in which codes are compared, the same as the ledger's: a GTIN in 14 digits,
    any other code with Unicode spaces as U+0020, in NFC (Unicode Standard Annex 15)."""
    return code.zfill(GTIN_LENGTH) if is_gtin(code) else kept_form(code)


def is_gtin(code: str) -> bool:
    """Whether the code is a GTIN: 8, 12, 13 or 14 digits, the last one a good check digit (GS1
    General Specifications, section 7.9)."""
    if not _GTIN.fullmatch(code):
        return False
    digits = [int(digit) for digit in reversed(code)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
