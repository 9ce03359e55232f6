"""Reads: the stock list, the journal and rejected transactions, at the caller's locations.

The API reads only through this service, so no endpoint can forget the scope of its caller.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from application.access.principal import Principal
from application.persistence.filters import ItemFilter, MovementFilter, RejectedFilter
from application.persistence.reader import Reader
from application.projections.codes import Code
from application.projections.movements import Movement
from application.projections.stock_levels import StockLevel
from application.tables.rejected import RejectedTransaction
from domain.transaction import void_id

MAX_LOCATIONS: Final = 10_000
"""Locations in a list."""

MAX_COUNTED_REJECTIONS: Final = 1_000
"""Open rejected transactions beyond this number are not counted."""


class ReadService:
    """Reads rows of read models, a page at a time.

    Each list takes the caller and a `location`; None means all of the caller's locations. It
    overwrites the `locations` of the filter.

    Every method may raise StoreUnavailable and ReadCancelled. A list raises Forbidden: the location
    is not one of the caller's.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def item(self, item_id: UUID, principal: Principal) -> StockLevel:
        """Returns the item's row in the stock list. Raises UnknownItem."""
        return principal.require_item(item_id, self._reader.select_item(item_id))

    def items(
        self,
        wanted: ItemFilter,
        principal: Principal,
        *,
        location: str | None,
        after: tuple[str, str, UUID] | None,
        limit: int,
    ) -> Sequence[StockLevel]:
        """Returns the stock list by location, SKU and id; `after` is such a key, exclusive."""
        scoped = replace(wanted, locations=principal.scope(location))
        return self._reader.select_items(scoped, after=after, limit=limit)

    def codes_of(self, item_ids: Sequence[UUID]) -> Mapping[UUID, list[Code]]:
        """Returns the codes of these items, by item; an empty list if it has none."""
        codes: defaultdict[UUID, list[Code]] = defaultdict(list)
        for code in self._reader.select_codes(item_ids):
            codes[cast("UUID", code.item_id)].append(code)
        return codes

    def levels_of(
        self, item_ids: Sequence[UUID], principal: Principal
    ) -> Mapping[UUID, StockLevel]:
        """Returns the rows of these items, as far as they exist at the caller's locations, by
        item."""
        found = self._reader.select_levels(item_ids)
        return {one.item_id: one for one in found if principal.can_access(one.location)}

    def movements(
        self,
        wanted: MovementFilter,
        principal: Principal,
        *,
        location: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[Movement]:
        """Returns the journal, newest first; `before` is a position, exclusive."""
        scoped = replace(wanted, locations=principal.scope(location))
        return self._reader.select_movements(scoped, before=before, limit=limit)

    def movements_of(
        self,
        item_id: UUID,
        wanted: MovementFilter,
        principal: Principal,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[Movement]:
        """Returns one item's journal, newest first; `before` is a position. Raises UnknownItem."""
        self.item(item_id, principal)
        scoped = replace(wanted, item_id=item_id, locations=None)
        return self._reader.select_movements(scoped, before=before, limit=limit)

    def voids_of(self, movements: Sequence[Movement]) -> dict[UUID, UUID]:
        """Returns the `local_id` of the VOID of each of these that is voided."""
        voids = {void_id(one.local_id): one.local_id for one in movements}
        found = self._reader.select_recorded_among([*voids]) if voids else set()
        return {voids[one]: one for one in found}

    def rejected(
        self,
        wanted: RejectedFilter,
        principal: Principal,
        *,
        location: str | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[RejectedTransaction]:
        """Returns rejected transactions, newest first. `before`, exclusive, is the time of a first
        rejection, and the rejection's id."""
        scoped = replace(wanted, locations=principal.scope(location))
        return self._reader.select_rejected(scoped, before=before, limit=limit)

    def open_rejections(self, scope: frozenset[str] | None) -> int:
        """Returns the number of open rejected transactions in a caller's scope, counted up to
        MAX_COUNTED_REJECTIONS."""
        return self._reader.count_open_rejections(scope, at_most=MAX_COUNTED_REJECTIONS)

    def locations(self, principal: Principal) -> Sequence[str]:
        """Returns the caller's own locations; all that have items, if the caller may be everywhere.
        In order, at most MAX_LOCATIONS."""
        own = principal.scope(None)
        return self._reader.select_locations(MAX_LOCATIONS) if own is None else sorted(own)
