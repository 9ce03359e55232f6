"""Shared by all commands: output, exit codes and settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer
from eventsourcing.persistence import MapperDeserialisationError
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from application.maintenance.copy import NotACopy
from application.persistence.errors import RebuildRunning, StoreUnavailable, UnsupportedDatabase
from application.persistence.schema import SchemaMismatch
from domain.errors import Rejection
from interface.settings import Settings

# Without markup: a name from a client may look like markup, and is printed unchanged.
console = Console(markup=False, highlight=False)
_errors = Console(stderr=True, markup=False, highlight=False)


def styled(markup: str, *values: object) -> Text:
    """Text from a template in rich markup. Each `{}` is a value, whose own markup is escaped."""
    return Text.from_markup(markup.format(*(escape(str(value)) for value in values)))


class ExitCode(IntEnum):
    """Exit codes, for scripts."""

    USAGE = 2
    STORE_UNAVAILABLE = 3
    REBUILD_RUNNING = 4
    NOT_A_COPY = 5
    SCHEMA_MISMATCH = 6
    LEDGER_DAMAGED = 7


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


def without_secrets(database_url: str) -> str:
    """The URL without user, password and parameters, safe to print."""
    url = urlsplit(database_url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turns an expected error of the block into one line on standard error and an exit code."""
    try:
        yield
    except UnsupportedDatabase as error:
        fail(ExitCode.USAGE, f"invalid database URL: {error}")
    except SchemaMismatch as error:
        fail(ExitCode.SCHEMA_MISMATCH, str(error))
    except StoreUnavailable as error:
        fail(ExitCode.STORE_UNAVAILABLE, f"the database is unavailable: {error}")
    except RebuildRunning as error:
        fail(ExitCode.REBUILD_RUNNING, str(error))
    except NotACopy as error:
        fail(ExitCode.NOT_A_COPY, str(error))
    except MapperDeserialisationError as error:
        fail(ExitCode.LEDGER_DAMAGED, str(error))
    except Rejection as error:
        fail(ExitCode.USAGE, error.message)


def fail(code: ExitCode, message: str) -> NoReturn:
    """Prints the message on standard error, and exits with the code."""
    _errors.print(styled("[bold red]error:[/] {}", message), soft_wrap=True)
    raise typer.Exit(code)
