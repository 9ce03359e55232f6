"""Import of item files: what a row does if a part of it is refused."""

import pytest

from application.files.import_items import ImportService
from application.files.import_report import MAX_PROBLEMS
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from domain.errors import Invalid
from domain.stock_item import item_id
from tests.support.builders import CLERK, register
from tests.support.imports import levels, run, told, totals

TEA = item_id("main", "TEA")


@pytest.fixture
def imports(sync: SyncService, items: ItemService) -> ImportService:
    return ImportService(sync, items)


def codes(ledger: Ledger) -> list[str]:
    return [one.code for one in ledger.recorder.select_codes([TEA])]


@pytest.mark.parametrize("dry_run", [True, False])
def test_stock_of_a_row_that_differs_from_a_row_above_is_not_recorded(
    imports: ImportService, ledger: Ledger, dry_run: bool
) -> None:
    report = run(imports, "sku,name,stock\nTEA,Tea,\nTEA,Thee,5\nCUP,,1\n", dry_run=dry_run)
    assert told(report) == [(3, "ITEM_DIFFERS")]
    assert totals(report) == (2, 0, 1, 1)
    stock = {sku: (level.name, level.on_hand) for sku, level in levels(ledger).items()}
    assert stock == ({} if dry_run else {"TEA": ("Tea", 0), "CUP": ("CUP", 1)})


def test_rows_of_one_item_add_up_to_it(imports: ImportService, ledger: Ledger) -> None:
    report = run(imports, "sku,name,unit,stock,code\nTEA,Tea,,,A\nTEA,,pc,5,B\nTEA,Tea,pc,,\n")
    assert (totals(report), report.problems) == ((1, 2, 1, 0), [])
    assert (levels(ledger)["TEA"].on_hand, codes(ledger)) == (5, ["A", "B"])


@pytest.mark.parametrize("dry_run", [True, False])
def test_row_that_differs_discontinues_nothing(
    imports: ImportService, items: ItemService, ledger: Ledger, dry_run: bool
) -> None:
    """It is perhaps about another item."""
    register(items, "TEA")
    report = run(imports, "sku,name,active\nTEA,Thee,no\n", dry_run=dry_run)
    assert (told(report), report.discontinued) == ([(2, "ITEM_DIFFERS")], 0)
    assert levels(ledger)["TEA"].active


@pytest.mark.parametrize("dry_run", [True, False])
def test_row_whose_stock_was_recorded_earlier_still_assigns_its_code(
    imports: ImportService, ledger: Ledger, dry_run: bool
) -> None:
    run(imports, "sku,stock\nTEA,24\n")
    report = run(imports, "sku,stock,code\nTEA,30,X\n", dry_run=dry_run)
    assert (told(report), totals(report)) == ([(2, "ALREADY_OPENED")], (0, 1, 0, 1))
    assert (levels(ledger)["TEA"].on_hand, codes(ledger)) == (24, [] if dry_run else ["X"])


def test_problems_beyond_the_limit_are_only_counted(imports: ImportService) -> None:
    report = run(imports, "sku,stock\n" + "TEA,many\n" * (MAX_PROBLEMS + 1))
    assert (report.problem_count, len(report.problems)) == (MAX_PROBLEMS + 1, MAX_PROBLEMS)
    assert report.problems[-1].line == 1 + MAX_PROBLEMS


@pytest.mark.parametrize("column", ["name", "unit"])
@pytest.mark.parametrize("is_known", [True, False])
def test_text_that_no_item_can_have_is_invalid(
    imports: ImportService, items: ItemService, ledger: Ledger, column: str, is_known: bool
) -> None:
    if is_known:
        items.assign_code(register(items, "TEA"), "A", 1, CLERK)
    (problem,) = run(imports, f"sku,{column},code\nTEA,{'x' * 201},B\n").problems
    assert isinstance(problem.rejection, Invalid)
    assert problem.rejection.details["field"] == column
    assert codes(ledger) == (["A"] if is_known else [])
