"""What an import of an item file reports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from application.files.item_rows import RowProblem
from application.tabular.csv_file import CsvFile
from application.tabular.header import IgnoredColumn

MAX_PROBLEMS: Final = 1_000
"""Problems in one report. Further ones are only counted."""


@dataclass(kw_only=True)
class ImportReport:
    """What an import did, or a dry run would do."""

    dry_run: bool
    encoding: str
    delimiter: str
    decimal: str
    columns: Mapping[str, str]
    """The headers that were used, by the names of their columns."""
    ignored: Sequence[IgnoredColumn]
    rows: int = 0
    registered: int = 0
    known: int = 0
    """Rows of items that were registered already, with these details."""
    opened: int = 0
    """Opening stocks that were recorded."""
    discontinued: int = 0
    problem_count: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    """The first problems, at most MAX_PROBLEMS."""

    @classmethod
    def on(cls, csv: CsvFile, *, dry_run: bool) -> Self:
        """Returns the report on a file of which no row is recorded yet."""
        return cls(
            dry_run=dry_run,
            encoding=csv.encoding,
            delimiter=csv.delimiter,
            decimal=csv.decimal,
            columns=csv.found,
            ignored=csv.ignored,
        )

    def add(self, problems: Iterable[RowProblem]) -> None:
        """Adds problems, in the order of the file."""
        for problem in problems:
            self.problem_count += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(problem)
