"""Rotation of the key that signs checkpoints: the present key declares the next one."""

from datetime import datetime

from application.persistence.recorder import LedgerRecorder
from application.persistence.unit_of_work import UnitOfWork
from application.sealing.fork_guard import ForkRefused
from application.sealing.identity import known_verifiers, read_identity
from application.sealing.signer import SigningKey
from application.tables.table import Insert
from application.tables.tree import DECLARATIONS, Declaration, DeclarationKind
from proof.declarations import KeyDeclaration


def rotate_key(
    recorder: LedgerRecorder, present: SigningKey, new: SigningKey, now: datetime
) -> str:
    """Declares another key; returns the signed note.

    The new key takes over the memory of the present one.

    Raises:
        ForkRefused: the present key is not one of this log's, or its memory can't be handed on.
        StoreUnavailable: the database can't be used.
    """
    origin = read_identity(recorder).origin
    signer = present.signer(origin)
    if signer.verifier.key not in {one.key for one in known_verifiers(recorder)}:
        raise ForkRefused("the present key has signed no checkpoint of this ledger")
    note = KeyDeclaration(origin, new.signer(origin).verifier).signed([signer])
    last = present.guard.last_note()
    if last is not None:
        new.guard.remember(last)
    with recorder.unit_of_work() as unit_of_work:
        declare(unit_of_work, DeclarationKind.KEY, note, now)
    return note


def declare(unit_of_work: UnitOfWork, kind: DeclarationKind, note: str, now: datetime) -> None:
    """Adds a declaration to the log."""
    number = 1 + max((found.number for found in unit_of_work.rows(DECLARATIONS)), default=0)
    unit_of_work.write(DECLARATIONS, [Insert([Declaration(number, kind.value, note, now)])])
