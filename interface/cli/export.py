"""`stockledger export`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from application.access.principal import Principal
from application.access.roles import Role
from application.files.exports import Export, ListName
from application.files.formats import Format, ParquetMissing, write
from domain.actor import Actor
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.items import instant
from interface.cli.options import Database, settings_with
from interface.composition import compose

_STANDARD_OUTPUT = Path("-")


def export(
    name: Annotated[ListName, typer.Argument(help="The list.", metavar="LIST")],
    format: Annotated[Format, typer.Option(help="The format of the file.")] = Format.CSV,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write. - is standard output.")
    ] = _STANDARD_OUTPUT,
    location: Annotated[str | None, typer.Option(help="Only this location.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            help="Only what was recorded at this time or later. Not for items and stock.",
            metavar="TIME",
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            help="Items and stock as they were recorded at this time; of the other lists, only "
            "what was recorded before.",
            metavar="TIME",
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Export a list: items, stock, movements, rejections or audit.

    `items` and `stock` can be imported into an empty ledger. Cells that a spreadsheet would run as
    formulas begin with an apostrophe. Parquet needs the extra `parquet`. TIME is a date and time
    with its offset, for example 2026-01-31T23:59:59+09:00.
    """
    if format is Format.PARQUET and output == _STANDARD_OUTPUT:
        fail(ExitCode.USAGE, "name a file for Parquet, with --output")
    principal = Principal(Actor(f"cli:{getuser()}"), Role.ADMIN)
    with (
        failures_explained(),
        compose(settings_with(database_url=database), must_exist=True) as services,
    ):
        exported = services.exports.whole(
            name, principal, location=location, since=since, as_of=as_of
        )
        rows = _write(exported, format, output)
    if output != _STANDARD_OUTPUT:
        typer.echo(f"{rows} rows in {output}", err=True)


def _write(exported: Export, format: Format, output: Path) -> int:
    """Writes the file; returns the number of rows. Exits with USAGE: Parquet is not installed."""
    rows = 0
    try:
        with _opened(output) as file:
            for rows in write(exported, format, file):  # noqa: B007 -- the last one is returned
                pass
    except ParquetMissing as error:
        fail(ExitCode.USAGE, str(error))
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens the file, which appears when it is whole. Exits with USAGE: it can't be written."""
    if path == _STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        fail(ExitCode.USAGE, f"can't write {path}: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)
