"""Limits of the ledger, checked when the clerk records, so that the clerk can correct the input."""

from typing import Final
from uuid import UUID

MAX_QUANTITY: Final = 2**53 - 1

MAX_LENGTHS: Final = {"reason": 200, "note": 2_000, "reference": 200}
"""Maximum length of each text, in characters."""

LEAST_QUANTITY: Final = {"INBOUND": 1, "OUTBOUND": 1, "ADJUST": -MAX_QUANTITY, "COUNT": 0}
"""Minimum quantity of each transaction type."""


def require_acceptable(type: str, item_id: UUID, quantity: int, **texts: str | None) -> None:
    """Raises ValueError, with the name of the wrong argument, if the ledger would refuse it."""
    if type not in LEAST_QUANTITY:
        raise ValueError(f"type must be one of {', '.join(LEAST_QUANTITY)}")
    if not isinstance(item_id, UUID):
        raise ValueError("item_id must be a UUID")  # noqa: TRY004 -- one error for callers
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise ValueError("quantity must be a whole number")  # noqa: TRY004 -- one error for callers
    if not LEAST_QUANTITY[type] <= quantity <= MAX_QUANTITY or (type == "ADJUST" and quantity == 0):
        raise ValueError(f"quantity {quantity} is out of bounds for {type}")
    for name, text in texts.items():
        if text is not None:
            _require_text(name, text)


def _require_text(name: str, text: str) -> None:
    if not isinstance(text, str) or len(text) > MAX_LENGTHS[name]:
        raise ValueError(f"{name} must be a text of at most {MAX_LENGTHS[name]} characters")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{name} must not contain a NUL or half a surrogate pair")
