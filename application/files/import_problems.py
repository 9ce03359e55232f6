"""Problems of an import, in the terms of its file."""

from collections.abc import Iterator, Sequence
from typing import Final

from application.files.dry_run import as_it_stands
from application.files.item_rows import ItemRow, RowProblem, details_given
from application.parsing.items import Registration
from application.recording.registration import RegistrationResult
from application.recording.sync_result import SyncResult
from domain.errors import Invalid, ItemDiffers, LocalIdReused, Rejection
from domain.stock_item import StockItem

_COLUMN_OF_FIELD: Final = {"quantity": "onHand", "occurredAt": "countedAt"}
"""What the fields of an opening stock are called in an import."""

_HINTS: Final = {"onHand": ": see the column scale"}


class AlreadyOpened(Rejection):
    """The opening stock of the item is recorded already, with another quantity or time."""

    code = "ALREADY_OPENED"

    def __init__(self, recorded: LocalIdReused) -> None:
        """Takes the rejection with the opening stock that is recorded."""
        quantity = recorded.details.get("quantity")
        super().__init__(
            f"the opening stock of this item is recorded already, as {quantity}: record a "
            "stock-take instead",
            quantity=quantity,
        )


def problems_of(row: ItemRow, result: RegistrationResult) -> Iterator[RowProblem]:
    """Yields why an item is not registered as the row has it."""
    found = result.problems or ([] if result.rejection is None else [result.rejection])
    for problem in found:
        if isinstance(problem, ItemDiffers) and result.item is not None:
            yield RowProblem(row.line, _differing(row.registration, result.item))
        else:
            yield RowProblem(row.line, problem)


def failed_openings(rows: Sequence[ItemRow], result: SyncResult) -> Iterator[RowProblem]:
    """Yields why opening stocks are not recorded. The problem of an item is told already."""
    for one in result.failed:
        if result.items[one.index].status != "failed":
            yield RowProblem(rows[one.index].line, of_opening(one.rejection))


def has_other_details(item: RegistrationResult) -> bool:
    return any(isinstance(problem, ItemDiffers) for problem in item.problems)


def of_opening(rejection: Rejection) -> Rejection:
    """Returns the rejection of an opening stock in the terms of an import."""
    if isinstance(rejection, LocalIdReused):
        return AlreadyOpened(rejection)
    if isinstance(rejection, Invalid) and rejection.details["field"] in _COLUMN_OF_FIELD:
        column = _COLUMN_OF_FIELD[str(rejection.details["field"])]
        return Invalid(column, f"{rejection.details['problem']}{_HINTS.get(column, '')}")
    return rejection


def _differing(registration: Registration, item: StockItem) -> ItemDiffers:
    """Returns the rejection that names the details with both values."""
    found = ItemDiffers(item.id, **item.shown_details)
    stands = details_given(as_it_stands(registration, item))
    named = "; ".join(
        f"{name} is {_shown(stands[name])}, not {_shown(value)}"
        for name, value in details_given(registration).items()
        if value != stands[name]
    )
    found.message = (
        f"the item is registered with other details: {named}. Correct the row, or replace them: "
        "--replace, or replace=true over HTTP"
    )
    return found


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f'"{value}"' if isinstance(value, str) else str(value)
