"""`stockledger seal`."""

import signal
from types import FrameType
from typing import Annotated

import typer

from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, settings_with
from interface.cli.terminal import console
from interface.composition import Services, compose
from interface.signing import require_signing_key


def seal(
    once: Annotated[
        bool, typer.Option("--once", help="Seal what is recorded now, and end.")
    ] = False,
    database: Database = None,
) -> None:
    """Seal the ledger: grow the tree of its events, and sign checkpoints.

    The servers do it themselves. Run this command instead if the signing key must not be on their
    machine: start them with STOCKLEDGER_SEAL=false, and this command on another one. SIGTERM or
    Ctrl-C ends it. See docs/proof.md.
    """
    settings = settings_with(database_url=database)
    with failures_explained():
        require_signing_key(settings)
        with compose(settings, must_exist=True) as services:
            if once:
                _seal_once(services)
            else:
                _seal_until_stopped(services)


def _seal_once(services: Services) -> None:
    services.sealer.seal_once()
    newest = services.proofs.checkpoint()
    console.print(f"sealed: {newest.size} events, up to position {newest.position}")


def _seal_until_stopped(services: Services) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        services.sealer.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    console.print("sealing, until a signal ends it")
    services.sealer.run()
