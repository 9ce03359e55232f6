"""The reader: look-ups in the read models, and in the tables beside them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from application.persistence.filters import AuditFilter, ItemFilter, MovementFilter, RejectedFilter
from application.projections import Change
from application.projections.item_changes import ItemChange
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.tables.access import ApiKey, AuditEntry
from application.tables.rejected import RejectedTransaction


class Reader(ABC):
    """Every method may raise StoreUnavailable, and ReadCancelled within a `cancelled_by` block."""

    @abstractmethod
    def select_item(self, item_id: UUID) -> StockLevel | None:
        """One row of the stock list."""

    @abstractmethod
    def select_items(
        self, wanted: ItemFilter, *, after: tuple[str, str, UUID] | None, limit: int
    ) -> Sequence[StockLevel]:
        """The stock list by location, SKU and id, from behind `after`, which is one such key."""

    @abstractmethod
    def select_items_alike(self, limit: int) -> Sequence[StockLevel]:
        """Items whose location and SKU are those of another item. There are none but such as were
        registered when labels had no one form."""

    @abstractmethod
    def select_item_change(
        self, item_id: UUID, kinds: Sequence[str], *, upto_version: int
    ) -> ItemChange | None:
        """The last of the item's events of these kinds, up to that version."""

    @abstractmethod
    def select_movements(
        self, wanted: MovementFilter, *, before: int | None, limit: int
    ) -> Sequence[Movement]:
        """The journal, newest first, from the position before `before`."""

    @abstractmethod
    def select_changes(
        self, locations: frozenset[str] | None, *, after: int, upto: int, limit: int
    ) -> Sequence[Change]:
        """What happened at these locations, or at all, in the order of positions, behind `after`
        and up to `upto`."""

    @abstractmethod
    def select_last_change(self, *, upto: int) -> Change | None:
        """What happened last, up to that position."""

    @abstractmethod
    def select_rejected(
        self, wanted: RejectedFilter, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[RejectedTransaction]:
        """Rejected transactions, the newest first, from before `before`: when one was rejected
        first, and its id."""

    @abstractmethod
    def select_rejected_of(
        self, local_ids: Sequence[UUID], locations: frozenset[str] | None
    ) -> Sequence[RejectedTransaction]:
        """What was rejected last, at these locations or at all, under each of these `local_id`s,
        and was not recorded since."""

    @abstractmethod
    def select_key(self, key_id: str) -> ApiKey | None:
        """One API key."""

    @abstractmethod
    def select_keys(self) -> Sequence[ApiKey]:
        """All API keys, the newest first."""

    @abstractmethod
    def select_audit(
        self, wanted: AuditFilter, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """The audit trail, newest first, from before that entry."""
