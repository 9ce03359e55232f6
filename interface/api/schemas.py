"""What goes over the wire."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.spellings import did_you_mean, read_uuid, read_whole_number
from application.transaction_parser import WIRE_CONFIG, Instant, WholeNumber
from domain.limits import printable
from domain.stock_item import StockItem
from domain.transaction import TransactionType


@lru_cache(maxsize=1024)
def wire_time(instant: datetime) -> str:
    """In UTC, to the millisecond. Cached: what is recorded together bears one instant."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

QueryInstant = Annotated[
    Instant,
    # An unescaped + in a query is a space by the time it gets here.
    BeforeValidator(lambda text: text.replace(" ", "+") if isinstance(text, str) else text),
]


SentQuantity = Annotated[WholeNumber, BeforeValidator(read_whole_number)]
"""A whole number in any JSON spelling."""

SentId = Annotated[
    UUID, BeforeValidator(read_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""A UUID in any spelling."""

DeviceTime = Annotated[
    str | None,
    Field(
        description="What was sent as `occurredAt`, where that is something else; empty where "
        "nothing was sent."
    ),
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


class RequestBody(Wire):
    """What a request says. An unknown field is refused, as without it the request would mean
    something else."""

    model_config = WIRE_CONFIG | ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _require_known_fields(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        known = {
            spelling
            for name, field in cls.model_fields.items()
            for spelling in (name, to_camel(name), field.alias or name)
        }
        for given in values:
            if given not in known:
                wire_names = [
                    field.alias or to_camel(name) for name, field in cls.model_fields.items()
                ]
                raise PydanticCustomError(
                    "unknown_field",
                    "is not a field here{meant}",
                    {"field": printable(given), "meant": did_you_mean(given, wire_names)},
                )
        return values


def is_none(value: object) -> bool:
    """For fields that are left out where they say nothing."""
    return value is None


def example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class Registration(RequestBody):
    """An item to register."""

    model_config = example(
        location="main", sku="TEA-250", name="Green tea 250 g", unit="box", safetyStock=5
    )

    location: str
    sku: str
    name: str
    unit: str
    safety_stock: SentQuantity = 0


class DetailsChange(RequestBody):
    """What shall be different; what is left out stays. One of them must be there."""

    model_config = example(name="Green tea 250 g, organic")

    name: str = ""
    unit: str = ""
    safety_stock: SentQuantity = 0

    @model_validator(mode="after")
    def _require_a_change(self) -> Self:
        if not self.model_fields_set:
            names = ", ".join(to_camel(name) for name in type(self).model_fields)
            raise PydanticCustomError("no_change", "must name one of {names}", {"names": names})
        return self


class Item(Wire):
    """A stock item."""

    model_config = example(
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        sku="TEA-250",
        name="Green tea 250 g",
        unit="box",
        safetyStock=5,
        onHand=24,
        version=2,
        active=True,
        updatedAt="2026-01-08T00:20:11.482Z",
    )

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: WholeNumber
    on_hand: WholeNumber
    version: Annotated[int, Field(description="How many events the item has.")]
    active: bool
    updated_at: Timestamp

    @classmethod
    def of_level(cls, level: StockLevel) -> "Item":
        return cls.model_construct(**{name: getattr(level, name) for name in cls.model_fields})

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


class MovementRecord(Wire):
    """A recorded transaction."""

    model_config = example(
        position=2,
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        sku="TEA-250",
        version=2,
        localId="6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01",
        type="INBOUND",
        quantity=24,
        delta=24,
        onHand=24,
        coveredAt=None,
        reason=None,
        note="PO 1182",
        reference="po:1182",
        actor="scanner-7",
        keyId="k3v9q1",
        device="scanner-7",
        occurredAt="2026-01-08T00:14:03.000Z",
        deviceTime=None,
        recordedAt="2026-01-08T00:20:11.482Z",
    )

    position: int
    item_id: UUID
    location: str
    sku: str
    version: int
    local_id: UUID
    type: TransactionType
    quantity: Annotated[
        WholeNumber, Field(description="As it was asked for; what was counted, for COUNT.")
    ]
    delta: Annotated[
        WholeNumber,
        Field(description="How many more or fewer there were: expected + delta = counted."),
    ]
    on_hand: Annotated[WholeNumber, Field(description="After the movement.")]
    covered_at: CoveredAt
    reason: str | None
    note: str | None
    reference: str | None
    actor: str
    key_id: Annotated[str | None, Field(description="The API key that the actor showed.")]
    device: str | None
    occurred_at: Annotated[
        Timestamp | None,
        Field(description="By the device's clock, put right where that is known to be wrong."),
    ]
    device_time: DeviceTime
    recorded_at: Timestamp

    @classmethod
    def of_row(cls, movement: Movement) -> "MovementRecord":
        return cls.model_construct(**movement._asdict())


class MovementPage(Wire):
    items: list[MovementRecord]
    next_cursor: str | None


class Health(Wire):
    status: str
    dependencies: dict[str, str] = {}
