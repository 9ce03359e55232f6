"""Rows that an import has tried out: which of them can be recorded, and how."""

from collections.abc import Sequence
from uuid import UUID

from application.files.dry_run import stream_ids
from application.files.import_problems import has_other_details, of_opening
from application.files.item_rows import ItemRow, RowProblem
from application.recording.registration import RegistrationResult
from application.recording.sync_result import SyncResult
from domain.errors import LocalIdReused, Rejection


def sort_out(rows: Sequence[ItemRow], tried: SyncResult) -> tuple[list[ItemRow], list[RowProblem]]:
    """Returns the rows to record as far as this is sure, and the problems of those left out.

    A row whose stock is refused registers nothing: without its stock, the item would stand in the
    way of the corrected row. A row of an item that differs has no stock to record: it is perhaps of
    something else.
    """
    refused = {one.index: one.rejection for one in tried.failed}
    recordable: list[ItemRow] = []
    problems: list[RowProblem] = []
    unsure: set[UUID] = set()
    """Items and codes that a changed row has, and rows after it that depend on that row."""
    for place, (row, item) in enumerate(zip(rows, tried.items, strict=True)):
        is_unsure = not unsure.isdisjoint(stream_ids(row))
        kept = row if is_unsure else _recordable(row, item, refused.get(place))
        if is_unsure or kept != row:
            unsure.update(stream_ids(row))
        if kept is not None:
            recordable.append(kept)
        elif (rejection := refused.get(place)) is not None:
            problems.append(RowProblem(row.line, of_opening(rejection)))
    return recordable, problems


def _recordable(
    row: ItemRow, item: RegistrationResult, rejection: Rejection | None
) -> ItemRow | None:
    """Returns the row as it can be recorded; None if it can't. `rejection`: of its stock."""
    if row.opening is None or (rejection is None and item.status in {"registered", "known"}):
        return row
    if item.item is None or has_other_details(item):
        return row._replace(opening=None)
    return row if rejection is None or isinstance(rejection, LocalIdReused) else None
