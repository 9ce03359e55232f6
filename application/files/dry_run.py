"""Dry run of an import: what its rows so far would have made of items and codes."""

from collections.abc import Container, Iterable
from typing import NamedTuple
from uuid import UUID

from application.files.item_rows import ItemRow, ReadRow
from application.parsing.items import CodeRequest, Registration
from application.recording.registration import RegistrationResult
from application.recording.sync_result import SyncResult
from domain.barcode import code_id
from domain.errors import CodeTaken
from domain.stock_item import StockItem


class _Item(NamedTuple):
    """An item as a dry run leaves it."""

    registration: Registration
    codes: dict[int, CodeRequest]
    """Those that the file has assigned to it, by their ids as whole numbers."""
    is_opened: bool
    """Whether the file has its opening stock."""


class DryRun:
    """In a dry run: what the rows so far would have made of items and codes that several rows have.

    Each item is kept as one registration, which leaves it as all its rows have left it. So trying
    out a chunk takes a time that does not grow with the rows before it.
    """

    def __init__(self, repeated: Container[int]) -> None:
        self._repeated = repeated
        self._items: dict[int, _Item] = {}
        self._owners: dict[int, int] = {}
        """The item of each code that several rows have."""

    def before(self, rows: Iterable[ItemRow]) -> list[Registration]:
        """Returns the registrations on which the outcome of these rows depends."""
        wanted: dict[int, None] = {}
        for row in rows:
            wanted[row.registration.item_id.int] = None
            owners = (self._owners.get(code.int) for code in row.registration.code_ids)
            wanted |= dict.fromkeys(owner for owner in owners if owner is not None)
        found = (self._items[one] for one in wanted if one in self._items)
        return [one.registration._replace(codes=tuple(one.codes.values())) for one in found]

    def first_with_other_scale(
        self, rows: Iterable[ItemRow], results: Iterable[RegistrationResult]
    ) -> ItemRow | None:
        """Returns the first row that would change the scale of an item that has its opening stock
        from an earlier chunk. None if there is none."""
        for row, result in zip(rows, results, strict=True):
            known = self._items.get(row.registration.item_id.int)
            if known is None or result.item is None or not known.is_opened:
                continue
            if result.item.scale != known.registration.scale:
                return row
        return None

    def learn(self, rows: Iterable[ItemRow], outcome: SyncResult) -> None:
        """Takes the outcome of rows."""
        opened = {one.index for one in outcome.synced}
        for place, (row, result) in enumerate(zip(rows, outcome.items, strict=True)):
            own = {id_.int for id_ in stream_ids(row)}
            if result.item is not None and any(one in self._repeated for one in own):
                self._learn(row.registration, result, result.item, is_opened=place in opened)

    def _learn(
        self,
        registration: Registration,
        result: RegistrationResult,
        item: StockItem,
        *,
        is_opened: bool,
    ) -> None:
        taken = {
            code_id(registration.location, str(problem.details["code"]))
            for problem in result.problems
            if isinstance(problem, CodeTaken)
        }
        known = self._items.get(item.id.int)
        codes = {} if known is None else known.codes
        for id_, code in zip(registration.code_ids, registration.codes, strict=True):
            if id_ not in taken:
                codes[id_.int] = code
                if id_.int in self._repeated:
                    self._owners[id_.int] = item.id.int
        is_opened = is_opened or (known is not None and known.is_opened)
        self._items[item.id.int] = _Item(as_it_stands(registration, item), codes, is_opened)


def repeated_ids(rows: Iterable[ReadRow]) -> set[int]:
    """Returns the ids of the items and codes that several rows have, as whole numbers."""
    seen: set[int] = set()
    repeated: set[int] = set()
    for row in rows:
        if isinstance(row, ItemRow):
            own = {id_.int for id_ in stream_ids(row)}
            repeated |= own & seen
            seen |= own
    return repeated


def stream_ids(row: ItemRow) -> list[UUID]:
    """Returns the ids of the item and of the codes of a row."""
    return [row.registration.item_id, *row.registration.code_ids]


def as_it_stands(registration: Registration, item: StockItem) -> Registration:
    """Returns the registration of an item with all the details that it has."""
    details = item.details
    return registration._replace(
        name=details.name,
        unit=details.unit,
        safety_stock=details.safety_stock,
        scale=details.scale,
        floor=details.floor,
        codes=(),
    )
