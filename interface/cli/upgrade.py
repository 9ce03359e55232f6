"""`stockledger upgrade`."""

from typing import Annotated

import typer

from application.maintenance.upgrade import rebuild_outdated
from application.persistence.schema import VERSION
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console
from interface.composition import compose


def upgrade(
    application_role: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL: the role of the servers. It gets the rights that they need: it may "
            "add events, and can't change them.",
            metavar="ROLE",
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Upgrade the ledger to this version of stockledger.

    Back up the ledger and stop all its servers first. The upgrade changes tables in numbered steps,
    one commit per step. Then it rebuilds outdated read models from the events. It can be killed
    at any time and run again. A current ledger is not changed.

    On PostgreSQL, run it as the role that owns the tables, and the servers as another one, with
    --application-role.

    `serve` does the same when it starts, if its database role may change tables.
    """
    settings = settings_with(database_url=database)
    with (
        failures_explained(),
        compose(settings, must_exist=True, may_upgrade=True) as services,
        Progress() as progress,
    ):
        rebuilt = rebuild_outdated(services.ledger, progress.show)
        if application_role is not None:
            services.ledger.recorder.grant_rights(application_role)
    suffix = f"; rebuilt: {', '.join(rebuilt)}" if rebuilt else ""
    console.print(f"the ledger has schema {VERSION}{suffix}")
