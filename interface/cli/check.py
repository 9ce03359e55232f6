"""`stockledger check`."""

from pathlib import Path
from typing import Annotated

import typer

from interface.cli.exit_codes import ExitCode, fail, failures_explained
from interface.cli.terminal import console, styled
from proof.checking import check as check_file
from proof.checking import read_text, read_verifiers
from proof.errors import ProofError


def check(
    file: Annotated[
        Path,
        typer.Argument(help="A proof, a checkpoint, or the evidence of a device.", metavar="FILE"),
    ],
    key: Annotated[
        list[str],
        typer.Option(help="A verifier key of the ledger, or a file with one. May be repeated."),
    ],
    since: Annotated[
        Path | None,
        typer.Option("--from", help="The older checkpoint of a proof of growth.", metavar="FILE"),
    ] = None,
) -> None:
    """Check a proof. Needs no database and no network.

    Get the verifier key from somebody you trust, not with the proof. `python -m proof` does the
    same with nothing but Python and `cryptography`. Exit code 0: proven. 1: not proven. 2:
    something can't be read.
    """
    with failures_explained():
        old = None if since is None else read_text(since)
        try:
            first, *rest = check_file(read_text(file), read_verifiers(key), old)
        except ProofError as error:
            fail(ExitCode.NOT_PROVEN, f"not proven: {error}")
    word, _, what = first.partition(" ")
    console.print(styled("[green]{}[/] {}", word, what), soft_wrap=True)
    for line in rest:
        console.print(line, soft_wrap=True)
