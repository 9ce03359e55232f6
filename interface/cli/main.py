"""The `stockledger` command."""

from importlib.metadata import version
from typing import Annotated

import typer

from interface import interpreter
from interface.cli import checkpoint, items, keys
from interface.cli.archive import archive
from interface.cli.audit import audit
from interface.cli.backup import backup
from interface.cli.check import check
from interface.cli.copy import copy
from interface.cli.demo import demo
from interface.cli.export import export
from interface.cli.prove import prove
from interface.cli.rebuild import rebuild
from interface.cli.restore import restore
from interface.cli.restored import restored
from interface.cli.seal import seal
from interface.cli.serve import serve
from interface.cli.upgrade import upgrade
from interface.cli.verify import verify

app = typer.Typer(
    name="stockledger",
    help="An inventory ledger for devices that lose the network.\n\n"
    "Settings come from environment variables (STOCKLEDGER_DATABASE_URL, STOCKLEDGER_HOST, …). "
    "The flags of a command override them. Start with: stockledger demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve)
app.command()(rebuild)
app.command()(copy)
app.command()(backup)
app.command()(archive)
app.command()(restore)
app.command()(restored)
app.command()(upgrade)
app.command()(seal)
app.add_typer(checkpoint.app, name="checkpoint")
app.command()(verify)
app.command()(prove)
app.command()(check)
app.add_typer(items.app, name="items")
app.command()(export)
app.add_typer(keys.app, name="keys")
app.command()(audit)
app.command()(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stockledger {version('stockledger')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    interpreter.tune()
