"""Schemas of the import of item files."""

from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from application.files.import_columns import COLUMNS
from application.files.import_options import TAB, ImportOptions, separator
from application.files.import_report import ImportReport
from application.files.item_rows import RowProblem
from application.tabular.csv_file import CsvOptions
from application.tabular.header import IgnoredColumn
from application.tabular.numbers import DecimalSign
from domain.errors import Invalid
from interface.api.codes import RejectionCode
from interface.api.problems import wire_details
from interface.api.schemas.base import QueryInstant, Wire, example
from interface.api.schemas.paging import WantedLabel, WantedText


class ImportQuery(BaseModel):
    """How to read and record an item file."""

    dry_run: Annotated[
        bool, Field(alias="dryRun", description="Records nothing, and says what it would do.")
    ] = False
    location: Annotated[WantedLabel, Field(description="The location of rows that name none.")] = (
        None
    )
    replace: Annotated[
        bool,
        Field(description="Whether the details in the file replace others that are registered."),
    ] = False
    counted_at: Annotated[
        QueryInstant | None,
        Field(
            alias="countedAt", description="When the opening stock was counted. Now, if left out."
        ),
    ] = None
    encoding: Annotated[
        WantedText,
        Field(
            description="The encoding, such as `windows-1252`. If left out, the `charset` of the "
            "`Content-Type`, or UTF-8."
        ),
    ] = None
    delimiter: Annotated[
        WantedText,
        Field(
            description=f"The separator of the cells: one character, or `{TAB}`. The file shows it."
        ),
    ] = None
    decimal: Annotated[
        DecimalSign | None,
        Field(description="The decimal sign. Needed only if the file does not show it."),
    ] = None
    columns: Annotated[
        str | None,
        Field(
            max_length=2_000,
            description="Headers of the file by the names of the columns, as JSON: "
            '`{"sku": "Artikelnummer"}`. Needed only for headers that are not known.',
        ),
    ] = None

    @property
    def options(self) -> ImportOptions:
        """The options of the import. Raises Invalid: the columns are not JSON."""
        return ImportOptions(
            csv=CsvOptions(
                encoding=self.encoding, delimiter=separator(self.delimiter), decimal=self.decimal
            ),
            renamed={} if self.columns is None else _columns(self.columns),
            location=self.location,
            counted_at=self.counted_at,
            replace=self.replace,
            dry_run=self.dry_run,
        )


def _columns(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        known = ", ".join(COLUMNS.known)
        raise Invalid(
            "columns", f'must be JSON, such as {{"sku": "Artikelnummer"}}; the columns are {known}'
        ) from None


class UnknownColumn(Wire):
    """A column of the file that is ignored."""

    header: str
    did_you_mean: str | None

    @classmethod
    def of(cls, ignored: IgnoredColumn) -> "UnknownColumn":
        return cls.model_construct(header=ignored.header, did_you_mean=ignored.meant)


class FailedRow(Wire):
    """Why a row of the file is not recorded, or not as it stands there."""

    line: Annotated[int, Field(description="The line on which the row begins, counted from 1.")]
    code: RejectionCode
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, problem: RowProblem) -> "FailedRow":
        rejection = problem.rejection
        return cls.model_construct(
            line=problem.line,
            code=rejection.code,
            message=rejection.message,
            details=wire_details(rejection.details),
        )


class ImportResult(Wire):
    """What an import did, or a dry run would do."""

    model_config = example(
        dryRun=False,
        rows=3,
        registered=2,
        known=0,
        opened=2,
        discontinued=0,
        failed=1,
        problems=[
            {
                "line": 4,
                "code": "INVALID",
                "message": "onHand: must be a number such as 1234,5, without a unit or other signs",
                "details": {
                    "field": "onHand",
                    "problem": "must be a number such as 1234,5, without a unit or other signs",
                },
            }
        ],
        encoding="utf-8",
        delimiter=";",
        decimal=",",
        columns={"sku": "SKU", "onHand": "Stock"},
        ignoredColumns=[{"header": "Colour", "didYouMean": None}],
    )

    dry_run: bool
    rows: Annotated[int, Field(description="Rows that are not blank, without the header.")]
    registered: Annotated[int, Field(description="New items.")]
    known: Annotated[int, Field(description="Rows of items that agree with the ledger now.")]
    opened: Annotated[int, Field(description="Opening stocks that were recorded.")]
    discontinued: int
    failed: Annotated[int, Field(description="The number of problems.")]
    problems: Annotated[list[FailedRow], Field(description="The first 1,000 problems.")]
    encoding: str
    delimiter: str
    decimal: str
    columns: Annotated[
        dict[str, str],
        Field(description="The headers that were used, by the names of the columns."),
    ]
    ignored_columns: list[UnknownColumn]

    @classmethod
    def of(cls, report: ImportReport) -> "ImportResult":
        return cls.model_construct(
            dry_run=report.dry_run,
            rows=report.rows,
            registered=report.registered,
            known=report.known,
            opened=report.opened,
            discontinued=report.discontinued,
            failed=report.problem_count,
            problems=[FailedRow.of(problem) for problem in report.problems],
            encoding=report.encoding,
            delimiter=report.delimiter,
            decimal=report.decimal,
            columns=dict(report.columns),
            ignored_columns=[UnknownColumn.of(one) for one in report.ignored],
        )
