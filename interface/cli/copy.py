"""`stockledger copy`."""

from typing import Annotated

import typer

from application.maintenance.copy import Copied
from application.maintenance.copy import copy as copy_ledger
from interface.cli.progress import Progress
from interface.cli.terminal import console, failures_explained, settings_with, styled
from interface.composition import compose


def copy(
    source: Annotated[
        str, typer.Option("--from", help="The database to copy from.", metavar="URL")
    ],
    target: Annotated[str, typer.Option("--to", help="The database to copy to.", metavar="URL")],
) -> None:
    """Copy the ledger to another database, event for event.

    The target must be empty, or hold a part of the source from its first event on: so a copy that
    was killed goes on where it ended. Read models are made anew from the events, and in the end all
    of it is compared.

    The source may go on being written. To move a shop: copy while its server works, stop the
    server, copy again, which takes up the rest, and start the server on the target.
    """
    with (
        failures_explained(),
        compose(settings_with(database_url=source), must_exist=True) as here,
        compose(settings_with(database_url=target)) as there,
        Progress() as progress,
    ):
        copied = copy_ledger(here.ledger, there.ledger, progress.show)
    report(copied)


def report(copied: Copied) -> None:
    """Tells what the target holds."""
    console.print(
        styled("[green]copied {} events:[/] ", copied.new)
        + f"the target holds {copied.events}, up to position {copied.position}, of "
        f"{copied.items} items with {copied.on_hand} on hand"
    )
    console.print(f"compared event by event; sha256 {copied.digest}", soft_wrap=True)
