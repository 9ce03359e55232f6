"""`stockledger rebuild`."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from application.projections import PROJECTIONS
from application.projections.table import Projection
from application.rebuild import Rebuilt
from application.rebuild import rebuild as rebuild_projection
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
    with failures_explained(), compose(settings) as services, _progress_bar() as progress:
        rebuilt = [
            rebuild_projection(services.ledger, projection, _Reporter(progress, projection))
            for projection in wanted
        ]
    for result in rebuilt:
        _report(result)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} events/s" if task.speed else "")


def _progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )


class _Reporter:
    def __init__(self, progress: Progress, projection: Projection) -> None:
        self._progress = progress
        self._task = progress.add_task(projection.table.name, total=None)

    def __call__(self, position: int, head: int) -> None:
        self._progress.update(self._task, completed=position, total=head)


def _report(result: Rebuilt) -> None:
    found = result.differences
    console.print(f"[bold]{result.name}[/]: rebuilt up to position {result.position}, ", end="")
    if not found.total:
        console.print("[green]nothing differed[/]")
        return
    console.print(
        f"[yellow]{found.total} rows differed[/]: {found.missing} were missing, "
        f"{found.surplus} were surplus, {found.changed} had other values"
    )
    for key, column, live, rebuilt in found.samples:
        console.print(f"  {key} {column}: was {escape(repr(live))}, is {escape(repr(rebuilt))}")
