"""Labels: the short texts by which people know a location, an item or a key.

A label is compared, hashed and kept in one form: Unicode spaces as U+0020, then NFC (Unicode
Standard Annex 15). A phone may write "ü" as two characters (u and U+0308), a POS terminal as one.
Both name one location. Case and leading zeros are significant. Test vectors are in docs/sync.md.
"""

from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

from domain.errors import Invalid
from domain.limits import MAX_TEXT_LENGTH, require_text

CACHED_LABELS: Final = 4_096
"""Size of the LRU cache of kept forms."""

_FORBIDDEN: Final = frozenset({"Cc", "Zl", "Zp"})
"""Unicode categories of control characters and line ends."""

_INVISIBLE: Final = frozenset({"Zs", "Cf"})

_OPENING_EMBEDDINGS: Final = "\u202a\u202b\u202d\u202e"
_OPENING_ISOLATES: Final = "\u2066\u2067\u2068"
_OPENED_BY: Final = {"\u202c": _OPENING_EMBEDDINGS, "\u2069": _OPENING_ISOLATES}
"""Bidirectional controls by the one that closes them (Unicode Standard Annex 9)."""


def label(field: str, value: str) -> str:
    """Returns the label in its kept form.

    Raises:
        Invalid: it is blank, has outer spaces, is longer than 200 characters, or has control
            characters, line ends or bidirectional controls without their partners.
    """
    kept = kept_form(value)
    require_text(field, kept)
    if not _is_visible(kept) or kept != kept.strip():
        raise Invalid(field, "must be one line of visible text, without spaces around it")
    if any(category(letter) in _FORBIDDEN for letter in kept):
        raise Invalid(field, "must not contain control characters or line ends")
    if not _is_balanced(kept):
        raise Invalid(field, "has bidirectional controls without their partners")
    return kept


def kept_form(text: str) -> str:
    """Returns the form in which labels are compared, hashed and kept."""
    if text.isascii():
        return text
    return _kept_form(text) if len(text) <= MAX_TEXT_LENGTH else _kept_form.__wrapped__(text)


def folded(text: str) -> str:
    """Returns the form in which texts are searched: upper and lower case are the same."""
    return normalize("NFC", kept_form(text).casefold())


@lru_cache(CACHED_LABELS)
def _kept_form(text: str) -> str:
    spaced = "".join(" " if category(letter) == "Zs" else letter for letter in text)
    return normalize("NFC", spaced)


def _is_visible(text: str) -> bool:
    return any(category(letter) not in _INVISIBLE for letter in text)


def _is_balanced(text: str) -> bool:
    if text.isascii():
        return True
    opened: list[str] = []
    for letter in text:
        if letter in _OPENING_EMBEDDINGS or letter in _OPENING_ISOLATES:
            opened.append(letter)
        elif letter in _OPENED_BY and (not opened or opened.pop() not in _OPENED_BY[letter]):
            return False
    return not opened
