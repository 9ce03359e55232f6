"""Options that several commands share, and the settings that they override."""

from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

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


def without_secrets(database_url: str) -> str:
    """The URL without user, password and parameters, safe to print."""
    url = urlsplit(database_url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
