"""The ledger as a log: its name, and the keys that may sign for it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

from application.persistence.recorder import LedgerRecorder
from application.tables.properties import EPOCH, ORIGIN, PROPERTIES, UNNAMED, VERIFIER_KEY, Property
from application.tables.table import Upsert
from application.tables.tree import Declaration, DeclarationKind, StoredCheckpoint, checkpoint_id
from proof.checkpoint import Checkpoint
from proof.declarations import KeyDeclaration, RestoreDeclaration
from proof.errors import ProofError
from proof.note import SignedNote, Verifier, is_key_name
from proof.succession import succession


class OriginMismatch(Exception):
    """The ledger has another name than the setting says."""


class LogIdentity(NamedTuple):
    """The name of the ledger as a log."""

    base: str
    """The origin of the first epoch."""
    epoch: int

    @property
    def origin(self) -> str:
        """The origin of its checkpoints."""
        return origin_of(self.base, self.epoch)

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Self:
        """Reads it from the properties of the ledger."""
        return cls(properties[ORIGIN], int(properties[EPOCH]))


def origin_of(base: str, epoch: int) -> str:
    """Returns the origin of an epoch: each restore begins the next one."""
    return base if epoch == 1 else f"{base}/{epoch}"


def epoch_of(base: str, origin: str) -> int:
    """Returns the epoch of an origin; 0 if it is of another log."""
    if origin == base:
        return 1
    name, _, number = origin.rpartition("/")
    is_epoch = name == base and number.isascii() and number.isdigit()
    return int(number) if is_epoch and origin_of(base, int(number)) == origin else 0


def is_row_of(stored: StoredCheckpoint, checkpoint: Checkpoint, base: str) -> bool:
    """Whether the row of a checkpoint says what its note says."""
    epoch = epoch_of(base, checkpoint.origin)
    wanted = checkpoint_id(epoch, checkpoint.size), epoch, checkpoint.size
    return stored[: len(wanted)] == wanted


def read_identity(recorder: LedgerRecorder) -> LogIdentity:
    """Reads the identity of the ledger. Raises StoreUnavailable."""
    return LogIdentity.of({found.name: found.value for found in recorder.select_properties()})


def name_log(recorder: LedgerRecorder, origin: str | None) -> LogIdentity:
    """Gives the log its name, if it has none yet and has signed nothing; returns its identity.

    Raises:
        OriginMismatch: it has another name, or the name may not name a log.
        StoreUnavailable: the database can't be reached.
    """
    identity = read_identity(recorder)
    if origin is None or origin == identity.base:
        return identity
    if not is_key_name(origin):
        raise OriginMismatch(f"{origin!r} can't name a log: no spaces, no plus")
    if not identity.base.startswith(UNNAMED) or recorder.select_last_checkpoint() is not None:
        raise OriginMismatch(
            f"this ledger signs its checkpoints as {identity.base}, and can't become {origin}"
        )
    with recorder.unit_of_work() as unit_of_work:
        unit_of_work.write(PROPERTIES, [Upsert([Property(ORIGIN, origin)])])
    return identity._replace(base=origin)


def known_verifiers(recorder: LedgerRecorder) -> list[Verifier]:
    """Returns the keys that may sign for this log in any epoch, oldest first.

    They are as good as the database. An auditor has a key from elsewhere. Raises StoreUnavailable.
    """
    properties = {found.name: found.value for found in recorder.select_properties()}
    return verifiers_of(properties, recorder.select_declarations())


def trusted_verifiers(recorder: LedgerRecorder, given: Sequence[Verifier]) -> list[Verifier]:
    """Returns the given keys and those that they declared; the known ones if none is given. Raises
    StoreUnavailable."""
    if not given:
        return known_verifiers(recorder)
    return declared_by(given, recorder.select_declarations())


def declared_by(given: Sequence[Verifier], declarations: Iterable[Declaration]) -> list[Verifier]:
    """Returns the given keys, and those that they declared."""
    return [*succession((one.note for one in declarations), None, given).verifiers]


def verifiers_of(
    properties: Mapping[str, str], declarations: Iterable[Declaration]
) -> list[Verifier]:
    """Returns the keys that these properties and declarations name."""
    first = properties.get(VERIFIER_KEY)
    known: list[Verifier] = []
    with suppress(ProofError):
        known = [] if first is None else [Verifier.parse(first)]
    for declaration in declarations:
        with suppress(ProofError):
            known.append(_declared(declaration, known))
    return known


def _declared(declaration: Declaration, known: list[Verifier]) -> Verifier:
    """Raises ProofError: no known key signed it."""
    if declaration.kind == DeclarationKind.KEY:
        return KeyDeclaration.verified(declaration.note, known).verifier
    # After a disaster, the key before may be lost: then the new one signs.
    restored = RestoreDeclaration.of_text(SignedNote.parse(declaration.note).text)
    return RestoreDeclaration.verified(declaration.note, [*known, restored.verifier]).verifier
