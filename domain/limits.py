"""The bounds on texts that a client may send, and the checks that hold them.

Those on quantities are in quantities.py.
"""

from typing import Final

from domain.errors import Invalid

MAX_NOTE_LENGTH: Final = 2_000
MAX_TEXT_LENGTH: Final = 200
"""Characters in every other text: names, references, reasons, devices, actors."""
MAX_TIME_LENGTH: Final = 64
"""Characters kept of a time that can't be read."""


def require_text(field: str, value: str, *, at_most: int = MAX_TEXT_LENGTH) -> None:
    """Raises Invalid: the text is too long, or a database can't store it."""
    if len(value) > at_most:
        raise Invalid(field, f"must have at most {at_most} characters")
    if not is_storable(value):
        raise Invalid(field, "must not contain a NUL or half a surrogate pair")


def is_storable(value: str) -> bool:
    """Whether every database can store the text: it has no NUL, and no half of a surrogate pair.

    JSON can escape half a surrogate pair, which is not a character and has no UTF-8 form.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def printable(text: str) -> str:
    """Returns the text as one line that is safe for terminals, logs and databases. Characters that
    can't be printed become escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
