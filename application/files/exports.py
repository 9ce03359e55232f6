"""Exports: every list as rows of plain values, read page by page.

No list is held in memory as a whole, and no export holds a lock: what is recorded during it may be
in it or not.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from application.access.audit import AuditTrail
from application.access.principal import Principal
from application.access.roles import Permission
from application.files.columns import (
    AUDIT_COLUMNS,
    CODE_COLUMNS,
    ITEM_COLUMNS,
    MOVEMENT_COLUMNS,
    REJECTION_COLUMNS,
    STOCK_COLUMNS,
    Columns,
)
from application.files.rows import (
    Row,
    audit_row,
    item_row,
    item_rows,
    movement_row,
    rejection_row,
    stock_row,
)
from application.items import ItemService
from application.persistence.filters import AuditFilter, ItemFilter, MovementFilter, RejectedFilter
from application.projections.stock_levels import StockLevel
from application.reads import ReadService
from domain.errors import Invalid, UnknownVersion
from domain.labels import label

ROWS_PER_PAGE: Final = 500
"""Rows read, and held in memory, at a time."""

_LEAST_TIME: Final = timedelta(microseconds=1)

_SOMEBODY: Final = ""
"""Who registered an item that was provisional at an earlier time. No export tells it."""

Page = list[Row]
Found = TypeVar("Found")


class ListName(StrEnum):
    """A list that can be exported as a whole."""

    ITEMS = "items"
    STOCK = "stock"
    MOVEMENTS = "movements"
    REJECTIONS = "rejections"
    AUDIT = "audit"


class Export(NamedTuple):
    """The columns and the rows of a list. Each page is read when it is asked for."""

    columns: Columns
    pages: Iterator[Page]


class ExportService:
    """Reads lists for export.

    The pages raise what a list of the ReadService raises. `location` limits a list to one; None
    means all of the caller's.
    """

    def __init__(self, reads: ReadService, items: ItemService, audit: AuditTrail) -> None:
        self._reads = reads
        self._items = items
        self._audit = audit

    def whole(
        self,
        name: ListName,
        principal: Principal,
        *,
        location: str | None = None,
        since: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Export:
        """Returns a list without a filter.

        Args:
            name: the list.
            principal: the caller.
            location: limits it to one location; not the audit trail.
            since: only what was recorded at this time or later; not for items and stock.
            as_of: items and stock as they were recorded at this time; of the other lists, only what
                was recorded before or at this time.

        Raises:
            Invalid: the list can't be limited in this way, or the location is not a label.
            Forbidden: the caller may not read the list.
        """
        _require_limits(name, location, since)
        location = None if location is None else label("location", location)
        until = _just_after(as_of)
        match name:
            case ListName.ITEMS:
                return self.items(ItemFilter(), principal, location, as_of)
            case ListName.STOCK:
                return self.stock(ItemFilter(), principal, location, as_of)
            case ListName.MOVEMENTS:
                movements = MovementFilter(recorded_from=since, recorded_to=until)
                return self.movements(movements, principal, location)
            case ListName.REJECTIONS:
                rejections = RejectedFilter(rejected_from=since, rejected_to=until)
                return self.rejections(rejections, principal, location)
            case ListName.AUDIT:
                return self.audit(AuditFilter(recorded_from=since, recorded_to=until), principal)

    def items(
        self,
        wanted: ItemFilter,
        principal: Principal,
        location: str | None = None,
        as_of: datetime | None = None,
    ) -> Export:
        """Returns the items and their codes, for an import. With `as_of`, without the codes, whose
        past is not kept as a list."""
        found = self._levels(wanted, principal, location, as_of)
        if as_of is not None:
            columns = {
                name: kind for name, kind in ITEM_COLUMNS.items() if name not in CODE_COLUMNS
            }
            return Export(columns, ([*map(item_row, page)] for page in found))

        def pages() -> Iterator[Page]:
            for levels in found:
                codes = self._reads.codes_of([level.item_id for level in levels])
                yield [row for level in levels for row in item_rows(level, codes[level.item_id])]

        return Export(ITEM_COLUMNS, pages())

    def stock(
        self,
        wanted: ItemFilter,
        principal: Principal,
        location: str | None = None,
        as_of: datetime | None = None,
    ) -> Export:
        """Returns the quantities on hand."""
        levels = self._levels(wanted, principal, location, as_of)
        return Export(STOCK_COLUMNS, ([*map(stock_row, page)] for page in levels))

    def movements(
        self, wanted: MovementFilter, principal: Principal, location: str | None = None
    ) -> Export:
        """Returns the journal, newest first."""

        def pages() -> Iterator[Page]:
            found = _pages(
                lambda before: self._reads.movements(
                    wanted, principal, location=location, before=before, limit=ROWS_PER_PAGE
                ),
                key=lambda movement: movement.position,
            )
            for movements in found:
                voids = self._reads.voids_of(movements)
                yield [movement_row(one, voids.get(one.local_id)) for one in movements]

        return Export(MOVEMENT_COLUMNS, pages())

    def rejections(
        self, wanted: RejectedFilter, principal: Principal, location: str | None = None
    ) -> Export:
        """Returns rejected transactions, newest first."""
        found = _pages(
            lambda before: self._reads.rejected(
                wanted, principal, location=location, before=before, limit=ROWS_PER_PAGE
            ),
            key=lambda row: (row.first_rejected_at, row.rejection_id),
        )
        return Export(REJECTION_COLUMNS, ([*map(rejection_row, page)] for page in found))

    def audit(self, wanted: AuditFilter, principal: Principal) -> Export:
        """Returns the audit trail, newest first. Raises Forbidden: the caller may not read it."""
        principal.require(Permission.READ_AUDIT)
        found = _pages(
            lambda before: self._audit.entries(wanted, before=before, limit=ROWS_PER_PAGE),
            key=lambda entry: entry.entry_id,
        )
        return Export(AUDIT_COLUMNS, ([*map(audit_row, page)] for page in found))

    def _levels(
        self,
        wanted: ItemFilter,
        principal: Principal,
        location: str | None,
        as_of: datetime | None,
    ) -> Iterator[Sequence[StockLevel]]:
        found = _pages(
            lambda after: self._reads.items(
                wanted, principal, location=location, after=after, limit=ROWS_PER_PAGE
            ),
            key=lambda level: (level.location, level.sku, level.item_id),
        )
        if as_of is None:
            return found
        return ([*self._as_of(page, as_of, principal)] for page in found)

    def _as_of(
        self, levels: Sequence[StockLevel], time: datetime, principal: Principal
    ) -> Iterator[StockLevel]:
        """Yields the items as they were recorded at that time, without those that were not yet."""
        for level in levels:
            if level.updated_at <= time:
                yield level
                continue
            try:
                item = self._items.as_of(level.item_id, time, principal)
            except UnknownVersion:
                continue
            yield level._replace(
                name=item.name,
                unit=item.unit,
                safety_stock=item.safety_stock,
                on_hand=item.on_hand,
                version=item.version,
                active=item.active,
                updated_at=item.modified_on,
                scale=item.scale,
                floor=item.floor,
                provisional_by=_SOMEBODY if item.provisional else None,
            )


def _require_limits(name: ListName, location: str | None, since: datetime | None) -> None:
    """Raises Invalid: the list has no location, or is no list of what was recorded one after the
    other."""
    if name is ListName.AUDIT and location is not None:
        raise Invalid("location", "the audit trail is that of all locations")
    if name in {ListName.ITEMS, ListName.STOCK} and since is not None:
        raise Invalid("since", f"is not for {name}: they are a state, as of one time")


def _just_after(time: datetime | None) -> datetime | None:
    """Returns the end, exclusive, of what was recorded up to this time, inclusive."""
    try:
        return None if time is None else time + _LEAST_TIME
    except OverflowError:
        return None


def _pages(
    read: Callable[[Any], Sequence[Found]], key: Callable[[Found], object]
) -> Iterator[Sequence[Found]]:
    """Yields pages, each after the key of the last row before it (keyset pagination)."""
    place: object = None
    while page := read(place):
        yield page
        if len(page) < ROWS_PER_PAGE:
            return
        place = key(page[-1])
