"""The description of an item, and its policies."""

from dataclasses import dataclass

from domain import events
from domain.errors import Invalid
from domain.labels import label
from domain.quantities import MAX_SCALE, Quantity, require_quantity, to_steps


def require_floor(floor: Quantity | None) -> None:
    """Raises Invalid: no item can have this floor."""
    if floor is not None and floor > 0:
        raise Invalid("floor", "must be 0 or less, or null for no limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDetails:
    """The description of an item, and its policies.

    Raises:
        Invalid: a text, the scale or a quantity is outside its bounds.
    """

    name: str
    unit: str
    safety_stock: Quantity = 0
    scale: int = 0
    """Decimal places of the item's quantities. They are fixed by the first movement."""
    floor: Quantity | None = 0
    """The least quantity that goods out may leave on hand, 0 or less; None for no limit."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", label("name", self.name))
        object.__setattr__(self, "unit", label("unit", self.unit))
        if not 0 <= self.scale <= MAX_SCALE:
            raise Invalid("scale", f"must be a whole number from 0 to {MAX_SCALE}")
        require_quantity("safetyStock", self.safety_stock, at_least=0)
        to_steps("safetyStock", self.safety_stock, self.scale)
        require_floor(self.floor)
        if self.floor is not None:
            to_steps("floor", self.floor, self.scale)

    @property
    def floor_steps(self) -> int:
        """The floor in steps; NO_FLOOR for none."""
        return events.NO_FLOOR if self.floor is None else to_steps("floor", self.floor, self.scale)
