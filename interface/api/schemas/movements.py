"""Schemas of the journal."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import Field, PlainSerializer, WithJsonSchema

from application.parsing.transactions import Number
from application.projections.movements import Movement
from domain.quantities import to_number
from domain.transaction import TransactionType
from interface.api.schemas.base import CoveredAt, DeviceTime, Timestamp, Wire, example, is_none


class RecordedUnitCost(Wire):
    """The cost of one unit."""

    amount: Annotated[str, Field(description="A decimal.")]
    currency: str


def _number(text: str) -> int | float:
    """Returns a decimal as a JSON number, which keeps 15 digits."""
    return int(text) if "." not in text else float(text)


Decimals = Annotated[
    str,
    PlainSerializer(_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]


class RecordedEntry(Wire):
    """A quantity in the unit that the clerk used: `per` base units each."""

    quantity: Decimals
    unit: str
    per: Decimals


RefusedAt = Annotated[
    Timestamp | None,
    Field(
        exclude_if=is_none,
        description="When it was refused. The server recorded it later by itself: stock, a count, "
        "a void, a lower floor or the item had come.",
    ),
]


class ExtraFields(Wire):
    """The fields that few transactions have. Left out if they are empty."""

    scanned: Annotated[str | None, Field(exclude_if=is_none)] = None
    metadata: Annotated[dict[str, str] | None, Field(exclude_if=is_none)] = None
    unit_cost: Annotated[RecordedUnitCost | None, Field(exclude_if=is_none)] = None
    entered: Annotated[RecordedEntry | None, Field(exclude_if=is_none)] = None

    override: Annotated[
        bool | None,
        Field(exclude_if=is_none, description="A manager let it end below the floor."),
    ] = None
    received_at: Annotated[
        Timestamp | None,
        Field(
            exclude_if=is_none,
            description="When the server first saw it, if it was recorded later. For VOID and a "
            "correction: when it first saw the other transaction.",
        ),
    ] = None
    voids: Annotated[UUID | None, Field(exclude_if=is_none)] = None
    corrects: Annotated[UUID | None, Field(exclude_if=is_none)] = None
    returns: Annotated[UUID | None, Field(exclude_if=is_none)] = None
    group: Annotated[UUID | None, Field(exclude_if=is_none)] = None


class MovementRecord(ExtraFields):
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
        Number, Field(description="The requested quantity. For COUNT, the counted quantity.")
    ]
    delta: Annotated[
        Number,
        Field(description="The signed difference. For COUNT, counted - expected."),
    ]
    on_hand: Annotated[Number, Field(description="Quantity on hand after the movement.")]
    covered_at: CoveredAt
    reason: str | None
    note: str | None
    reference: str | None
    actor: str
    key_id: Annotated[str | None, Field(description="The id of the actor's API key.")]
    device: str | None
    occurred_at: Annotated[
        Timestamp | None,
        Field(description="By the device's clock, corrected if its error is known."),
    ]
    device_time: DeviceTime
    recorded_at: Timestamp
    refused_at: RefusedAt = None
    voided_by: Annotated[
        UUID | None, Field(exclude_if=is_none, description="The `localId` of its VOID.")
    ] = None

    @classmethod
    def of_row(cls, movement: Movement, voided_by: UUID | None = None) -> "MovementRecord":
        values = movement._asdict() | {"voided_by": voided_by}
        if movement.extra_object is not None:
            values |= extra_fields(movement) | quantity_fields(movement)
        return cls.model_construct(**values)


def extra_fields(movement: Movement) -> dict[str, Any]:
    """Returns the values of `ExtraFields`, and the quantities of an item with decimals."""
    if movement.extra_object is None:
        return {}
    extra = movement.extra
    fields = msgspec.structs.asdict(extra) | dict(extra.info or {})
    found = ExtraFields.model_validate(fields).__dict__
    return {name: value for name, value in found.items() if value is not None}


def quantity_fields(movement: Movement) -> dict[str, int | float]:
    """Returns the movement's quantities as numbers."""
    scale = movement.extra.scale
    return {
        name: to_number(getattr(movement, name), scale) for name in ("quantity", "delta", "on_hand")
    }


class MovementPage(Wire):
    """A page of the journal."""

    items: list[MovementRecord]
    next_cursor: str | None
