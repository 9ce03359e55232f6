"""`stockledger backup`."""

from pathlib import Path
from typing import Annotated

import typer

from application.maintenance.copy import copy
from interface.cli.copy import report
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console
from interface.composition import compose


def backup(
    file: Annotated[
        Path,
        typer.Argument(
            help="The SQLite file of the backup. It is created if missing.", metavar="FILE"
        ),
    ],
    database: Database = None,
) -> None:
    """Back up the ledger to a SQLite file. Servers may keep writing.

    The ledger may be on SQLite or PostgreSQL. The backup is a complete ledger: events, keys,
    rejected transactions and the audit trail. Each event is compared with the original. The next
    backup to the same FILE is incremental: it writes only new data. If a backup was killed, run it
    again.

    To restore, replace the database by the file, or run `stockledger copy --from sqlite:///FILE`.
    See docs/operations.md.
    """
    settings = settings_with(database_url=database)
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
    console.print(f"backup written to {file}", soft_wrap=True)
