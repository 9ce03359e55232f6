"""`stockledger backup`."""

from pathlib import Path
from typing import Annotated

import typer

from application.maintenance.copy import copy
from interface.cli.copy import report
from interface.cli.progress import Progress
from interface.cli.terminal import ExitCode, console, fail, failures_explained, settings_with
from interface.composition import compose


def backup(
    file: Annotated[
        Path,
        typer.Argument(
            help="Where the backup is, or shall be: a SQLite file of its own.", metavar="FILE"
        ),
    ],
) -> None:
    """Back the ledger up into a SQLite file, while servers go on writing.

    The ledger may be in SQLite or PostgreSQL: STOCKLEDGER_DATABASE_URL says where. The backup is a
    whole ledger: events, keys, rejected transactions and the audit trail, each event compared with
    the original. Into the same FILE the next time, only what is new is written. A backup that was
    killed is to be run again.

    To restore, put the file in the database's place, or use `stockledger copy --from
    sqlite:///FILE`; see docs/operations.md.
    """
    settings = settings_with()
    target = file.resolve()
    with failures_explained():
        if settings.database_url.startswith("sqlite:///"):
            source = Path(settings.database_url.removeprefix("sqlite:///"))
            if source.exists() and target.exists() and source.samefile(target):
                fail(ExitCode.USAGE, f"{file} is the ledger itself")
        with (
            compose(settings, must_exist=True) as here,
            compose(settings_with(database_url=f"sqlite:///{target}"), may_upgrade=True) as there,
            Progress() as progress,
        ):
            copied = copy(here.ledger, there.ledger, progress.show, mirror=True)
    report(copied)
    console.print(f"the backup is {file}", soft_wrap=True)
