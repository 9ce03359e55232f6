"""Names of items and codes, in the forms in which the ledger compares them (docs/sync.md)."""

import re
from typing import Final
from unicodedata import category, normalize
from uuid import UUID, uuid5

ITEM_NAMESPACE: Final = UUID("6d1f3c52-7f0a-5b0e-9c3e-0f6b3a1d2e47")
"""Of the ids of items."""

GTIN_LENGTH: Final = 14
"""Digits in which GTINs are compared."""

MAX_LABEL_LENGTH: Final = 200
"""Characters of a location, SKU, name, unit or code, in the kept form."""

_FORBIDDEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_INVISIBLE: Final = frozenset({"Zs", "Cf"})
"""Unicode categories of characters that a label may not have, or not only."""

_EMBEDDINGS: Final = "\u202a\u202b\u202d\u202e"
_ISOLATES: Final = "\u2066\u2067\u2068"
_OPENED_BY: Final = {"\u202c": _EMBEDDINGS, "\u2069": _ISOLATES}
"""Bidirectional controls by the one that closes them (Unicode Standard Annex 9)."""

_GTIN: Final = re.compile(r"\d{8}|\d{12,14}", re.ASCII)


def kept_form(text: str) -> str:
    """Returns the form in which the ledger keeps labels: Unicode spaces as U+0020, then NFC."""
    if text.isascii():
        return text
    return normalize("NFC", "".join(" " if category(one) == "Zs" else one for one in text))


def is_label(text: object) -> bool:
    """Whether the ledger takes the text as a location, SKU, name, unit or code."""
    if not isinstance(text, str):
        return False
    kept = kept_form(text)
    is_visible = any(category(one) not in _INVISIBLE for one in kept)
    has_forbidden = any(category(one) in _FORBIDDEN for one in kept)
    is_bounded = len(kept) <= MAX_LABEL_LENGTH and kept == kept.strip()
    return is_visible and not has_forbidden and is_bounded and _is_balanced(kept)


def _is_balanced(text: str) -> bool:
    """Whether every bidirectional control has its partner."""
    opened: list[str] = []
    for letter in text:
        if letter in _EMBEDDINGS or letter in _ISOLATES:
            opened.append(letter)
        elif letter in _OPENED_BY and (not opened or opened.pop() not in _OPENED_BY[letter]):
            return False
    return not opened


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
