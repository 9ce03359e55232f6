"""The import of an item file: items, their codes and their opening stock.

Rows are recorded in commits of ROWS_PER_COMMIT, by the rules of a batch. So an import that was
killed can be run again, and the same file twice records everything once.
"""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final
from uuid import UUID

from application.access.principal import Principal
from application.access.roles import Permission
from application.files.item_rows import COLUMNS, ItemRow, RowProblem, RowReader
from application.items import ItemService
from application.parsing.batch import Batch, batch_of
from application.parsing.items import ParsedItem
from application.recording.group_commit import Overloaded
from application.recording.registration import RegistrationResult
from application.recording.sync import SyncService
from application.recording.sync_result import Synced, SyncResult
from application.tabular.csv_file import CsvFile, CsvOptions
from application.tabular.header import IgnoredColumn
from domain.errors import Invalid, LocalIdReused, Rejection

ROWS_PER_COMMIT: Final = 500

MAX_PROBLEMS: Final = 1_000
"""Problems in one report. Further ones are only counted."""

OVERLOADED_PAUSE_SECONDS: Final = 0.5
OVERLOADED_ATTEMPTS: Final = 60

Progress = Callable[[int, int, int], None]
"""Progress callback: rows read, and bytes read of how many."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to read and record a file."""

    csv: CsvOptions = field(default_factory=CsvOptions)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Headers of the file, by the names of their columns."""
    location: str | None = None
    """Of the rows that name none."""
    counted_at: datetime | None = None
    """When the opening stock was counted; None if it is counted now."""
    replace: bool = False
    """Whether the details in the file replace others that stand."""
    dry_run: bool = False
    """Whether to record nothing. A dry run reads the file once more, and holds the rows of items
    and codes that several rows have."""


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

    def add(self, problems: Iterable[RowProblem]) -> None:
        """Adds problems, in the order of the file."""
        for problem in problems:
            self.problem_count += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(problem)


class ImportService:
    """Imports item files."""

    def __init__(self, sync: SyncService, items: ItemService) -> None:
        self._sync = sync
        self._items = items

    def run(
        self,
        file: BinaryIO,
        options: ImportOptions,
        principal: Principal,
        progress: Progress = lambda *_: None,
    ) -> ImportReport:
        """Imports a file, or tries it out.

        Args:
            file: it must be seekable.
            options: how to read and record it.
            principal: the caller.
            progress: called after each commit.

        Returns:
            What was done, with the problem of each row that is not recorded, or not as it stands.

        Raises:
            UnreadableFile: no row can be read. Nothing is recorded.
            Forbidden: the caller may not manage items.
            Overloaded: the server has too much to do. Some rows may be recorded: run it again.
            StoreUnavailable: the database can't be reached. Some rows may be recorded.
        """
        principal.require(Permission.MANAGE_ITEMS)
        csv = CsvFile(file, COLUMNS, options.csv, options.renamed)
        report = ImportReport(
            dry_run=options.dry_run,
            encoding=csv.encoding,
            delimiter=csv.delimiter,
            decimal=csv.decimal,
            columns=csv.found,
            ignored=csv.ignored,
        )
        reader = RowReader(csv, options.location, options.counted_at)
        repeated = _repeated_ids(reader) if options.dry_run else frozenset()
        recording = _Recording(self._sync, self._items, options, principal, repeated)
        rows = iter(reader)
        while chunk := list(islice(rows, ROWS_PER_COMMIT)):
            recording.record(chunk, report)
            progress(report.rows, csv.position, csv.size)
        return report


class _Recording:
    """Records the chunks of one file."""

    def __init__(
        self,
        sync: SyncService,
        items: ItemService,
        options: ImportOptions,
        principal: Principal,
        repeated: Container[int],
    ) -> None:
        """`repeated`: in a dry run, the ids of the items and codes that several rows have."""
        self._sync = sync
        self._items = items
        self._options = options
        self._principal = principal
        self._repeated = repeated
        self._earlier: dict[UUID, list[ItemRow]] = {}
        """In a dry run: the rows so far of items and codes that several rows have."""

    def record(self, chunk: Sequence[ItemRow | RowProblem], report: ImportReport) -> None:
        """Records the rows of a chunk, each on its own, and reports on them."""
        report.rows += len(chunk)
        rows = [one for one in chunk if isinstance(one, ItemRow)]
        problems = [one for one in chunk if isinstance(one, RowProblem)]
        result = self._preview(rows) if self._options.dry_run else self._submit(rows)
        for row, item in zip(rows, result.items, strict=True):
            report.registered += item.status == "registered"
            report.known += item.status == "known"
            if item.rejection is not None:
                problems.append(RowProblem(row.line, item.rejection))
        report.opened += sum(one.status == "recorded" for one in result.synced)
        problems += _failed_openings(rows, result)
        report.discontinued += sum(self._discontinue(rows, result.items))
        report.add(sorted(problems, key=lambda one: one.line))

    def _batch(self, rows: Sequence[ItemRow]) -> Batch:
        """Returns the rows as a batch. The index of an opening stock is that of its row."""
        items = [ParsedItem(row.registration, (), replaces=self._options.replace) for row in rows]
        openings = {place: row.opening for place, row in enumerate(rows)}
        transactions = {place: one for place, one in openings.items() if one is not None}
        return batch_of([])._replace(items=items, transactions=transactions)

    def _submit(self, rows: Sequence[ItemRow]) -> SyncResult:
        batch = self._batch(rows)
        for _ in range(OVERLOADED_ATTEMPTS):
            try:
                return self._sync.submit(batch, self._principal, is_kept=False).result()
            except Overloaded:
                time.sleep(OVERLOADED_PAUSE_SECONDS)
        raise Overloaded

    def _preview(self, rows: Sequence[ItemRow]) -> SyncResult:
        """Tries a chunk out, after the earlier rows of its items and codes."""
        found = {
            one.line: one for row in rows for id_ in _ids(row) for one in self._earlier.get(id_, ())
        }
        before = [found[line] for line in sorted(found)]
        for row in rows:
            for id_ in _ids(row):
                if id_.int in self._repeated:
                    self._earlier.setdefault(id_, []).append(row)
        result = self._sync.preview(self._batch([*before, *rows]), self._principal)
        return _without_first(result, len(before))

    def _discontinue(
        self, rows: Sequence[ItemRow], results: Sequence[RegistrationResult]
    ) -> Iterator[bool]:
        """Discontinues the items of rows that say so. Yields whether it had to."""
        for row, result in zip(rows, results, strict=True):
            if row.is_discontinued and result.item is not None and result.item.active:
                if not self._options.dry_run:
                    self._items.discontinue(result.item.id, self._principal)
                yield True


def _ids(row: ItemRow) -> list[UUID]:
    return [row.registration.item_id, *row.registration.code_ids]


def _repeated_ids(rows: Iterable[ItemRow | RowProblem]) -> set[int]:
    """Returns the ids of the items and codes that several rows have, as whole numbers."""
    seen: set[int] = set()
    repeated: set[int] = set()
    for row in rows:
        if isinstance(row, ItemRow):
            ids = {id_.int for id_ in _ids(row)}
            repeated |= ids & seen
            seen |= ids
    return repeated


def _failed_openings(rows: Sequence[ItemRow], result: SyncResult) -> Iterator[RowProblem]:
    """Yields why opening stocks are not recorded. The problem of an item is told already."""
    for one in result.failed:
        if result.items[one.index].status == "failed":
            continue
        rejection = one.rejection
        if isinstance(rejection, LocalIdReused):
            rejection = AlreadyOpened(rejection)
        elif isinstance(rejection, Invalid) and rejection.details["field"] == "quantity":
            problem = f"{rejection.details['problem']}: see the column scale"
            rejection = Invalid("onHand", problem)
        yield RowProblem(rows[one.index].line, rejection)


def _without_first(result: SyncResult, number: int) -> SyncResult:
    """Returns the result without the first rows of its batch."""
    return result._replace(
        items=result.items[number:],
        synced=[_moved(one, number) for one in result.synced if one.index >= number],
        failed=[
            replace(one, index=one.index - number) for one in result.failed if one.index >= number
        ],
    )


def _moved(synced: Synced, number: int) -> Synced:
    values = {name: getattr(synced, name) for name in Synced.__struct_fields__}
    return Synced(**values | {"index": synced.index - number})
