"""What the commands share: their output, their exit codes and their settings."""

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

# Names and texts of clients are shown as they are: rich must not take them for markup.
console = Console(markup=False, highlight=False)
_errors = Console(stderr=True, markup=False, highlight=False)


def styled(markup: str, *values: object) -> Text:
    """Text with rich's markup, in which `{}` stands for the values, shown as they are."""
    return Text.from_markup(markup.format(*(escape(str(value)) for value in values)))


class ExitCode(IntEnum):
    """What a command's end says to scripts."""

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
        help="Where the ledger is kept. Default: STOCKLEDGER_DATABASE_URL, or "
        "sqlite:///stockledger.db in this folder.",
        show_default=False,
    ),
]


def settings_with(**flags: object) -> Settings:
    """The settings of the environment, with those flags that were given."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        setting = f"STOCKLEDGER_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        fail(ExitCode.USAGE, f"{setting}{message}")


def without_secrets(database_url: str) -> str:
    """The URL as it may be shown: user, password and parameters are left out."""
    url = urlsplit(database_url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


@contextmanager
def failures_explained() -> Iterator[None]:
    """Ends the command with one line where the ledger can't be used."""
    try:
        yield
    except UnsupportedDatabase as error:
        fail(ExitCode.USAGE, f"the database URL is no use: {error}")
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
    """Ends the command."""
    _errors.print(styled("[bold red]error:[/] {}", message), soft_wrap=True)
    raise typer.Exit(code)
