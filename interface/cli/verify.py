"""`stockledger verify`."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from application.access.audit import Origin
from application.archive.layout import DamagedArchive, Folder
from application.archive.reader import Archive
from application.archive.repair import repair, repairable
from application.maintenance.rebuild import rebuild
from application.persistence.errors import (
    AlreadyRunning,
    SchemaMismatch,
    StoreUnavailable,
    UnsupportedDatabase,
)
from application.projections import PROJECTIONS
from application.sealing.identity import OriginMismatch, trusted_verifiers
from application.sealing.key_file import KeyFileError
from application.sealing.unchanged import EventsChanged, require_unchanged
from application.verification.findings import MAX_SHOWN_PER_KIND, Finding, Findings
from application.verification.report import as_object, keep
from application.verification.state_file import StateFile
from application.verification.tree_check import Claim
from application.verification.verify import Options, Verified
from application.verification.verify import verify as verify_ledger
from interface.cli.exit_codes import ExitCode, fail
from interface.cli.options import Database, operator, settings_with
from interface.cli.progress import Progress
from interface.cli.terminal import console, styled
from interface.composition import Services, compose
from interface.proof_files import read_checkpoint
from proof.checking import UnreadableFile, read_verifiers
from proof.errors import ProofError
from proof.note import Verifier

DEFAULT_SCRUB: Final = "1/30"


def _fraction(text: str | Fraction) -> Fraction:
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(-1)
    if not 0 <= found <= 1:
        raise typer.BadParameter("must be a fraction from 0 to 1, such as 1/30")
    return found


def verify(
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps how far it came: the next run reads only what is new, and a "
            "killed run goes on.",
            metavar="FILE",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again.")] = False,
    scrub: Annotated[
        Fraction,
        typer.Option(
            help="The part of the older events that a run with --state reads again.",
            parser=_fraction,
            metavar="FRACTION",
        ),
    ] = Fraction(DEFAULT_SCRUB),
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that you kept elsewhere. May be repeated.", metavar="FILE"),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A verifier key from a source that you trust, or a file with one. May be "
            "repeated. Default: the keys that the ledger names."
        ),
    ] = None,
    storage: Annotated[
        bool, typer.Option(help="Let the database check its own files, too.")
    ] = True,
    repair_from: Annotated[
        Path | None,
        typer.Option(
            help="An archive: take from it what was changed or is missing, rebuild the read "
            "models, and verify again. Only copies that hash to a signed checkpoint are taken.",
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print findings and result as lines of JSON.")
    ] = False,
    database: Database = None,
) -> None:
    """Prove that the ledger is what it says. Servers may keep writing.

    Checks that every event can be read and follows the rules, that the events are those of the tree
    and of every signed checkpoint, that the unique keys find each event once, that the read models
    are what the events say, and what the database says of its own files.

    Exit code 0: proven. 1: something was found. 2: it could not look. See docs/proof.md.
    """
    settings = settings_with(database_url=database)
    with _failures_explained(), compose(settings, must_exist=True) as services:
        options = Options(
            read_verifiers(key or []),
            [Claim(str(file), read_checkpoint(file)) for file in checkpoint or []],
            float(scrub),
            storage,
        )
        tell = _tell_json if as_json else _tell
        with (
            closing(StateFile("" if state is None else str(state))) as state_file,
            Progress() as progress,
        ):
            progress.disable = as_json
            if full:
                state_file.clear()
            verified, findings = _run(services, state_file, options, tell, progress)
            if repair_from is not None and verified.findings:
                _repair(services, Folder(repair_from), options.verifiers, as_json, progress)
                state_file.clear()
                verified, findings = _run(services, state_file, options, tell, progress)
        keep(services.ledger.recorder, services.audit, Origin(operator()), verified)
    if as_json:
        typer.echo(json.dumps({"result": as_object(verified)}))
    else:
        _report(verified, findings)
    if verified.findings:
        raise typer.Exit(ExitCode.NOT_PROVEN)


def _run(
    services: Services,
    state: StateFile,
    options: Options,
    tell: Callable[[Finding], None],
    progress: Progress,
) -> tuple[Verified, Findings]:
    findings = Findings(tell, services.ledger.recorder.head)
    verified = verify_ledger(
        services.ledger, state, findings, options, now=services.clock, progress=progress.show
    )
    return verified, findings


def _repair(
    services: Services,
    folder: Folder,
    verifiers: Sequence[Verifier],
    as_json: bool,
    progress: Progress,
) -> None:
    """Repairs events from an archive, and rebuilds the read models of what is right then."""
    archive = Archive(folder)
    recorder = services.ledger.recorder
    target = repairable(archive, recorder, trusted_verifiers(recorder, verifiers))

    def tell(position: int) -> None:
        text = json.dumps({"repaired": position}) if as_json else f"repaired: {position}"
        typer.echo(text)

    origin = Origin(operator())
    repair(archive, target, services.ledger, services.audit, origin, tell, progress.show)
    require_unchanged(services.ledger.recorder, progress.show)
    for projection in PROJECTIONS:
        rebuild(services.ledger, projection, partial(progress.show, projection.table.name))


@contextmanager
def _failures_explained() -> Iterator[None]:
    try:
        yield
    except (
        AlreadyRunning,
        DamagedArchive,
        EventsChanged,
        KeyFileError,
        OriginMismatch,
        ProofError,
        SchemaMismatch,
        StoreUnavailable,
        UnreadableFile,
        UnsupportedDatabase,
    ) as error:
        fail(ExitCode.COULD_NOT_LOOK, f"could not verify: {error}")


def _tell_json(finding: Finding) -> None:
    typer.echo(json.dumps(finding.as_object()))


def _tell(finding: Finding) -> None:
    colour = "yellow" if finding.is_warning else "red"
    at = "" if finding.position is None else f" at position {finding.position}"
    if finding.upto is not None:
        at += f" to {finding.upto}"
    of = "" if finding.subject is None else f" ({finding.subject})"
    console.print(
        styled(f"[{colour}]{finding.kind.value}[/]{{}}: {{}}{{}}", at, finding.message, of),
        soft_wrap=True,
    )
    for name, value in (("expected", finding.expected), ("found", finding.found)):
        if value is not None:
            console.print(f"  {name}: {value}", soft_wrap=True)


def _report(verified: Verified, findings: Findings) -> None:
    for kind, number in findings.counts.items():
        if number > MAX_SHOWN_PER_KIND:
            console.print(f"{kind.value}: {number} in all")
    what = (
        f"{verified.events} events to position {verified.position}, "
        f"{verified.streams} items and codes"
    )
    if not verified.is_complete:
        what += ", the older ones as they were proven before"
    if verified.skipped:
        console.print(f"not checked: {verified.skipped}", soft_wrap=True)
    if verified.findings:
        console.print(styled("[red]not proven:[/] {} findings in {}", verified.findings, what))
    else:
        console.print(styled("[green]proven:[/] {}", what), soft_wrap=True)
    console.print(f"root {verified.root.hex()}", soft_wrap=True)
