"""The read port: look-ups in the read models, and in the tables beside the events."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from application.persistence.filters import AuditFilter, ItemFilter, MovementFilter, RejectedFilter
from application.projections import Change
from application.projections.codes import Code
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.tables.access import ApiKey, AuditEntry, Session
from application.tables.rejected import RejectedTransaction


class ScaleSet(NamedTuple):
    """The scale of an item from an event on."""

    position: int
    scale: int
    recorded_at: datetime


class Bucket(NamedTuple):
    """Sums of an item's movements within a period. Quantities are in steps."""

    number: int
    lowest: int
    """Of the quantities on hand after each movement."""
    highest: int
    movements: int
    counts: int
    """Stock-takes among the movements."""
    first: int
    """The position of the first movement."""
    last: int
    """The position of the last movement."""


class Reader(ABC):
    """The read port.

    Every method may raise StoreUnavailable, and ReadCancelled in a `cancelled_by` block. `limit` is
    the maximum number of rows.
    """

    @abstractmethod
    def select_item(self, item_id: UUID) -> StockLevel | None:
        """One row of the stock list; None if there is no such item."""

    @abstractmethod
    def select_levels(self, item_ids: Sequence[UUID]) -> Sequence[StockLevel]:
        """The rows of these items in the stock list, in any order."""

    @abstractmethod
    def select_items(
        self, wanted: ItemFilter, *, after: tuple[str, str, UUID] | None, limit: int
    ) -> Sequence[StockLevel]:
        """The stock list, by location, SKU and id. Starts after the key `after`, if given."""

    @abstractmethod
    def select_items_alike(self, limit: int) -> Sequence[StockLevel]:
        """Items that share location and SKU with another item.

        Only items registered before labels had one Unicode form can do so.
        """

    @abstractmethod
    def select_codes(self, item_ids: Sequence[UUID]) -> Sequence[Code]:
        """The codes that belong to these items, by code."""

    @abstractmethod
    def select_item_change(
        self, item_id: UUID, kinds: Sequence[str], *, upto_version: int
    ) -> ItemChange | None:
        """The item's last event of these kinds, up to that version (inclusive); None if none."""

    @abstractmethod
    def select_movements(
        self, wanted: MovementFilter, *, before: int | None, limit: int
    ) -> Sequence[Movement]:
        """The journal, newest first. Starts below the position `before`, if given."""

    @abstractmethod
    def select_recorded_among(self, local_ids: Sequence[UUID]) -> set[UUID]:
        """The subset of these `local_id`s that is recorded."""

    @abstractmethod
    def select_changes(
        self, locations: frozenset[str] | None, *, after: int, upto: int, limit: int
    ) -> Sequence[Change]:
        """Events at these locations (None: everywhere), in order of position.

        `after` is an exclusive bound, `upto` an inclusive one.
        """

    @abstractmethod
    def select_last_change(self, *, upto: int) -> Change | None:
        """The last event up to that position (inclusive); None if there is none."""

    @abstractmethod
    def select_rejected(
        self, wanted: RejectedFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[RejectedTransaction]:
        """Rejected transactions, newest first.

        Starts before the key `before`, if given: time of the first rejection, and `rejection_id`.
        """

    @abstractmethod
    def select_rejected_of(
        self, local_ids: Sequence[UUID], locations: frozenset[str] | None
    ) -> Sequence[RejectedTransaction]:
        """The last rejected transaction of each `local_id` that is not resolved.

        Only at these locations (None: everywhere).
        """

    @abstractmethod
    def select_key(self, key_id: str) -> ApiKey | None:
        """One API key; None if there is none."""

    @abstractmethod
    def select_keys(self) -> Sequence[ApiKey]:
        """All API keys, newest first, at most 10,000 (MAX_LISTED_KEYS)."""

    @abstractmethod
    def select_session(self, digest: str) -> Session | None:
        """One session; None if there is none."""

    @abstractmethod
    def select_locations(self, limit: int) -> Sequence[str]:
        """The locations that have items, in order."""

    @abstractmethod
    def select_scales(self, item_id: UUID) -> Sequence[ScaleSet]:
        """The scales that an item had, oldest first. The first is that of its registration."""

    @abstractmethod
    def select_buckets(
        self, wanted: MovementFilter, positions: range, width: timedelta
    ) -> Sequence[Bucket]:
        """The movements at these positions, summed up by time: bucket `n` begins `n` widths after
        `wanted.recorded_from`, which is required. Buckets without a movement are left out."""

    @abstractmethod
    def select_movements_at(self, positions: Sequence[int]) -> Sequence[Movement]:
        """The movements at these positions."""

    @abstractmethod
    def select_changes_of(
        self, item_id: UUID, *, before: int | None, limit: int
    ) -> Sequence[Change]:
        """The events of an item and of its codes, newest first. Starts below the position
        `before`, if given."""

    @abstractmethod
    def count_open_rejections(self, locations: frozenset[str] | None, *, at_most: int) -> int:
        """Number of open rejected transactions at these locations (None: everywhere), counted up
        to `at_most`."""

    @abstractmethod
    def select_audit(
        self, wanted: AuditFilter, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """The audit log, newest first. Starts before the entry `before`, if given."""
