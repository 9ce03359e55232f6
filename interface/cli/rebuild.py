"""`stockledger rebuild`."""

from functools import partial
from typing import Annotated

import typer

from application.maintenance.rebuild import Rebuilt
from application.maintenance.rebuild import rebuild as rebuild_projection
from application.projections import PROJECTIONS
from application.sealing.unchanged import require_unchanged
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console, styled
from interface.composition import compose

_BY_NAME = {projection.table.name: projection for projection in PROJECTIONS}


def rebuild(
    name: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(_BY_NAME)}. Default: all.")
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Even of events that were changed since they were sealed."),
    ] = False,
    database: Database = None,
) -> None:
    """Rebuild the read models from the events.

    Servers may keep reading and writing. The command can be killed at any time, because it replaces
    the live tables in one step at the end. It reports the rows that differed from the events.

    It first checks that the events are those that were sealed, and refuses to make read models of
    others: `stockledger verify` tells what was changed, and can mend it from an archive.
    """
    if name is not None and name not in _BY_NAME:
        fail(ExitCode.USAGE, f"unknown projection {name!r}: there are {', '.join(_BY_NAME)}")
    wanted = [_BY_NAME[name]] if name else list(PROJECTIONS)
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings) as services, Progress() as progress:
        if not anyway:
            require_unchanged(services.ledger.recorder, progress.show)
        rebuilt = [
            rebuild_projection(
                services.ledger, projection, partial(progress.show, projection.table.name)
            )
            for projection in wanted
        ]
    for result in rebuilt:
        _report(result)


def _report(result: Rebuilt) -> None:
    found = result.differences
    line = styled("[bold]{}[/]: rebuilt up to position {}, ", result.name, result.position)
    if not found.comparable:
        console.print(line + styled("[green]not compared, because the table had an older shape[/]"))
        return
    if not found.total:
        console.print(line + styled("[green]nothing differed[/]"))
        return
    console.print(
        line
        + styled("[yellow]{} rows differed[/]: ", found.total)
        + f"{found.missing} missing, {found.surplus} surplus, "
        f"{found.changed} with other values"
    )
    for key, column, live, rebuilt in found.samples:
        console.print(f"  {key} {column}: was {live!r}, is {rebuilt!r}")
