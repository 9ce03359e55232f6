"""`stockledger restored`."""

from pathlib import Path
from typing import Annotated

import typer

from application.access.audit import Origin
from application.sealing.key_file import KeyFileError, create_key
from application.sealing.restoration import Declarer, Restored
from application.sealing.signer import SigningKey
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, operator, settings_with
from interface.cli.terminal import console, styled
from interface.composition import compose
from interface.proof_files import read_checkpoint
from interface.settings import Settings
from interface.signing import key_path, require_signing_key

LastKnown = Annotated[
    Path | None,
    typer.Option(
        help="The last checkpoint of the lost ledger that anybody has. Default: the newest one of "
        "the archive. The last one that the key has signed counts if it is newer.",
        metavar="FILE",
    ),
]
LostKey = Annotated[
    bool,
    typer.Option(
        "--lost-key",
        help="The key that signed before is lost: make a new one. A person must accept it on each "
        "device.",
    ),
]
Reason = Annotated[str, typer.Option(help="Why, for people: it is part of the declaration.")]


def restored(
    last_known: LastKnown = None,
    lost_key: LostKey = False,
    reason: Reason = "",
    database: Database = None,
) -> None:
    """Declare that the ledger was restored from a copy, or lost its last events in a failover.

    Stop the servers first. Afterwards the ledger goes on under the next epoch of its name, with a
    signed declaration. Devices accept it, send again what was lost, and tell a person. Without it,
    the servers refuse to sign checkpoints, and devices tell of a rollback. `stockledger restore`
    does it by itself.
    """
    settings = settings_with(database_url=database)
    with failures_explained():
        lost = None if last_known is None else read_checkpoint(last_known)
        with compose(settings, must_exist=True) as services:
            key = signing_key_or_new(settings, is_lost=lost_key)
            declarer = Declarer(services.ledger.recorder, key, services.audit, services.clock)
            declared = declarer.declare(lost, reason, Origin(operator()), is_new_key=lost_key)
    report(declared)


def signing_key_or_new(settings: Settings, *, is_lost: bool) -> SigningKey:
    """Reads the signing key; makes one if it is lost. Raises KeyFileError."""
    path = key_path(settings)
    if not is_lost:
        return require_signing_key(settings)
    if path is None:
        raise KeyFileError("name a file for the new key in STOCKLEDGER_CHECKPOINT_KEY")
    if not path.exists():  # A run that was killed has made it.
        create_key(path)
    return SigningKey.read(path)


def report(declared: Restored) -> None:
    """Prints the declaration, and what it means."""
    typer.echo(declared.note, nl=False)
    console.print(
        styled(
            "[green]declared:[/] {} goes on from {} of {} events, as {}",
            declared.lost.origin,
            declared.kept.size,
            declared.lost.size,
            declared.kept.origin,
        ),
        soft_wrap=True,
    )
