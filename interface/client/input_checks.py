"""Limits of the ledger, checked when the clerk records, so that the clerk can correct the input."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

from interface.client.labels import MAX_LABEL_LENGTH, is_label

MAX_QUANTITY: Final = 2**53 - 1

MAX_LENGTHS: Final = {"reason": 200, "note": 2_000, "reference": 200}
"""Maximum length of each text, in characters."""

MAX_CODES: Final = 100
"""Codes of an item."""

MAX_PER: Final = 1_000_000
"""Maximum number of base units that one scan counts."""

MAX_PLACES: Final = 6
"""Maximum decimal places of a quantity."""

LEAST_QUANTITY: Final = {
    "INBOUND": 0,
    "OUTBOUND": 0,
    "ADJUST": -MAX_QUANTITY,
    "COUNT": 0,
    "VOID": 0,
}
"""Minimum quantity of each transaction type. Only COUNT and VOID may have exactly 0."""


def require_acceptable(
    type: str,
    item_id: UUID,
    quantity: int | Decimal,
    *,
    voids: UUID | None = None,
    **texts: str | None,
) -> None:
    """Raises ValueError, with the name of the wrong argument, if the ledger would refuse it."""
    if type not in LEAST_QUANTITY or (type == "VOID") is not (voids is not None):
        raise ValueError(f"type must be one of {', '.join(LEAST_QUANTITY)}")
    if not isinstance(item_id, UUID):
        raise ValueError("item_id must be a UUID")  # noqa: TRY004 -- one error for callers
    if not isinstance(quantity, int | Decimal) or isinstance(quantity, bool):
        raise ValueError("quantity must be an int or a Decimal")  # noqa: TRY004 -- one error
    is_zero = quantity == 0 and type not in {"COUNT", "VOID"}
    is_number = Decimal(quantity).is_finite()
    if not is_number or is_zero or not LEAST_QUANTITY[type] <= quantity <= MAX_QUANTITY:
        raise ValueError(f"quantity {quantity} is out of bounds for {type}")
    if isinstance(quantity, Decimal) and _places(quantity) > MAX_PLACES:
        raise ValueError(f"quantity must have at most {MAX_PLACES} decimal places")
    for name, text in texts.items():
        if text is not None:
            _require_text(name, text)


def require_item(location: str, sku: str, name: str, unit: str, scale: int) -> None:
    """Raises ValueError, with the name of the wrong argument, if the ledger would refuse it."""
    for argument, text in {"location": location, "sku": sku, "name": name, "unit": unit}.items():
        _require_label(argument, text)
    if not isinstance(scale, int) or not 0 <= scale <= MAX_PLACES:
        raise ValueError(f"scale must be a whole number from 0 to {MAX_PLACES}")


def require_codes(codes: Mapping[str, int | Decimal], scale: int) -> None:
    """Raises ValueError if the ledger would refuse one of the codes, or what it counts."""
    if len(codes) > MAX_CODES:
        raise ValueError(f"codes must be at most {MAX_CODES}")
    for code, per in codes.items():
        _require_label("code", code)
        is_number = isinstance(per, int | Decimal) and not isinstance(per, bool)
        if not is_number or not Decimal(per).is_finite() or not 0 < per <= MAX_PER:
            raise ValueError(f"code {code} must count more than 0, and at most {MAX_PER}")
        if _places(Decimal(per)) > scale:
            raise ValueError(f"code {code} must count at most {scale} decimal places")


def _require_label(name: str, text: str) -> None:
    if not is_label(text):
        raise ValueError(
            f"{name} must be visible text of 1 to {MAX_LABEL_LENGTH} characters, without spaces "
            "around it"
        )


def _places(number: Decimal) -> int:
    """Returns the decimal places of a finite number, without trailing zeros."""
    _, digits, exponent = number.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return max(0, -(int(exponent) + zeros)) if number else 0


def _require_text(name: str, text: str) -> None:
    if not isinstance(text, str) or len(text) > MAX_LENGTHS[name]:
        raise ValueError(f"{name} must be a text of at most {MAX_LENGTHS[name]} characters")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{name} must not contain a NUL or half a surrogate pair")
