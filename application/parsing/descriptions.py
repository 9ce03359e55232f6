"""Parsing of the descriptive fields of a transaction. They never affect stock."""

import json
import re
from typing import Any, Final, cast

from application.parsing.values import read_decimal, read_text
from domain.limits import MAX_TEXT_LENGTH, is_storable
from domain.transaction import Entered, Information, TransactionType, UnitCost

MAX_METADATA_PAIRS: Final = 20
MAX_METADATA_BYTES: Final = 4_096
"""Bytes of the metadata as compact JSON in UTF-8."""

MAX_UNIT_LENGTH: Final = 64
"""Characters of the unit in `entered`."""

REASON_CODE: Final = r"[a-z0-9._-]{1,64}"
"""The form of a reason. Unknown codes are recorded."""

_REASON_CODE: Final = re.compile(REASON_CODE)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def split_reason(text: str) -> tuple[str | None, str | None]:
    """Returns the reason code, or the prose that belongs in the note. One of them is None."""
    code = text.strip().lower()
    return (code, None) if _REASON_CODE.fullmatch(code) else (None, text)


def information(**fields: Any) -> Information | None:
    """Returns the fields that have a value; None if no field has one."""
    given = {name: value for name, value in fields.items() if value is not None}
    return cast("Information", given) if given else None


def read_metadata(value: object) -> dict[str, str]:
    """Reads an object of texts. Raises ValueError: it is too large, or not one."""
    if not isinstance(value, dict) or len(value) > MAX_METADATA_PAIRS:
        raise ValueError(f"must be an object with at most {MAX_METADATA_PAIRS} texts")
    pairs = {name: read_text(one) for name, one in value.items()}
    if not all(is_storable(text) for pair in pairs.items() for text in pair):
        raise ValueError("must not contain a NUL or half a surrogate pair")
    size = len(json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must have at most {MAX_METADATA_BYTES} bytes")
    return pairs


def read_unit_cost(value: object) -> UnitCost:
    """Reads the cost of one unit: an amount, and a currency (ISO 4217). Raises ValueError."""
    fields = _fields(value, "amount", "currency")
    amount = read_decimal(fields["amount"])
    currency = read_text(fields["currency"]).strip().upper()
    if amount < 0:
        raise ValueError("amount must not be below 0")
    if not _CURRENCY.fullmatch(currency):
        raise ValueError("currency must be a code of ISO 4217, such as EUR")
    return UnitCost(amount=f"{amount:f}", currency=currency)


def read_entered(value: object) -> Entered:
    """Reads a quantity in the unit that the clerk used, and the number of base units `per` unit.
    Raises ValueError."""
    fields = _fields(value, "quantity", "unit", "per")
    unit = read_text(fields["unit"])
    if not unit or len(unit) > MAX_UNIT_LENGTH or not is_storable(unit):
        raise ValueError(f"unit must have 1 to {MAX_UNIT_LENGTH} characters")
    quantity, per = read_decimal(fields["quantity"]), read_decimal(fields["per"])
    return Entered(quantity=f"{quantity:f}", unit=unit, per=f"{per:f}")


def read_scanned(value: object) -> str:
    """Reads a raw scanned code, which may hold control characters. Raises ValueError."""
    text = read_text(value)
    if len(text) > MAX_TEXT_LENGTH or not is_storable(text):
        raise ValueError(f"must have at most {MAX_TEXT_LENGTH} characters, and no NUL")
    return text


def require_cost_of_goods_in(kind: TransactionType) -> None:
    """Raises ValueError: the type has no cost."""
    if kind is not TransactionType.INBOUND:
        raise ValueError(f"is for {TransactionType.INBOUND} only")


def _fields(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(names) <= set(value):
        raise ValueError(f"must be an object with {', '.join(names)}")
    return value
