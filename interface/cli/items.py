"""`stockledger items`."""

from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from application.access.principal import Principal
from application.access.roles import Role
from application.files.import_items import ImportOptions, ImportReport
from application.parsing.values import read_instant
from application.tabular.csv_file import CsvOptions
from application.tabular.numbers import DecimalSign
from domain.actor import Actor
from interface.cli.exit_codes import ExitCode, failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console, error_console
from interface.composition import compose

app = typer.Typer(no_args_is_help=True, help="Import items from a spreadsheet.")

_TAB = "tab"


def instant(text: str | datetime) -> datetime:
    """Reads a time with its offset, as an option."""
    if isinstance(text, datetime):
        return text
    try:
        return read_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.callback()
def items() -> None:
    """Import items from a spreadsheet."""


@app.command("import")
def import_items(
    file: Annotated[
        Path, typer.Argument(help="The CSV file.", exists=True, dir_okay=False, readable=True)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Record nothing, and say what would be done.")
    ] = False,
    location: Annotated[
        str | None, typer.Option(help="The location of rows that name none.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Let the details in the file replace others that are registered."
        ),
    ] = False,
    counted_at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant, help="When the opening stock was counted. Default: now.", metavar="TIME"
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="A header that is not known, as NAME=HEADER, for example sku=Artikelnummer. Can "
            "be repeated.",
            metavar="NAME=HEADER",
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The encoding, for example windows-1252. Default: UTF-8.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="The separator of the cells: one character, or tab.")
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="The decimal sign: . or , if the file does not show it.")
    ] = None,
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
            encoding=encoding,
            delimiter="\t" if delimiter == _TAB else delimiter,
            decimal=_decimal_sign(decimal),
        ),
        renamed=dict(_renamed(one) for one in column or ()),
        location=location,
        counted_at=counted_at,
        replace=replace,
        dry_run=dry_run,
    )
    principal = Principal(Actor(f"cli:{getuser()}"), Role.ADMIN)
    with (
        failures_explained(),
        compose(settings_with(database_url=database), must_exist=True) as services,
        file.open("rb") as source,
        Progress("rows") as progress,
    ):
        report = services.imports.run(
            source,
            options,
            principal,
            lambda rows, position, size: progress.show(
                "import", rows, max(rows, rows * size // max(1, position))
            ),
        )
    _show(report)
    if report.problem_count:
        raise typer.Exit(ExitCode.ROWS_FAILED)


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
    done = "would be" if report.dry_run else "were"
    console.print(
        f"{report.rows} rows: {report.registered} items {done} registered, {report.known} are "
        f"known, {report.opened} opening stocks {done} recorded, {report.problem_count} problems",
        soft_wrap=True,
    )
