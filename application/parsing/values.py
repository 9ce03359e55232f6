"""Lenient readers: they accept values in the spellings of many clients.

Programs in a dozen languages write UUIDs, numbers and times, each by the habits of its library. A
value with one clear meaning is accepted. Any other raises ValueError, with a message for the
client.
"""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from difflib import get_close_matches
from math import isfinite
from typing import Final
from uuid import UUID

from domain.quantities import Quantity, canonical

_UUID: Final = re.compile(
    r"(?:urn:uuid:)?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE
)

_ZONE_NAMES: Final = re.compile(r"(?:\[[^\[\]]*\])+\Z")
"""Zone names after the offset (RFC 9557): 2026-01-08T09:14:03+09:00[Asia/Seoul]."""

_SPACE_BEFORE_OFFSET: Final = re.compile(r"\s+(?=(?:[zZ]|[+-][\d:]+)\Z)")

_HOUR_24: Final = re.compile(r"\A(.{10}.)24(:?00(?::?00(?:[.,]0+)?)?)(?=[Zz+-])", re.DOTALL)

_SECOND_60: Final = re.compile(r"(:59:|\d{2}59)60(?=[.,Zz+-])")

_DECIMAL: Final = re.compile(r"[+-]?\d{1,400}(?:\.\d{0,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)

_DOUBLE_DIGITS: Final = 15

_EXACT: Final = Context(prec=1_000)
"""Rounds nothing that `_DECIMAL` accepts."""

_SPACED: Final = re.compile(r"[_\-\s]")


def read_uuid(value: object) -> UUID:
    """Reads a UUID (RFC 9562) in any usual form: upper or lower case, with or without hyphens, in
    braces, as a URN. Raises ValueError: it has none of these forms."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        text = value.strip()
        bare = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
        if _UUID.fullmatch(bare):
            return UUID(bare)
    raise ValueError("must be a UUID, such as 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01")


def read_whole_number(value: object) -> int:
    """Reads a whole number in any JSON spelling: 24, 24.0, 2.4e1. Raises ValueError: it is not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError("must be a whole number")


def read_decimal(value: object) -> Decimal:
    """Reads a decimal from a JSON number or a text, and returns it without trailing zeros.

    A number with a fraction is read with 15 significant digits, which a double keeps (IEEE 754). So
    JavaScript's 0.1 + 0.2 is 0.3.

    Raises:
        ValueError: it is not a decimal, or has more than 15 digits before or after the point.
    """
    if isinstance(value, float) and not value.is_integer():
        value = f"{value:.{_DOUBLE_DIGITS}g}"
    text = value.strip() if isinstance(value, str) else _digits(value)
    if not _DECIMAL.fullmatch(text):
        raise ValueError("must be a number")
    number = Decimal(text).normalize(_EXACT)
    exponent = number.as_tuple().exponent
    if number.adjusted() > _DOUBLE_DIGITS or int(exponent) < -_DOUBLE_DIGITS:
        raise ValueError(f"must have at most {_DOUBLE_DIGITS} digits before and after the point")
    return number


def _digits(value: object) -> str:
    """Returns the digits of a whole number; an empty text for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value))
    return ""


def read_quantity(value: object) -> Quantity:
    """Reads a quantity from a JSON number or a text. Raises ValueError, as `read_decimal`."""
    return value if type(value) is int else canonical(read_decimal(value))


def read_flag(value: object) -> bool:
    """Reads true or false. Raises ValueError: it is neither."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 -- readers raise ValueError
    return value


def read_text(value: object) -> str:
    """Reads a text, or a number as its digits. Raises ValueError: it is neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return str(value)
    raise ValueError("must be a text")


def read_seconds(value: object) -> timedelta:
    """Reads a number of seconds, whole or not. Raises ValueError: it is not, or is too large."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("must be a number of seconds")
    try:
        return timedelta(seconds=value)
    except OverflowError:
        raise ValueError("is too large a number of seconds") from None


def read_instant(value: object) -> datetime:
    """Reads a date and time with its offset from UTC, and returns it in UTC.

    Accepts all of RFC 3339, RFC 9557, and the other forms of ISO 8601 that `datetime.fromisoformat`
    reads. A leap second becomes the second after it, and 24:00 becomes 0:00 of the next day.

    Raises:
        ValueError: it is none of these, has no offset, or lies outside the years of `datetime`.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("must be a text")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = _read_rare_spelling(value)
    if instant.tzinfo is None:
        raise ValueError("must name its offset from UTC, as in 2026-01-08T09:14:03+09:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years that can be stored") from None


def _read_rare_spelling(value: str) -> datetime:
    text = _ZONE_NAMES.sub("", value.strip()).replace("\u2212", "-")
    text = _SPACE_BEFORE_OFFSET.sub("", text)
    text, days = _HOUR_24.subn(r"\g<1>00\2", text)
    text, seconds = _SECOND_60.subn(r"\g<1>59", text)
    try:
        instant = datetime.fromisoformat(text[:-1] + "Z" if text[-1:] == "z" else text)
        is_possible = not seconds or instant.astimezone(UTC).strftime("%H%M") == "2359"
        instant += timedelta(days=days, seconds=seconds)
    except (ValueError, OverflowError):
        is_possible = False
    if not is_possible:
        raise ValueError("must be a date and time, as in 2026-01-08T09:14:03+09:00")
    return instant


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that was probably meant; None if none is similar."""
    by_bare_name = {_bare(one): one for one in known}
    found = get_close_matches(_bare(name), by_bare_name, n=1)
    return by_bare_name[found[0]] if found else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Returns the end of a message about an unknown name: a similar name, or all known ones."""
    meant = nearest(name, known)
    if meant:
        return f"; did you mean {meant}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def is_a_slip(name: str, known: Iterable[str]) -> bool:
    """Whether the name is one letter from a known one: one letter is added, missing or different,
    or two neighbours are swapped."""
    return any(_differ_by_a_letter(name, one) for one in known)


def _bare(name: str) -> str:
    return _SPACED.sub("", name).lower()


def _differ_by_a_letter(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    start = next(
        (place for place, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b),
        len(shorter),
    )
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = shorter[start : start + 2][::-1] + shorter[start + 2 :]
    return shorter != longer and (
        shorter[start + 1 :] == longer[start + 1 :] or swapped == longer[start:]
    )
