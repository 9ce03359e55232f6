"""The journal: every recorded transaction, as a reader sees it."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import ClassVar, Final, NamedTuple
from uuid import UUID

import msgspec

from application.projections.projection import Recorded
from application.tables.table import Insert, Table
from domain.events import MOVEMENT_TOPICS, LedgerEvent, MovementRecorded
from domain.transaction import Information, TransactionType


class Extra(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of a movement that few have. They share a column, so that the others pay nothing
    for them."""

    scale: int = 0
    info: Information | None = None
    override: bool | None = None
    received_at: datetime | None = None
    voids: UUID | None = None
    corrects: UUID | None = None
    returns: UUID | None = None
    group: UUID | None = None


NOTHING_EXTRA: Final = Extra()

_NO_VALUES: Final = msgspec.structs.astuple(NOTHING_EXTRA)
_extra_values: Final = attrgetter(*Extra.__struct_fields__)
_decode: Final = msgspec.json.Decoder(Extra).decode


class Movement(NamedTuple):
    """One recorded transaction."""

    position: int
    item_id: UUID
    location: str
    sku: str
    version: int
    local_id: UUID
    type: TransactionType
    quantity: int
    delta: int
    on_hand: int
    covered_at: datetime | None
    reason: str | None
    note: str | None
    reference: str | None
    actor: str
    key_id: str | None
    device: str | None
    occurred_at: datetime | None
    device_time: str | None
    recorded_at: datetime
    refused_at: datetime | None
    extra_object: str | None
    """`Extra` as a JSON object; None if it has nothing but defaults."""

    @property
    def extra(self) -> Extra:
        """The fields that few movements have."""
        return NOTHING_EXTRA if self.extra_object is None else _decode(self.extra_object)


class Movements:
    """Projection: one row per recorded transaction."""

    table: ClassVar = Table(
        "movements",
        Movement,
        key="position",
        indexes=(
            *((column, "position") for column in ("location", "type", "actor", "device")),
            ("location", "type", "position"),
        ),
        sparse_indexes=(("reference", "position"), ("refused_at", "position")),
    )

    revision: ClassVar = 2

    topics: ClassVar = MOVEMENT_TOPICS

    needs_last_movements_only: ClassVar = False

    def project(self, recorded: Sequence[Recorded[LedgerEvent]]) -> list[Insert]:
        rows = [
            _movement(position, event)
            for position, event in recorded
            if isinstance(event, MovementRecorded)
        ]
        return [Insert(rows)] if rows else []


def _movement(position: int, event: MovementRecorded) -> Movement:
    # Positional for speed: keywords would cost 0.7 µs per row, 2 % of a transaction.
    return Movement(
        position,
        event.originator_id,
        event.location,
        event.sku,
        event.originator_version,
        event.local_id,
        event.type,
        event.quantity,
        event.delta,
        event.on_hand,
        event.covered_at,
        event.reason,
        event.note,
        event.reference,
        event.actor,
        event.key_id,
        event.device,
        event.occurred_at,
        event.device_time,
        event.timestamp,
        event.refused_at,
        _extra_object(event),
    )


def _extra_object(event: MovementRecorded) -> str | None:
    values = _extra_values(event)
    return None if values == _NO_VALUES else msgspec.json.encode(Extra(*values)).decode()
