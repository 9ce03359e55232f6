"""The oracle of the theorems: a replay by the goods' time, written without the domain's code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Sent:
    """A transaction, and when it first arrived."""

    element: Mapping[str, Any]
    arrival: int
    moment: float
    """When its goods moved."""

    @property
    def id(self) -> str:
        return str(self.element["localId"])

    @property
    def type(self) -> str:
        return str(self.element["type"])

    @property
    def may_cross_floor(self) -> bool:
        return self.type in {"COUNT", "VOID"} or bool(self.element.get("override"))

    @property
    def quantity(self) -> Decimal:
        return Decimal(str(self.element["quantity"]))

    @property
    def change(self) -> Decimal:
        """The signed difference of goods that moved."""
        return -self.quantity if self.type == "OUTBOUND" else self.quantity


class Replay:
    """Replays transactions in the order in which their goods moved."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self.sent = {one.id: one for one in sent}
        voided = {one.element["voids"] for one in self.sent.values() if one.type == "VOID"}
        self.order = sorted(
            (one for one in self.sent.values() if one.type != "VOID" and one.id not in voided),
            key=self.place,
        )

    def place(self, one: Sent) -> tuple[float, int, bool, int]:
        """Moment, first arrival there, and own arrival: a corrected count stands where the mistaken
        one stood, right after it."""
        mistaken = one.element.get("corrects")
        first = one if mistaken is None else self.sent[mistaken]
        return first.moment, first.arrival, first is not one, one.arrival

    def on_hand(self, before: Sent | None = None) -> Decimal:
        """On hand after all of it, or right before one transaction."""
        on_hand = Decimal(0)
        for one in self.order:
            if before is not None and self.place(one) >= self.place(before):
                break
            on_hand = one.quantity if one.type == "COUNT" else on_hand + one.change
        return on_hand

    def is_covered(self, one: Sent) -> bool:
        """Whether a count behind it has seen it."""
        return any(
            other.type == "COUNT" and self.place(other) > self.place(one) for other in self.order
        )


def known(sent: Iterable[Sent]) -> list[Sent]:
    """Those whose originals have arrived, too."""
    found = list(sent)
    while True:
        ids = {one.id for one in found}
        named = [
            one
            for one in found
            if one.element.get("voids", one.id) in ids
            and one.element.get("corrects", one.id) in ids
        ]
        if len(named) == len(found):
            return found
        found = named
