"""What several commands share: options, the settings that they override, the name of the user, and
the errors of standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from getpass import getuser
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from application.parsing.values import read_instant
from domain.actor import Actor
from interface.cli.exit_codes import ExitCode, fail
from interface.settings import Settings

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database. Default: STOCKLEDGER_DATABASE_URL, or "
        "sqlite:///stockledger.db in this folder.",
        show_default=False,
    ),
]


def settings_with(**flags: object) -> Settings:
    """The settings of the environment, overridden by the given flags.

    Exits with USAGE if a setting is invalid.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        setting = f"STOCKLEDGER_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        fail(ExitCode.USAGE, f"{setting}{message}")


def instant(text: str | datetime) -> datetime:
    """Reads a time with its offset. The parser of an option."""
    if isinstance(text, datetime):
        return text
    try:
        return read_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def operator() -> Actor:
    """Returns the user who runs the command, by the user id if there is no name, as in many
    containers."""
    try:
        name = getuser()
    except (KeyError, OSError, ImportError):
        name = str(os.getuid())
    return Actor(f"cli:{name}")


@contextmanager
def output_failures_explained() -> Iterator[None]:
    """Checks that the block can write to standard output. Exits with USAGE: it is closed, or can't
    be written. A closed pipe ends the command quietly, as `head` expects."""
    if sys.stdout is None:
        fail(ExitCode.USAGE, "the standard output is closed")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail again when Python ends, with another exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(ExitCode.USAGE, f"can't write to standard output: {error.strerror}")


def without_secrets(database_url: str) -> str:
    """The URL without user, password and parameters, safe to print."""
    url = urlsplit(database_url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
