"""`stockledger archive`."""

from pathlib import Path
from typing import Annotated

import typer

from application.archive.check import check_archive
from application.archive.layout import Folder
from application.archive.writer import write_archive
from application.persistence.errors import AlreadyRunning
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console, styled
from interface.composition import Services, compose
from proof.checking import read_verifiers


def archive(
    directory: Annotated[
        Path, typer.Argument(help="The folder of the archive.", metavar="DIR", file_okay=False)
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Only read the archive again, without the database.")
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(help="With --check: a verifier key that you trust, or a file with one."),
    ] = None,
    database: Database = None,
) -> None:
    """Write the ledger to an archive: plain files that anybody can check. Servers may keep writing.

    Each run adds what is new since the last one, up to the newest checkpoint. If a run was killed,
    run it again. `stockledger restore` brings back any checkpoint of it, on SQLite or PostgreSQL,
    and `stockledger verify --repair-from` takes single events from it. Full files never change, so
    rsync or an object store can copy them. The archive has the digests of API keys: keep it as safe
    as the database. The key that signs checkpoints is not in it: keep a copy of that elsewhere.
    """
    folder = Folder(directory)
    with failures_explained(), Progress() as progress:
        if check:
            checked = check_archive(folder, read_verifiers(key or []), progress.show)
            console.print(
                styled("[green]proven:[/] {} events, {} checkpoints", checked.size, checked.notes),
                soft_wrap=True,
            )
            return
        with compose(settings_with(database_url=database), must_exist=True) as services:
            _seal_if_possible(services)
            written = write_archive(services.ledger, folder, services.clock, progress.show)
    console.print(
        styled("[green]archived {} new events:[/] {} in all", written.new, written.size)
        + f", up to position {written.position}, root {written.root.hex()}",
        soft_wrap=True,
    )


def _seal_if_possible(services: Services) -> None:
    """Signs a checkpoint of now, if no server does: it may be stopped."""
    if services.signer is None:
        return
    try:
        services.sealer.seal_once()
    except AlreadyRunning:
        return
