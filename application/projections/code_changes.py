"""Code changes: all events of codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from application.projections.projection import Recorded
from application.tables.table import Insert, Table
from domain.barcode import BARCODE_TOPICS, BarcodeEvent
from domain.events import LedgerEvent


class CodeChange(NamedTuple):
    """One event of a code."""

    position: int
    code_id: UUID
    location: str
    code: str
    version: int
    kind: str
    """Name of the event's class."""
    item_id: UUID
    sku: str
    per: str
    """The base units that one scan counts, as a decimal."""
    actor: str
    key_id: str | None
    recorded_at: datetime


class CodeChanges:
    """Projection: one row per event of a code."""

    table: ClassVar = Table(
        "code_changes",
        CodeChange,
        key="position",
        indexes=(("location", "position"), ("item_id", "position")),
    )

    revision: ClassVar = 1

    topics: ClassVar = BARCODE_TOPICS

    needs_last_movements_only: ClassVar = False

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> list[Insert]:
        rows = [
            _code_change(position, event)
            for position, event in recorded
            if isinstance(event, BarcodeEvent)
        ]
        return [Insert(rows)] if rows else []


def _code_change(position: int, event: BarcodeEvent) -> CodeChange:
    return CodeChange(
        position=position,
        code_id=event.originator_id,
        location=event.location,
        code=event.code,
        version=event.originator_version,
        kind=type(event).__name__,
        item_id=event.item_id,
        sku=event.sku,
        per=f"{event.per:f}",
        actor=event.actor,
        key_id=event.key_id,
        recorded_at=event.timestamp,
    )
