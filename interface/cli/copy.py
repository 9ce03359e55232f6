"""`stockledger copy`."""

from typing import Annotated

import typer

from application.maintenance.copy import Copied
from application.maintenance.copy import copy as copy_ledger
from interface.cli.exit_codes import failures_explained
from interface.cli.options import settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console, styled
from interface.composition import compose


def copy(
    source: Annotated[
        str, typer.Option("--from", help="The database to copy from.", metavar="URL")
    ],
    target: Annotated[str, typer.Option("--to", help="The database to copy to.", metavar="URL")],
) -> None:
    """Copy the ledger to another database, event by event.

    The target must be empty, or hold the first events of the source. So a killed copy can be run
    again, and continues. Read models are rebuilt from the events. At the end, everything is
    compared.

    Servers may keep writing to the source. To move a ledger: copy while the server runs, stop the
    server, copy again to add the rest, and start the server on the target.
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
    """Prints the number of new events, and the totals of the target."""
    console.print(
        styled("[green]copied {} events:[/] ", copied.new)
        + f"the target holds {copied.events} up to position {copied.position}, for "
        f"{copied.items} items with {copied.on_hand} on hand in total"
    )
    console.print(f"every event compared, all equal; root {copied.root}", soft_wrap=True)
