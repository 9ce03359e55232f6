"""Schemas of changes."""

from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from application.following.changes import ChangePage
from application.parsing.transactions import Number
from application.parsing.values import read_whole_number
from application.projections import Change
from application.projections.code_changes import CodeChange
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from domain.quantities import json_number, to_number
from domain.stock_item import floor_number
from domain.transaction import TransactionType
from interface.api.schemas.base import CoveredAt, DeviceTime, Timestamp, Wire, example, is_none
from interface.api.schemas.codes import CodeVersion, Per
from interface.api.schemas.movements import ExtraFields, RefusedAt, extra_fields, quantity_fields
from interface.api.schemas.paging import Limit, WantedLabel
from interface.api.validation import invalid

CACHED_CHANGES: Final = 10_000
"""Changes whose JSON is cached, because several followers may need it."""

MAX_WAIT_SECONDS: Final = 30
"""Seconds that a long poll may wait."""

MAX_BOOKMARK_LENGTH: Final = 100
"""Characters."""

_AFTER = "Bookmark: `nextAfter` of the last answer. If left out, from the beginning."

EVENT_OF_TYPE: Final = {
    TransactionType.INBOUND: "InboundRecorded",
    TransactionType.OUTBOUND: "OutboundRecorded",
    TransactionType.ADJUST: "Adjusted",
    TransactionType.COUNT: "Adjusted",
    TransactionType.VOID: "Voided",
}


class Wanted(BaseModel):
    """The filter of a request for changes."""

    after: Annotated[str | None, Field(max_length=MAX_BOOKMARK_LENGTH, description=_AFTER)] = None
    location: WantedLabel = None


class StreamWanted(Wanted):
    """The filter of a stream, and what else it tells."""

    rejections: Annotated[
        bool, Field(description="Also tell the number of open rejected transactions.")
    ] = False


class PageWanted(Wanted):
    """The filter, page size and waiting time of a request for changes."""

    limit: Limit = 100
    wait: Annotated[
        float,
        Field(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait if there is no change."),
    ] = 0


def parse_page_wanted(after: object, limit: object) -> PageWanted:
    """Parses the `after` and `limit` of a batch. Raises Invalid: one of them is malformed."""
    given = {"after": after} | ({} if limit is None else {"limit": limit})
    with suppress(ValueError):
        given["limit"] = read_whole_number(limit)
    try:
        return PageWanted.model_validate(given, strict=True)
    except ValidationError as error:
        raise invalid(error.errors()[0]) from None


class RecordedTransaction(ExtraFields):
    """A recorded transaction, as part of a change."""

    local_id: Annotated[UUID, Field(description="A device recognises its own transactions by it.")]
    type: TransactionType
    quantity: Annotated[
        Number, Field(description="The requested quantity. For COUNT, the counted quantity.")
    ]
    delta: Number
    covered_at: CoveredAt
    reason: str | None
    note: str | None
    reference: str | None
    device: str | None
    occurred_at: Timestamp | None
    device_time: Annotated[DeviceTime, Field(exclude_if=is_none)] = None
    refused_at: RefusedAt = None


class ItemDetails(Wire):
    """The descriptive details of an item."""

    name: str
    unit: str
    safety_stock: Number
    scale: int
    floor: Number | None
    provisional: Annotated[
        bool, Field(description="Whether a manager has still to confirm the item.")
    ]


class ChangeRecord(Wire):
    """A change of an item: one event."""

    model_config = example(
        position=2,
        kind="InboundRecorded",
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        sku="TEA-250",
        version=2,
        onHand=24,
        actor="scanner-7",
        keyId="k3v9q1",
        recordedAt="2026-01-08T00:20:11.482Z",
        transaction={
            "localId": "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01",
            "type": "INBOUND",
            "quantity": 24,
            "delta": 24,
            "coveredAt": None,
            "reason": None,
            "note": "PO 1182",
            "reference": "po:1182",
            "device": "scanner-7",
            "occurredAt": "2026-01-08T00:14:03.000Z",
        },
        details=None,
    )

    position: int
    kind: Annotated[
        str,
        Field(
            description="The event: `InboundRecorded`, `OutboundRecorded`, `Adjusted`, "
            "`Voided`, `ItemRegistered`, `ItemDetailsChanged`, `ItemConfirmed`, "
            "`ItemDiscontinued`, `ItemReactivated`. Later versions may add more: ignore an unknown "
            "kind, but take its `onHand`."
        ),
    ]
    item_id: UUID
    location: str
    sku: str
    version: Annotated[
        int, Field(description="The item's version. Skip a version that your copy already has.")
    ]
    on_hand: Annotated[Number, Field(description="Quantity on hand after the change.")]
    actor: str
    key_id: str | None
    recorded_at: Timestamp
    transaction: Annotated[
        RecordedTransaction | None, Field(description="If goods were moved or counted.")
    ] = None
    details: Annotated[
        ItemDetails | None,
        Field(description="If the item was registered or its details changed."),
    ] = None

    @classmethod
    def of(cls, change: Movement | ItemChange) -> "ChangeRecord":
        kind, scale = _kind_and_scale(change)
        return cls.model_construct(
            position=change.position,
            kind=kind,
            item_id=change.item_id,
            location=change.location,
            sku=change.sku,
            version=change.version,
            on_hand=to_number(change.on_hand, scale),
            actor=change.actor,
            key_id=change.key_id,
            recorded_at=change.recorded_at,
            transaction=_transaction(change) if isinstance(change, Movement) else None,
            details=_details(change) if isinstance(change, ItemChange) else None,
        )


class CodeChangeRecord(Wire):
    """A change of a code: one event."""

    model_config = example(
        position=3,
        kind="CodeAssigned",
        code="4006381333931",
        location="main",
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        sku="TEA-250",
        per=12,
        version=1,
        actor="mina",
        keyId="k3v9q1",
        recordedAt="2026-01-08T00:20:11.482Z",
    )

    position: int
    kind: Annotated[
        str, Field(description="The event: `CodeAssigned`, or `CodeRetired`: the code is free.")
    ]
    code: str
    location: str
    item_id: UUID
    sku: str
    per: Per
    version: CodeVersion
    actor: str
    key_id: str | None
    recorded_at: Timestamp

    @classmethod
    def of(cls, change: CodeChange) -> "CodeChangeRecord":
        values = {name: getattr(change, name) for name in cls.model_fields}
        return cls.model_construct(**(values | {"per": json_number(Decimal(change.per))}))


class ChangeList(Wire):
    """A page of changes: those of items and those of codes, each ordered by position."""

    items: list[ChangeRecord]
    codes: list[CodeChangeRecord]
    next_after: Annotated[
        str, Field(description="Bookmark: `after` of the next request. Store it.")
    ]
    has_more: bool
    head: Annotated[int, Field(description="The ledger's last position.")]

    @classmethod
    def of(cls, page: ChangePage) -> "ChangeList":
        return cls.model_construct(
            items=[ChangeRecord.of(one) for one in page.changes if not isinstance(one, CodeChange)],
            codes=[CodeChangeRecord.of(one) for one in page.changes if isinstance(one, CodeChange)],
            next_after=str(page.next_after),
            has_more=page.has_more,
            head=page.head,
        )


_CHANGE: Final = TypeAdapter(ChangeRecord)
_CODE_CHANGE: Final = TypeAdapter(CodeChangeRecord)


def page_json(page: ChangePage) -> str:
    """Serialises a page like `ChangeList`. Cached changes cost a fraction of the time."""
    items, codes = (
        ",".join(
            _change_json(one) for one in page.changes if isinstance(one, CodeChange) is of_code
        )
        for of_code in (False, True)
    )
    has_more = "true" if page.has_more else "false"
    return (
        f'{{"items":[{items}],"codes":[{codes}],"nextAfter":"{page.next_after}",'
        f'"hasMore":{has_more},"head":{page.head}}}'
    )


@lru_cache(CACHED_CHANGES)
def _change_json(change: Change) -> str:
    if isinstance(change, CodeChange):
        return _CODE_CHANGE.dump_json(CodeChangeRecord.of(change), by_alias=True).decode()
    return _CHANGE.dump_json(ChangeRecord.of(change), by_alias=True).decode()


def _transaction(movement: Movement) -> RecordedTransaction:
    quantities = quantity_fields(movement)
    return RecordedTransaction.model_construct(
        local_id=movement.local_id,
        type=movement.type,
        quantity=quantities["quantity"],
        delta=quantities["delta"],
        covered_at=movement.covered_at,
        reason=movement.reason,
        note=movement.note,
        reference=movement.reference,
        device=movement.device,
        occurred_at=movement.occurred_at,
        device_time=movement.device_time,
        refused_at=movement.refused_at,
        **extra_fields(movement),
    )


def _details(change: ItemChange) -> ItemDetails | None:
    if change.name is None or change.unit is None or change.safety_stock is None:
        return None
    return ItemDetails(
        name=change.name,
        unit=change.unit,
        safety_stock=to_number(change.safety_stock, change.scale),
        scale=change.scale,
        floor=floor_number(change.floor, change.scale),
        provisional=change.provisional,
    )


def _kind_and_scale(change: Movement | ItemChange) -> tuple[str, int]:
    if isinstance(change, ItemChange):
        return change.kind, change.scale
    return EVENT_OF_TYPE[change.type], change.extra.scale
