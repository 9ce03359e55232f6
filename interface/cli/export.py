"""`stockledger export`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final
from uuid import uuid4

import typer

from application.access.principal import Principal
from application.access.roles import Role
from application.files.exports import Export, ListName
from application.files.formats import Format, ParquetMissing, write
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.options import (
    Database,
    instant,
    operator,
    output_failures_explained,
    settings_with,
)
from interface.composition import compose

_STANDARD_OUTPUT = Path("-")

_OF_PROCESSES: Final = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""Names of open files. Another file under such a name would not be the open one."""

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_PRIVATE: Final = 0o600
_USUAL: Final = 0o666

_ENDED_BY_SIGTERM: Final = 128 + signal.SIGTERM

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="The file to write, which is replaced. - is standard output."
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=instant,
        help="Only what was recorded at this time or later. Not for items and stock.",
        metavar="TIME",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=instant,
        help="Items (without codes) and stock as they were recorded at this time; of the other "
        "lists, only what was recorded before or at this time.",
        metavar="TIME",
    ),
]


def export(
    name: Annotated[ListName, typer.Argument(help="The list.", metavar="LIST")],
    format: Annotated[Format, typer.Option(help="The format of the file.")] = Format.CSV,
    output: Output = _STANDARD_OUTPUT,
    location: Annotated[
        str | None, typer.Option(help="Only this location. Not for the audit trail.")
    ] = None,
    since: Since = None,
    as_of: AsOf = None,
    database: Database = None,
) -> None:
    """Export a list: items, stock, movements, rejections or audit.

    `items` and `stock` can be imported into an empty ledger. Cells that a spreadsheet would run as
    formulas begin with an apostrophe. Parquet needs the extra `parquet`. TIME is a date and time
    with its offset, for example 2026-01-31T23:59:59+09:00.
    """
    if format is Format.PARQUET and output == _STANDARD_OUTPUT:
        fail(ExitCode.USAGE, "name a file for Parquet, with --output")
    principal = Principal(operator(), Role.ADMIN)
    signal.signal(signal.SIGTERM, _exit)
    with (
        failures_explained(),
        compose(settings_with(database_url=database), must_exist=True) as services,
    ):
        exported = services.exports.whole(
            name, principal, location=location, since=since, as_of=as_of
        )
        rows = _write(exported, format, output, is_private=name is ListName.AUDIT)
    if output != _STANDARD_OUTPUT:
        typer.echo(f"{rows} rows in {output}", err=True)


def _exit(*_: object) -> None:
    """Ends the command as an error does, so that nothing is left behind."""
    raise SystemExit(_ENDED_BY_SIGTERM)


def _write(exported: Export, format: Format, output: Path, *, is_private: bool) -> int:
    """Writes the file; returns the number of rows. Exits with USAGE: it can't be written, or
    Parquet is not installed."""
    rows = 0
    try:
        with _opened(output, is_private=is_private) as file:
            for rows in write(exported, format, file):  # noqa: B007 -- the last one is returned
                pass
    except ParquetMissing as error:
        fail(ExitCode.USAGE, str(error))
    return rows


@contextmanager
def _opened(path: Path, *, is_private: bool) -> Iterator[BinaryIO]:
    """Opens the output. Exits with USAGE: it can't be written."""
    if path == _STANDARD_OUTPUT:
        with output_failures_explained():
            yield sys.stdout.buffer
        return
    try:
        if _is_written_in_place(path):
            with path.open("wb") as file:
                yield file
        else:
            target = Path(os.path.realpath(path))
            with _replacing(target, is_private=is_private) as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(ExitCode.USAGE, f"can't write {path}: {error.strerror or error}")


def _is_written_in_place(path: Path) -> bool:
    """Whether it is a device, a pipe or an open file. A folder fails when it is opened."""
    return str(path).startswith(_OF_PROCESSES) or (path.exists() and not path.is_file())


@contextmanager
def _replacing(path: Path, *, is_private: bool) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of another one when it is whole."""
    part = path.with_name(f".stockledger-{uuid4().hex}")
    try:  # From before the file exists: a signal may come between any two steps.
        with os.fdopen(os.open(part, _NEW_FILE, _PRIVATE), "wb") as file:
            _take_access(file.fileno(), path, is_private=is_private)
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _take_access(handle: int, path: Path, *, is_private: bool) -> None:
    """Gives the open file the owner and the mode of the one that it replaces."""
    try:
        old = path.stat()
    except FileNotFoundError:
        if not is_private:
            os.fchmod(handle, _USUAL & ~_umask())
        return
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, old.st_mode & 0o777)


def _umask() -> int:
    """Returns the umask, which can be read only by setting it."""
    mask = os.umask(_PRIVATE ^ 0o777)
    os.umask(mask)
    return mask
