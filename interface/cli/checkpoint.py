"""`stockledger checkpoint`."""

from pathlib import Path
from typing import Annotated

import typer

from application.sealing.identity import read_identity
from application.sealing.key_file import KeyFileError, create_key
from application.sealing.rotation import rotate_key
from application.sealing.signer import SigningKey
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.terminal import console
from interface.composition import compose
from interface.signing import require_signing_key

app = typer.Typer(
    help="Show checkpoints, and manage the key that signs them.", no_args_is_help=True
)

NewKey = Annotated[Path, typer.Argument(help="The file of the new key.", metavar="FILE")]


@app.command()
def show(database: Database = None) -> None:
    """Print the newest checkpoint, as a signed note. Keep a copy where nobody can change it."""
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        typer.echo(services.proofs.checkpoint().note, nl=False)


@app.command()
def key(database: Database = None) -> None:
    """Print the verifier key: whoever has it can check the proofs of this ledger."""
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        signing_key = require_signing_key(settings)
        origin = read_identity(services.ledger.recorder).origin
        typer.echo(signing_key.signer(origin).verifier.key)


@app.command("new-key")
def new_key(file: NewKey) -> None:
    """Make a key that signs checkpoints.

    Only its owner can read the file. Keep a copy of it in a safe: without the key, a restored
    ledger can't go on signing under its name. Never put it where the backups of the ledger are.
    """
    with failures_explained():
        create_key(file)
    console.print(f"made {file}: set STOCKLEDGER_CHECKPOINT_KEY={file.resolve()}", soft_wrap=True)


@app.command("rotate-key")
def rotate(file: NewKey, database: Database = None) -> None:
    """Declare another key: the present key signs that the key in FILE may sign, too.

    FILE is made if it is missing. Then set STOCKLEDGER_CHECKPOINT_KEY to it, and restart the
    servers. Devices follow the declaration by themselves.
    """
    settings = settings_with(database_url=database)
    with failures_explained(), compose(settings, must_exist=True) as services:
        present = require_signing_key(settings)
        if not file.exists():
            create_key(file)
        new = SigningKey.read(file)
        if new.guard.last() is not None:
            raise KeyFileError(f"the key in {file} has signed checkpoints already")
        note = rotate_key(services.ledger.recorder, present, new, services.clock())
    typer.echo(note, nl=False)
    console.print(
        f"declared: now set STOCKLEDGER_CHECKPOINT_KEY={file.resolve()}, and restart the servers",
        soft_wrap=True,
    )
