"""Quantities: decimals for people, whole numbers of steps in events and columns.

An item has a scale: the number of decimal places of its quantities. A step is its smallest
quantity: 1.250 kg at scale 3 are 1250 steps.
"""

from decimal import Context, Decimal
from typing import Final

from domain.errors import Invalid

Quantity = int | Decimal
"""A whole number as `int`, any other as `Decimal` without trailing zeros: equal quantities are
written alike."""

MAX_SCALE: Final = 6
"""Decimal places."""

MAX_QUANTITY: Final = 2**53 - 1
"""The largest whole number that every JSON reader holds exactly (RFC 8259, section 6): the largest
number of steps at scale 0."""

MAX_DECIMAL_STEPS: Final = 10**15 - 1
"""The largest number of steps at any other scale. A double keeps 15 digits (IEEE 754)."""

_EXACT: Final = Context(prec=1_000)
"""Rounds no number that a request may have."""


def canonical(number: Decimal) -> Quantity:
    """Returns the quantity that a finite number is."""
    return int(number) if number == number.to_integral_value() else number.normalize(_EXACT)


def max_steps(scale: int) -> int:
    """Returns the largest number of steps, above and below zero."""
    return MAX_DECIMAL_STEPS if scale else MAX_QUANTITY


def to_steps(field: str, quantity: Quantity, scale: int) -> int:
    """Converts a quantity to steps. Raises Invalid: it has too many places, or is too large."""
    exact = Decimal(quantity).scaleb(scale, _EXACT)
    steps = int(exact)
    if steps != exact:
        problem = f"must have at most {scale} decimal places" if scale else "must be a whole number"
        raise Invalid(field, problem)
    limit = max_steps(scale)
    if not -limit <= steps <= limit:
        raise Invalid(field, f"must be at most {from_steps(limit, scale)}")
    return steps


def from_steps(steps: int, scale: int) -> Quantity:
    """Converts steps to a quantity."""
    return steps if scale == 0 else canonical(Decimal(steps).scaleb(-scale, _EXACT))


def to_number(steps: int, scale: int) -> int | float:
    """Converts steps to a JSON number. A double holds it to the last place."""
    if scale == 0:
        return steps
    unit: int = 10**scale
    return steps / unit if steps % unit else steps // unit


def json_number(number: Decimal) -> int | float:
    """Returns a finite number as a JSON number. A double holds 15 digits of it."""
    quantity = canonical(number)
    return quantity if isinstance(quantity, int) else float(quantity)


def require_quantity(field: str, value: Quantity, *, at_least: int) -> None:
    """Raises Invalid: `value` is not between `at_least` and MAX_QUANTITY, or has too many decimal
    places for any item."""
    if not at_least <= value <= MAX_QUANTITY:
        raise Invalid(field, f"must be a number from {at_least} to {MAX_QUANTITY}")
    if isinstance(value, Decimal):
        to_steps(field, value, MAX_SCALE)
