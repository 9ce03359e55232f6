"""Schemas of an item's history."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from application.history import History
from application.parsing.transactions import Number
from application.projections import Change
from application.projections.code_changes import CodeChange
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from interface.api.schemas.base import Timestamp, Wire, example, is_none
from interface.api.schemas.changes import ChangeRecord, CodeChangeRecord


class HistoryBucket(Wire):
    """The movements of an item within a period, summed up."""

    start: Timestamp
    end: Annotated[Timestamp, Field(description="Exclusive.")]
    first: Annotated[Number, Field(description="On hand after the first movement.")]
    lowest: Number
    highest: Number
    last: Annotated[Number, Field(description="On hand after the last movement.")]
    movements: int
    counts: Annotated[int, Field(description="Stock-takes among the movements.")]


class OnHandHistory(Wire):
    """The quantity on hand of an item over a period, by time of recording."""

    model_config = example(
        start="2026-01-08T00:00:00.000Z",
        end="2026-01-10T00:00:00.000Z",
        opening=0,
        closing=21,
        buckets=[
            {
                "start": "2026-01-08T00:00:00.000Z",
                "end": "2026-01-09T00:00:00.000Z",
                "first": 24,
                "lowest": 21,
                "highest": 24,
                "last": 21,
                "movements": 2,
                "counts": 0,
            }
        ],
    )

    start: Timestamp
    end: Annotated[Timestamp, Field(description="Exclusive.")]
    opening: Annotated[Number, Field(description="On hand before the first movement.")]
    closing: Number
    buckets: Annotated[
        list[HistoryBucket], Field(description="In order. Those without a movement are left out.")
    ]

    @classmethod
    def of(cls, history: History) -> "OnHandHistory":
        buckets = [HistoryBucket(**bucket._asdict()) for bucket in history.buckets]
        return cls(
            start=history.start,
            end=history.end,
            opening=history.opening,
            closing=history.closing,
            buckets=buckets,
        )


class ItemEvent(ChangeRecord):
    """An event of an item."""

    voided_by: Annotated[
        UUID | None, Field(exclude_if=is_none, description="The `localId` of its VOID.")
    ] = None


class ItemEventPage(Wire):
    """A page of an item's events, and of those of its codes, each newest first."""

    items: list[ItemEvent]
    codes: list[CodeChangeRecord]
    next_cursor: str | None

    @classmethod
    def of(
        cls, changes: Sequence[Change], voids: Mapping[UUID, UUID], next_cursor: str | None
    ) -> "ItemEventPage":
        return cls.model_construct(
            items=[_item_event(one, voids) for one in changes if not isinstance(one, CodeChange)],
            codes=[CodeChangeRecord.of(one) for one in changes if isinstance(one, CodeChange)],
            next_cursor=next_cursor,
        )


def _item_event(change: Movement | ItemChange, voids: Mapping[UUID, UUID]) -> ItemEvent:
    voided_by = voids.get(change.local_id) if isinstance(change, Movement) else None
    return ItemEvent.model_construct(**dict(ChangeRecord.of(change)), voided_by=voided_by)
