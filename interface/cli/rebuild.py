"""`stockledger rebuild`."""

from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from application.projections import PROJECTIONS
from application.rebuild import Rebuilt
from application.rebuild import rebuild as rebuild_projection
from interface.cli.progress import Progress
from interface.cli.terminal import (
    Database,
    ExitCode,
    console,
    fail,
    failures_explained,
    settings_with,
)
from interface.composition import compose

_BY_NAME = {projection.table.name: projection for projection in PROJECTIONS}


def rebuild(
    name: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(_BY_NAME)}. Without it, all.")
    ] = None,
    database: Database = None,
) -> None:
    """Make the read models anew from the events.

    Servers may go on reading and writing meanwhile, and the command may be killed at any time: the
    live tables are replaced at the very end, at once. What was wrong in them is shown.
    """
    if name is not None and name not in _BY_NAME:
        fail(ExitCode.USAGE, f"no projection {name!r}: there are {', '.join(_BY_NAME)}")
    wanted = [_BY_NAME[name]] if name else list(PROJECTIONS)
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings) as services, Progress() as progress:
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
    console.print(f"[bold]{result.name}[/]: rebuilt up to position {result.position}, ", end="")
    if not found.comparable:
        console.print("[green]in its new shape[/]")
        return
    if not found.total:
        console.print("[green]nothing differed[/]")
        return
    console.print(
        f"[yellow]{found.total} rows differed[/]: {found.missing} were missing, "
        f"{found.surplus} were surplus, {found.changed} had other values"
    )
    for key, column, live, rebuilt in found.samples:
        console.print(f"  {key} {column}: was {escape(repr(live))}, is {escape(repr(rebuilt))}")
