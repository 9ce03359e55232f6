"""Exit codes of the commands, and the errors behind them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Final, NoReturn

import typer
from eventsourcing.persistence import MapperDeserialisationError

from application.archive.layout import DamagedArchive, UnwritableArchive
from application.archive.restore import NotEmpty
from application.maintenance.copy import NotACopy
from application.persistence.errors import (
    AlreadyRunning,
    SchemaMismatch,
    StoreUnavailable,
    UnsupportedDatabase,
)
from application.sealing.fork_guard import ForkRefused
from application.sealing.identity import OriginMismatch
from application.sealing.key_file import KeyFileError
from application.sealing.tree import MissingTile
from application.sealing.unchanged import EventsChanged
from domain.errors import Rejection
from interface.cli.terminal import error_console, styled
from proof.checking import UnreadableFile


class ExitCode(IntEnum):
    """Exit codes, for scripts."""

    ROWS_FAILED = 1
    NOT_PROVEN = 1
    USAGE = 2
    COULD_NOT_LOOK = 2
    STORE_UNAVAILABLE = 3
    ALREADY_RUNNING = 4
    NOT_A_COPY = 5
    SCHEMA_MISMATCH = 6
    LEDGER_DAMAGED = 7
    FORK_REFUSED = 8


FAILURES: Final[Mapping[type[Exception], tuple[ExitCode, str]]] = {
    UnsupportedDatabase: (ExitCode.USAGE, "invalid database URL: {}"),
    KeyFileError: (ExitCode.USAGE, "{}"),
    OriginMismatch: (ExitCode.USAGE, "{}"),
    UnreadableFile: (ExitCode.USAGE, "{}"),
    Rejection: (ExitCode.USAGE, "{}"),
    StoreUnavailable: (ExitCode.STORE_UNAVAILABLE, "the database is unavailable: {}"),
    AlreadyRunning: (ExitCode.ALREADY_RUNNING, "{}"),
    NotACopy: (ExitCode.NOT_A_COPY, "{}"),
    NotEmpty: (ExitCode.NOT_A_COPY, "{}"),
    DamagedArchive: (ExitCode.LEDGER_DAMAGED, "{}"),
    SchemaMismatch: (ExitCode.SCHEMA_MISMATCH, "{}"),
    EventsChanged: (ExitCode.LEDGER_DAMAGED, "{}: run `stockledger verify`"),
    MissingTile: (ExitCode.LEDGER_DAMAGED, "{}"),
    MapperDeserialisationError: (ExitCode.LEDGER_DAMAGED, "{}"),
    ForkRefused: (ExitCode.FORK_REFUSED, "{}"),
    UnwritableArchive: (ExitCode.STORE_UNAVAILABLE, "{}"),
}
"""Exit code and message of each expected error."""


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turns an expected error of the block into one line on standard error and an exit code."""
    try:
        yield
    except tuple(FAILURES) as error:
        code, message = next(
            explained for kind, explained in FAILURES.items() if isinstance(error, kind)
        )
        text = error.message if isinstance(error, Rejection) else str(error)
        fail(code, message.format(text))


def fail(code: ExitCode, message: str) -> NoReturn:
    """Prints the message on standard error, and exits with the code."""
    error_console.print(styled("[bold red]error:[/] {}", message), soft_wrap=True)
    raise typer.Exit(code)
