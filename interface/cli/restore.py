"""`stockledger restore`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from application.access.audit import Origin
from application.archive.layout import DamagedArchive, Folder
from application.archive.reader import Archive, Target
from application.archive.restore import finish_restore
from application.archive.restore import restore as restore_ledger
from application.sealing.restoration import Declarer
from interface.cli.exit_codes import failures_explained
from interface.cli.options import Database, instant, operator, settings_with
from interface.cli.progress import Progress
from interface.cli.restored import LastKnown, LostKey, Reason, report, signing_key_or_new
from interface.cli.terminal import console
from interface.composition import compose
from interface.proof_files import read_checkpoint
from proof.checking import read_verifiers
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.note import Verifier


def restore(
    directory: Annotated[
        Path, typer.Argument(help="The folder of the archive.", metavar="DIR", file_okay=False)
    ],
    to_checkpoint: Annotated[
        Path | None,
        typer.Option(help="Restore to this checkpoint. Default: the newest.", metavar="FILE"),
    ] = None,
    to_time: Annotated[
        datetime | None,
        typer.Option(
            help="Restore to the last checkpoint that was signed up to this time.",
            parser=instant,
            metavar="TIME",
        ),
    ] = None,
    last_known: LastKnown = None,
    lost_key: LostKey = False,
    reason: Reason = "",
    drill: Annotated[
        bool,
        typer.Option(
            "--drill",
            help="Only try it: no key, no declaration. Devices must not sync with the result.",
        ),
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A verifier key that you trust, or a file with one. May be repeated."),
    ] = None,
    database: Database = None,
) -> None:
    """Restore a ledger from an archive into an empty database, on SQLite or PostgreSQL.

    Everything is checked against the checkpoint. A killed restore can be run again. The restored
    ledger goes on under the next epoch of its name, with a signed declaration: devices accept it,
    send again what was lost, and tell a person. API keys are the newest ones of the archive.
    """
    settings = settings_with(database_url=database)
    with failures_explained():
        archive = Archive(Folder(directory))
        target = _target(archive, to_checkpoint, to_time, read_verifiers(key or []))
        signing_key = None if drill else signing_key_or_new(settings, is_lost=lost_key)
        lost = archive.target().checkpoint if last_known is None else read_checkpoint(last_known)
        with compose(settings) as services, Progress() as progress:
            restore_ledger(archive, target, services.ledger, progress.show)
            if signing_key is None:
                with services.ledger.recorder.unit_of_work() as unit_of_work:
                    finish_restore(unit_of_work)
                console.print(f"restored: {target.checkpoint.size} events", soft_wrap=True)
                return
            declarer = Declarer(
                services.ledger.recorder, signing_key, services.audit, services.clock
            )
            restored = declarer.declare(lost, reason, Origin(operator()), is_new_key=lost_key)
    report(restored)


def _target(
    archive: Archive, file: Path | None, upto: datetime | None, verifiers: list[Verifier]
) -> Target:
    wanted = None if file is None else read_checkpoint(file)
    target = archive.target(size=None if wanted is None else wanted.size, upto=upto)
    if wanted is not None and wanted != target.checkpoint:
        raise DamagedArchive("the archive has another checkpoint of this size")
    try:
        Checkpoint.verified(target.stored.note, archive.verifiers(verifiers))
    except ProofError as error:
        raise DamagedArchive(f"the checkpoint is not proven: {error}") from error
    return target
