"""Schemas of the journal."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from application.parsing.transactions import WholeNumber
from application.projections.movements import Movement
from domain.transaction import TransactionType
from interface.api.schemas.base import CoveredAt, DeviceTime, Timestamp, Wire, example


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
        WholeNumber, Field(description="The requested quantity. For COUNT, the counted quantity.")
    ]
    delta: Annotated[
        WholeNumber,
        Field(description="The signed difference. For COUNT, counted - expected."),
    ]
    on_hand: Annotated[WholeNumber, Field(description="Quantity on hand after the movement.")]
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

    @classmethod
    def of_row(cls, movement: Movement) -> "MovementRecord":
        return cls.model_construct(**movement._asdict())


class MovementPage(Wire):
    """A page of the journal."""

    items: list[MovementRecord]
    next_cursor: str | None
