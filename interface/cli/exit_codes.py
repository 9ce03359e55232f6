"""Exit codes of the commands, and the errors behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

import typer
from eventsourcing.persistence import MapperDeserialisationError

from application.maintenance.copy import NotACopy
from application.persistence.errors import (
    RebuildRunning,
    SchemaMismatch,
    StoreUnavailable,
    UnsupportedDatabase,
)
from domain.errors import Rejection
from interface.cli.terminal import error_console, styled


class ExitCode(IntEnum):
    """Exit codes, for scripts."""

    ROWS_FAILED = 1
    USAGE = 2
    STORE_UNAVAILABLE = 3
    REBUILD_RUNNING = 4
    NOT_A_COPY = 5
    SCHEMA_MISMATCH = 6
    LEDGER_DAMAGED = 7


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
    error_console.print(styled("[bold red]error:[/] {}", message), soft_wrap=True)
    raise typer.Exit(code)
