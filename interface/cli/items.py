"""`stockledger items`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Annotated, BinaryIO

import typer
from rich.markup import escape

from application.access.principal import Principal
from application.access.roles import Role
from application.files.import_options import TAB, ImportOptions, separator
from application.files.import_report import ImportReport
from application.tabular.csv_file import CsvOptions
from application.tabular.numbers import DecimalSign
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.options import (
    Database,
    instant,
    operator,
    output_failures_explained,
    settings_with,
)
from interface.cli.progress import Progress
from interface.cli.terminal import console, error_console
from interface.composition import compose

app = typer.Typer(no_args_is_help=True, help="Import items from a spreadsheet.")

_STANDARD_INPUT = Path("-")

File = Annotated[Path, typer.Argument(help="The CSV file. - is standard input.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Record nothing, and say what would be done.")
]
Location = Annotated[str | None, typer.Option(help="The location of rows that name none.")]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Let the details in the file replace others that are registered."
    ),
]
CountedAt = Annotated[
    datetime | None,
    typer.Option(
        parser=instant, help="When the opening stock was counted. Default: now.", metavar="TIME"
    ),
]
Renamed = Annotated[
    list[str] | None,
    typer.Option(
        help="A header that is not known, as NAME=HEADER, for example sku=Artikelnummer. Can be "
        "repeated.",
        metavar="NAME=HEADER",
    ),
]
Encoding = Annotated[
    str | None, typer.Option(help="The encoding, for example windows-1252. Default: UTF-8.")
]
Delimiter = Annotated[
    str | None, typer.Option(help="The separator of the cells: one character, or tab.")
]
Decimal = Annotated[
    str | None, typer.Option(help="The decimal sign: . or , if the file does not show it.")
]


@app.callback()
def items() -> None:
    """Import items from a spreadsheet."""


@app.command("import")
def import_items(
    file: File,
    dry_run: DryRun = False,
    location: Location = None,
    replace: Replace = False,
    counted_at: CountedAt = None,
    column: Renamed = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    database: Database = None,
) -> None:
    """Import items, with their codes and opening stock, from a CSV file.

    Columns: sku, and if you like location, name, unit, scale, safetyStock, floor, code, per (units
    that one scan counts), onHand (opening stock), active. More codes: code2, per2, and so on, or
    further rows with the same sku.

    Run it again if it was killed: the same file twice records everything once. The exit code is 1
    if a row was not recorded.
    """
    options = ImportOptions(
        csv=CsvOptions(
            encoding=encoding, delimiter=separator(delimiter), decimal=_decimal_sign(decimal)
        ),
        renamed=dict(_renamed(one) for one in column or ()),
        location=location,
        counted_at=counted_at,
        replace=replace,
        dry_run=dry_run,
    )
    report = _import(file, options, database)
    with output_failures_explained():
        _show(report)
    if report.problem_count:
        raise typer.Exit(ExitCode.ROWS_FAILED)


def _import(file: Path, options: ImportOptions, database: str | None) -> ImportReport:
    principal = Principal(operator(), Role.ADMIN)
    with (
        failures_explained(),
        compose(settings_with(database_url=database), must_exist=True) as services,
        output_failures_explained(),
        Progress("rows") as progress,
        _opened(file) as source,
    ):
        return services.imports.run(
            source,
            options,
            principal,
            lambda rows, position, size: progress.show(
                "import", rows, max(rows, rows * size // max(1, position))
            ),
        )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens the file, or a copy of it if it can be read only once. Exits with USAGE: it can't be
    read."""
    try:
        with _seekable(path) as opened:
            yield opened
    except OSError as error:
        fail(ExitCode.USAGE, f"can't read {path}: {error.strerror or error}")


def _seekable(path: Path) -> BinaryIO:
    if path != _STANDARD_INPUT:
        file: BinaryIO = path.open("rb")
    elif sys.stdin is None:
        fail(ExitCode.USAGE, "the standard input is closed")
    else:
        file = sys.stdin.buffer
    if file.seekable():
        return file
    with file:
        copy = TemporaryFile()  # noqa: SIM115 -- the caller closes it
        copyfileobj(file, copy)
    return copy


def _decimal_sign(text: str | None) -> DecimalSign | None:
    match text:
        case None | "." | ",":
            return text
        case _:
            raise typer.BadParameter("--decimal must be . or ,")


def _renamed(text: str) -> tuple[str, str]:
    name, sign, header = text.partition("=")
    if not sign:
        raise typer.BadParameter("--column must be NAME=HEADER, for example sku=Artikelnummer")
    return name.strip(), header.strip()


def _show(report: ImportReport) -> None:
    """Prints the totals on standard output, and the problems on standard error."""
    for ignored in report.ignored:
        meant = f"; did you mean {ignored.meant}?" if ignored.meant else ""
        error_console.print(
            escape(f'the column "{ignored.header}" is ignored{meant}'), soft_wrap=True
        )
    for problem in report.problems:
        error_console.print(
            escape(f"line {problem.line}: {problem.rejection.code}: {problem.rejection.message}"),
            soft_wrap=True,
        )
    if report.problem_count > len(report.problems):
        error_console.print(f"and {report.problem_count - len(report.problems)} more problems")
    console.print(_how_it_was_read(report), soft_wrap=True)
    done = "would be" if report.dry_run else "were"
    console.print(
        f"{report.rows} rows: {report.registered} items {done} registered, {report.known} are "
        f"known, {report.opened} opening stocks {done} recorded, {report.discontinued} items "
        f"{done} discontinued, {report.problem_count} problems",
        soft_wrap=True,
    )


def _how_it_was_read(report: ImportReport) -> str:
    delimiter = TAB if report.delimiter == "\t" else report.delimiter
    columns = ", ".join(
        header if header == name else f"{header} as {name}"
        for name, header in report.columns.items()
    )
    return (
        f"read as {report.encoding}, separator {delimiter}, decimal sign {report.decimal}; "
        f"columns: {columns}"
    )
