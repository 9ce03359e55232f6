"""`stockledger upgrade`."""

from application.maintenance.upgrade import rebuild_outdated
from application.persistence.schema import VERSION
from interface.cli.progress import Progress
from interface.cli.terminal import Database, console, failures_explained, settings_with
from interface.composition import compose


def upgrade(database: Database = None) -> None:
    """Bring the ledger up to date for this version of stockledger.

    Back it up and stop all servers that use it first. Tables are changed in numbered steps, a
    commit each; then read models that have changed are made from the events. The command may be
    killed at any time and run again. A ledger that is up to date stays as it is.

    `serve` does the same when it starts, where its role may change tables.
    """
    settings = settings_with(database_url=database)
    with (
        failures_explained(),
        compose(settings, must_exist=True, may_upgrade=True) as services,
        Progress() as progress,
    ):
        rebuilt = rebuild_outdated(services.ledger, progress.show)
    made = f"; rebuilt: {', '.join(rebuilt)}" if rebuilt else ""
    console.print(f"the ledger has schema {VERSION}{made}")
