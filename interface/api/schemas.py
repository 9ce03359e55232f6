"""What goes over the wire."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.transaction_parser import WIRE_CONFIG, Instant
from domain.stock_item import StockItem
from domain.transaction import TransactionType


@lru_cache(maxsize=1024)
def wire_time(instant: datetime) -> str:
    """In UTC, to the millisecond. Cached: what is recorded together bears one instant."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(wire_time, return_type=str, when_used="json")]

QueryInstant = Annotated[
    Instant,
    # An unescaped + in a query is a space by the time it gets here.
    BeforeValidator(lambda text: text.replace(" ", "+") if isinstance(text, str) else text),
]


CoveredAt = Annotated[
    Timestamp | None,
    Field(
        description="The moment of the stock-take that had seen this movement before it was "
        "recorded. Then it changed nothing on hand."
    ),
]


class Wire(BaseModel):
    model_config = WIRE_CONFIG


def is_none(value: object) -> bool:
    """For fields that are left out where they say nothing."""
    return value is None


def example(**values: Any) -> ConfigDict:
    return WIRE_CONFIG | ConfigDict(json_schema_extra={"examples": [values]})


class Registration(Wire):
    """An item to register."""

    model_config = example(
        location="main", sku="TEA-250", name="Green tea 250 g", unit="box", safetyStock=5
    ) | ConfigDict(strict=True)

    location: str
    sku: str
    name: str
    unit: str
    safety_stock: int = 0


class DetailsChange(Wire):
    """What shall be different; what is left out stays."""

    model_config = example(name="Green tea 250 g, organic") | ConfigDict(strict=True)

    name: str = ""
    unit: str = ""
    safety_stock: int = 0


class Item(Wire):
    """A stock item."""

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: int
    on_hand: int
    version: Annotated[int, Field(description="How many events the item has.")]
    active: bool
    updated_at: Timestamp

    @classmethod
    def of_level(cls, level: StockLevel) -> "Item":
        return cls.model_construct(**level._asdict())

    @classmethod
    def of_item(cls, item: StockItem) -> "Item":
        return cls(
            item_id=item.id,
            location=item.location,
            sku=item.sku,
            name=item.name,
            unit=item.unit,
            safety_stock=item.safety_stock,
            on_hand=item.on_hand,
            version=item.version,
            active=item.active,
            updated_at=item.modified_on,
        )


class ItemPage(Wire):
    items: list[Item]
    next_cursor: str | None
    next_after: Annotated[
        str, Field(description="Where GET /sync/changes goes on from the list's first page.")
    ]


class MovementOut(Wire):
    """A recorded transaction."""

    position: int
    item_id: UUID
    location: str
    sku: str
    version: int
    local_id: UUID
    type: TransactionType
    quantity: Annotated[int, Field(description="As it was asked for; what was counted, for COUNT.")]
    delta: Annotated[
        int, Field(description="How many more or fewer there were: expected + delta = counted.")
    ]
    on_hand: Annotated[int, Field(description="After the movement.")]
    covered_at: CoveredAt
    reason: str | None
    note: str | None
    reference: str | None
    actor: str
    key_id: Annotated[str | None, Field(description="The API key that the actor showed.")]
    device: str | None
    occurred_at: Timestamp | None
    recorded_at: Timestamp

    @classmethod
    def of_row(cls, movement: Movement) -> "MovementOut":
        return cls.model_construct(**movement._asdict())


class MovementPage(Wire):
    items: list[MovementOut]
    next_cursor: str | None


class Health(Wire):
    status: str
    dependencies: dict[str, str] = {}
