"""Survey of a file: what its columns without a header are."""

import pytest

from application.tabular.errors import UnreadableFile
from application.tabular.survey import Survey

pytestmark = pytest.mark.pure


def survey(nameless: list[int], *rows: list[str]) -> Survey:
    found = Survey(nameless)
    for row in rows:
        found.add(row)
    return found


@pytest.mark.parametrize("column", [["0", "1", "2"], ["1", "2", "3"], ["1", " 2 "], ["0"], ["1"]])
def test_first_column_may_count_the_rows(column: list[str]) -> None:
    assert survey([0], *([cell, "A"] for cell in column)).index() == 0


@pytest.mark.parametrize("place", [1, 2])
def test_other_column_that_counts_the_rows_may_be_the_stock(place: int) -> None:
    rows = [["A", "B", "C"], ["D", "E", "F"]]
    for number, row in enumerate(rows, 1):
        row[place] = str(number)
    with pytest.raises(UnreadableFile, match=f"column {place + 1} has no header"):
        survey([place], *rows).index()


@pytest.mark.parametrize(
    "column", [["2", "3"], ["1", "3"], ["1", "2", "2"], ["1", "9", "3"], ["01", "02"], ["X", "Y"]]
)
def test_first_column_that_does_not_count_is_told(column: list[str]) -> None:
    with pytest.raises(UnreadableFile, match="column 1 has no header"):
        survey([0], *([cell, "A"] for cell in column)).index()


@pytest.mark.parametrize("column", [[], ["", ""], ["1", ""], ["", "2"], ["X", ""], ["X"]])
def test_column_that_some_rows_leave_empty_is_no_counter(column: list[str]) -> None:
    assert survey([0], *([cell, "A"] for cell in column)).index() is None


def test_short_row_has_no_cell_there() -> None:
    assert survey([1], ["A", "x"], ["B"], ["C", "y"]).index() is None


def test_counter_hides_no_other_column_without_a_header() -> None:
    with pytest.raises(UnreadableFile, match="column 2 has no header"):
        survey([0, 1], ["1", "x"], ["2", "y"]).index()
