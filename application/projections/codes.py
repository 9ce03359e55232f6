"""Codes: the items that codes belong to now."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple
from uuid import UUID

from application.projections.projection import Recorded
from application.tables.table import Table, Upsert
from domain.barcode import BARCODE_TOPICS, BarcodeEvent, CodeAssigned, compared_form
from domain.events import LedgerEvent


class Code(NamedTuple):
    """One code, as of its last event."""

    code_id: UUID
    location: str
    code: str
    """As it was assigned."""
    compared: str
    """In the form in which codes are compared."""
    item_id: UUID | None
    """None while it is free."""
    per: str
    """The base units that one scan counts, as a decimal."""
    version: int
    position: int


class Codes:
    """Projection: one row per code."""

    table: ClassVar = Table(
        "codes", Code, key="code_id", indexes=(("compared",),), sparse_indexes=(("item_id",),)
    )

    revision: ClassVar = 1

    topics: ClassVar = BARCODE_TOPICS

    needs_last_movements_only: ClassVar = False

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> list[Upsert]:
        last = {
            event.originator_id: _code(position, event)
            for position, event in recorded
            if isinstance(event, BarcodeEvent)
        }
        return [Upsert([*last.values()])] if last else []


def _code(position: int, event: BarcodeEvent) -> Code:
    return Code(
        code_id=event.originator_id,
        location=event.location,
        code=event.code,
        compared=compared_form(event.code),
        item_id=event.item_id if isinstance(event, CodeAssigned) else None,
        per=f"{event.per:f}",
        version=event.originator_version,
        position=position,
    )
