"""The import of an item file: items, their codes and their opening stock.

Rows are recorded in commits of ROWS_PER_COMMIT, by the rules of a batch. So an import that was
killed can be run again, and the same file twice records everything once. No outcome depends on
where a commit ends.
"""

import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO, Final, Protocol

import msgspec

from application.access.principal import Principal
from application.access.roles import Permission
from application.files.dry_run import DryRun, repeated_ids
from application.files.import_columns import COLUMNS
from application.files.import_options import ImportOptions
from application.files.import_problems import failed_openings, has_other_details, problems_of
from application.files.import_report import ImportReport
from application.files.import_rules import FileRules
from application.files.import_trial import sort_out
from application.files.item_rows import ItemRow, ReadRow, RowProblem, RowReader
from application.items import ItemService
from application.parsing.batch import Batch, batch_of
from application.parsing.items import ParsedItem, Registration
from application.recording.group_commit import Overloaded
from application.recording.registration import RegistrationResult
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.tabular.csv_file import CsvFile
from domain.errors import Invalid, ItemDiscontinued, Rejection, UnknownItem
from domain.quantities import to_steps
from domain.stock_item import StockItem, item_has_moved

ROWS_PER_COMMIT: Final = 500

CODES_PER_COMMIT: Final = 1_000
"""Codes at which a commit takes no more rows. Devices wait for each commit."""

OVERLOADED_PAUSE_SECONDS: Final = 0.5
OVERLOADED_ATTEMPTS: Final = 60


class Progress(Protocol):
    """Progress callback, called after each commit."""

    def __call__(self, rows: int, position: int, size: int, /) -> object:
        """Takes the rows read so far, and the bytes read of how many."""


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
            What was done, with the problems of each row that is not recorded, or not as it stands.

        Raises:
            UnreadableFile: no row can be read. Nothing is recorded.
            Forbidden: the caller may not manage items.
            Overloaded: the server has too much to do. Some rows may be recorded: run it again.
            StoreUnavailable: the database can't be reached. Some rows may be recorded.
        """
        principal.require(Permission.MANAGE_ITEMS)
        csv = CsvFile(file, COLUMNS, options.csv, options.renamed)
        report = ImportReport.on(csv, dry_run=options.dry_run)
        reader = RowReader(csv, options.location, options.counted_at)
        repeated = repeated_ids(reader) if options.dry_run else frozenset()
        recording = _Recording(self._sync, self._items, options, principal, repeated)
        for chunk in _chunks(FileRules(replace=options.replace).applied_to(reader)):
            recording.record(chunk, report)
            progress(report.rows, csv.position, csv.size)
        return report


def _chunks(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    """Yields the rows of each commit."""
    chunk: list[ReadRow] = []
    codes = 0
    for row in rows:
        chunk.append(row)
        codes += len(row.registration.codes) if isinstance(row, ItemRow) else 0
        if len(chunk) >= ROWS_PER_COMMIT or codes >= CODES_PER_COMMIT:
            yield chunk
            chunk, codes = [], 0
    if chunk:
        yield chunk


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
        self._tried = DryRun(repeated)
        self._discontinued: set[int] = set()
        """Ids of the items that the file discontinues, as whole numbers."""

    def record(self, chunk: Sequence[ReadRow], report: ImportReport) -> None:
        """Records the rows of a chunk, each on its own, and reports on them."""
        report.rows += len(chunk)
        rows = [one for one in chunk if isinstance(one, ItemRow)]
        problems = [one for one in chunk if isinstance(one, RowProblem)]
        recordable, result, refused = self._decide(rows)
        problems += refused
        for row, item in zip(recordable, result.items, strict=True):
            report.registered += item.status == "registered"
            report.known += item.status == "known"
            problems += problems_of(row, item)
        report.opened += sum(one.status == "recorded" for one in result.synced)
        problems += failed_openings(recordable, result)
        problems += self._discontinue(recordable, result.items, report)
        report.add(sorted(problems, key=lambda one: one.line))

    def _decide(self, rows: list[ItemRow]) -> tuple[list[ItemRow], SyncResult, list[RowProblem]]:
        """Records rows, or tries them out. Returns those that can be recorded, their result, and
        the problems of the others.

        An opening stock is tried out first, so that no row is recorded by half.
        """
        if self._options.dry_run:
            recordable, result, problems = self._settle(rows)
            self._tried.learn(recordable, result)
            return recordable, result, problems
        if self._are_plain(rows):
            return rows, self._submit(rows), []
        recordable, _, problems = self._settle(rows)
        return recordable, self._submit(recordable), problems

    def _settle(self, rows: list[ItemRow]) -> tuple[list[ItemRow], SyncResult, list[RowProblem]]:
        """Tries rows out until each of them can be recorded. A row that is left out may change what
        becomes of those after it."""
        problems: list[RowProblem] = []
        while True:
            result = self._preview(rows)
            other_scale = self._tried.first_with_other_scale(rows, result.items)
            if other_scale is not None:
                problems.append(RowProblem(other_scale.line, item_has_moved()))
                rows = [row for row in rows if row is not other_scale]
                continue
            recordable, refused = sort_out(rows, result)
            problems += refused
            if recordable == rows:
                return rows, result, problems
            rows = recordable

    def _are_plain(self, rows: list[ItemRow]) -> bool:
        """Whether no row can be recorded by half: those with stock are of new items, and it fits.

        It is much less work than to try them out, and most rows of a first import are so.
        """
        openings = {place: row.opening for place, row in enumerate(rows) if row.opening is not None}
        if not openings:
            return True
        item_ids = {row.registration.item_id for row in rows}
        is_told_when = self._options.counted_at is not None
        if is_told_when or len(item_ids) < len(rows) or not all(map(_fits_its_row, rows)):
            return False
        stock = batch_of([])._replace(transactions=openings)
        failed = self._sync.preview(stock, self._principal).failed
        new = [one for one in failed if isinstance(one.rejection, UnknownItem)]
        return len(new) == len(openings)

    def _submit(self, rows: Sequence[ItemRow]) -> SyncResult:
        batch = self._batch(rows)
        for _ in range(OVERLOADED_ATTEMPTS):
            try:
                return self._sync.submit(batch, self._principal, is_kept=False).result()
            except Overloaded:
                time.sleep(OVERLOADED_PAUSE_SECONDS)
        raise Overloaded

    def _preview(self, rows: Sequence[ItemRow]) -> SyncResult:
        """Tries rows out, after what those before them would have made of their items and codes."""
        before = self._tried.before(rows)
        result = self._sync.preview(self._batch(rows, before), self._principal)
        return _without_first(result, len(before))

    def _batch(self, rows: Sequence[ItemRow], before: Sequence[Registration] = ()) -> Batch:
        """Returns the rows as a batch. The index of an opening stock is that of its item."""
        items = [ParsedItem(one, (), replaces=True) for one in before]
        items += [ParsedItem(row.registration, (), self._options.replace) for row in rows]
        openings = {place: row.opening for place, row in enumerate(rows, len(before))}
        transactions = {place: one for place, one in openings.items() if one is not None}
        return batch_of([])._replace(items=items, transactions=transactions)

    def _discontinue(
        self, rows: Sequence[ItemRow], results: Sequence[RegistrationResult], report: ImportReport
    ) -> Iterator[RowProblem]:
        """Discontinues the items of rows that say so. Yields what else stands against a row."""
        for row, result in zip(rows, results, strict=True):
            item = result.item
            if row.is_active is None or item is None or has_other_details(result):
                continue
            is_over = not item.active or item.id.int in self._discontinued
            if row.is_active and is_over:
                yield RowProblem(row.line, ItemDiscontinued(item.id))
            elif not row.is_active and not is_over:
                yield from self._discontinue_item(item, row.line, report)

    def _discontinue_item(
        self, item: StockItem, line: int, report: ImportReport
    ) -> Iterator[RowProblem]:
        try:
            if not self._options.dry_run:
                self._items.discontinue(item.id, self._principal)
        except Rejection as rejection:
            yield RowProblem(line, rejection)
            return
        self._discontinued.add(item.id.int)
        report.discontinued += 1


def _fits_its_row(row: ItemRow) -> bool:
    """Whether a new item, as the row has it, can have the opening stock of the row."""
    if row.opening is None:
        return True
    try:
        to_steps("onHand", row.opening.quantity, row.registration.scale or 0)
    except Invalid:
        return False
    return True


def _without_first(result: SyncResult, number: int) -> SyncResult:
    """Returns the result without the first items of its batch."""
    return result._replace(
        items=result.items[number:],
        synced=[msgspec.structs.replace(one, index=one.index - number) for one in result.synced],
        failed=[replace(one, index=one.index - number) for one in result.failed],
    )
