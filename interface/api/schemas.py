"""What goes over the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.sync import Failed, Status, Synced, SyncResult
from application.transaction_parser import WIRE_CONFIG, Instant, TransactionElement
from domain.stock_item import StockItem
from domain.transaction import TransactionType
from interface.api.problems import wire_details

EXAMPLE_ITEM_ID = "a3c0b4a6-27f4-5d0b-8bf0-0f1d5b5f1d11"


def _to_wire(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(_to_wire, return_type=str, when_used="json")]

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


def _is_none(value: object) -> bool:
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


class SyncRequest(Wire):
    """A batch."""

    model_config = example(
        transactions=[
            {
                "localId": "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01",
                "type": "INBOUND",
                "itemId": EXAMPLE_ITEM_ID,
                "quantity": 24,
                "occurredAt": "2026-01-08T09:14:03+09:00",
                "note": "PO 1182",
                "reference": "po:1182",
                "device": "scanner-7",
            },
            {
                "localId": "a0d2c1b4-57e9-4d19-8f53-1c7f7f6d1e02",
                "type": "OUTBOUND",
                "itemId": EXAMPLE_ITEM_ID,
                "quantity": 1,
            },
        ]
    )

    transactions: list[TransactionElement]


class StockTakeOut(Wire):
    """What a COUNT found, against what was on hand at its moment."""

    expected: int
    counted: int
    delta: int


class SyncedOut(Wire):
    """An element that is recorded: now, or (`duplicate`) before, with what was answered then."""

    index: int
    local_id: UUID
    item_id: UUID
    status: Status
    on_hand: int
    version: int
    position: int
    synced_at: Timestamp
    count: Annotated[
        StockTakeOut | None, Field(exclude_if=_is_none, description="Of a COUNT alone.")
    ] = None
    covered_at: Annotated[CoveredAt, Field(exclude_if=_is_none)] = None

    @classmethod
    def of(cls, synced: Synced) -> "SyncedOut":
        return cls.model_construct(
            index=synced.index,
            local_id=synced.local_id,
            item_id=synced.item_id,
            status=synced.status,
            on_hand=synced.on_hand,
            version=synced.version,
            position=synced.position,
            synced_at=synced.synced_at,
            count=synced.count and StockTakeOut.model_construct(**synced.count._asdict()),
            covered_at=synced.covered_at,
        )


class FailedOut(Wire):
    """An element that is not recorded, and why."""

    index: int
    local_id: UUID | None
    item_id: UUID | None
    code: str
    message: str
    retryable: bool
    details: dict[str, Any]

    @classmethod
    def of(cls, failed: Failed) -> "FailedOut":
        return cls.model_construct(
            index=failed.index,
            local_id=failed.local_id,
            item_id=failed.item_id,
            code=failed.rejection.code,
            message=failed.rejection.message,
            retryable=failed.rejection.retryable,
            details=wire_details(failed.rejection.details),
        )


class SyncResponse(Wire):
    """What became of a batch."""

    synced: list[SyncedOut]
    failed: list[FailedOut]
    position: Annotated[int, Field(description="The ledger's last position, this batch included.")]
    server_time: Annotated[
        Timestamp, Field(description="For a device to find out by how much its clock is off.")
    ]

    @classmethod
    def of(cls, result: SyncResult) -> "SyncResponse":
        return cls.model_construct(
            synced=[SyncedOut.of(synced) for synced in result.synced],
            failed=[FailedOut.of(failed) for failed in result.failed],
            position=result.position,
            server_time=result.server_time,
        )


class Health(Wire):
    status: str
    dependencies: dict[str, str] = {}
