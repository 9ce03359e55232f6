"""`stockledger prove`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from application.access.principal import Principal
from application.access.roles import Role
from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.options import Database, operator, settings_with
from interface.composition import compose
from interface.proof_files import read_checkpoint


def prove(
    local_id: Annotated[
        UUID | None, typer.Argument(help="The localId of a recorded transaction.")
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="An older checkpoint: prove that the ledger only grew since.",
            metavar="FILE",
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Print a proof that anybody can check, without the database and the network.

    `stockledger prove LOCAL_ID > movement.tlog-proof` proves that the ledger has this movement.
    `stockledger prove --from old.checkpoint > growth.proof` proves that every event of the older
    checkpoint is still there, unchanged. Check them with `stockledger check`.
    """
    if (local_id is None) == (since is None):
        fail(ExitCode.USAGE, "give a localId, or --from FILE")
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        if since is not None:
            text = services.proofs.consistency(read_checkpoint(since).size).text
        elif local_id is not None:
            text = services.proofs.inclusion(local_id, Principal(operator(), Role.ADMIN)).text
    typer.echo(text, nl=False)
