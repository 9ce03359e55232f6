"""Evidence of a device against a ledger. It stands by itself: nobody needs to trust the device."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from proof.checkpoint import Checkpoint
from proof.encoding import hash_from_base64
from proof.entry import Entry
from proof.errors import ProofError
from proof.merkle import consistency_roots, is_power_of_two
from proof.movement import differing_fields
from proof.note import Verifier
from proof.proofs import InclusionProof
from proof.succession import Succession, succession


class Alarm(StrEnum):
    """What a device found."""

    FORK = "FORK"
    """Two checkpoints of the log do not belong to one history."""
    ROLLBACK = "ROLLBACK"
    """The log became shorter, and declared no restore."""
    OTHER_LEDGER = "OTHER_LEDGER"
    """Another log answers, or an unknown key signs."""
    UNPROVEN = "UNPROVEN"
    """The ledger has given no proof for days."""
    ALTERED = "ALTERED"
    """The log has another content for a transaction of this device."""
    MISSING = "MISSING"
    """The log lacks a transaction that the ledger has acknowledged."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a device found, and what shows it."""

    alarm: Alarm
    time: str
    """When it was found, by the device's clock. ISO 8601."""
    message: str
    known: str | None = None
    """The signed note of a checkpoint that the device has verified."""
    shown: str | None = None
    """The signed note of a checkpoint that the ledger showed later."""
    path: Sequence[str] = ()
    """The hashes that should have connected the two, in base64. If the smaller size is a power of
    two, the first hash is the root that its events have in the larger log: a consistency proof
    leaves it out, and takes that of the smaller checkpoint."""
    declarations: Sequence[str] = ()
    """The signed declarations of another origin or key between the two, oldest first."""
    proof: str | None = None
    """The inclusion proof of a transaction of this device."""
    recorded: Mapping[str, Any] | None = None
    """The transaction as the device recorded it."""

    @property
    def text(self) -> str:
        """The evidence as a JSON text, in ASCII."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads evidence. Raises ProofError: it is none."""
        try:
            given = json.loads(text)
            names = {field.name for field in fields(cls)}
            found = {name: value for name, value in given.items() if name in names}
            _require_well_formed(found)
            lists = {name: tuple(found.get(name, ())) for name in _LISTS}
            return cls(**found | lists | {"alarm": Alarm(found["alarm"])})
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise ProofError("not the evidence of a device: it can't be read") from None

    def require(self, verifiers: Iterable[Verifier]) -> str:
        """Checks the evidence; returns what it proves, as a text for people. What only the device
        says is told as such.

        Raises:
            ProofError: it proves nothing.
        """
        known = [*verifiers]
        match self.alarm:
            case Alarm.FORK:
                return self._require_fork(known)
            case Alarm.ROLLBACK:
                return self._require_rollback(known)
            case Alarm.ALTERED:
                return self._require_altered(known)
        raise ProofError(f"{self.alarm} is a report of the device, and can't be proven by itself")

    def _require_fork(self, verifiers: Sequence[Verifier]) -> str:
        old, new, line = self._both(verifiers)
        if line.contradicts(old):
            return (
                f"the log declared that {new.origin} begins with {old.size} events, and they are "
                f"others than those that {old.origin} signed"
            )
        if old.size > new.size and not line.restores:
            old, new = new, old
        if old.size == new.size:
            if old.root == new.root:
                raise ProofError("the two checkpoints are the same")
            return f"the key signed two roots for {old.size} events of {new.origin}"
        self._require_other_beginning(old, new)
        return (
            f"the key signed two histories of {new.origin}: the {new.size} events begin with other "
            f"{old.size} events than those that were signed before"
        )

    def _require_other_beginning(self, old: Checkpoint, new: Checkpoint) -> None:
        """Raises ProofError: the hashes do not show that the larger log begins otherwise."""
        path = [hash_from_base64(one) for one in self.path]
        is_given = is_power_of_two(old.size) and path
        old_root, new_root = consistency_roots(
            old_size=old.size,
            old_root=path[0] if is_given else old.root,
            new_size=new.size,
            path=path[1:] if is_given else path,
        )
        if new_root != new.root or old_root == old.root:
            raise ProofError(
                "the hashes do not show that the two checkpoints contradict each other. But the "
                "key signed both: ask the operator for a proof that connects them"
            )

    def _require_rollback(self, verifiers: Sequence[Verifier]) -> str:
        old, new, _ = self._both(verifiers)
        if new.size >= old.size:
            raise ProofError("the log did not become shorter")
        return (
            f"the key signed {old.size} events of {old.origin}. The device says that at "
            f"{self.time} it was shown only {new.size}, which the key signed, too: the ledger must "
            f"have at least {old.size} now"
        )

    def _require_altered(self, verifiers: Sequence[Verifier]) -> str:
        if self.proof is None or self.recorded is None:
            raise ProofError("the evidence has no proof, or no transaction")
        proof = InclusionProof.parse(self.proof)
        proof.require(verifiers)
        differing = differing_fields(Entry.parse(proof.entry), self.recorded)
        if not differing:
            raise ProofError("the log has what the device recorded")
        if "localId" in differing:
            raise ProofError("the proof is that of another transaction")
        return (
            f"the log has transaction {UUID(self.recorded['localId'])} with another content than "
            f"the device says it recorded: {', '.join(differing)}"
        )

    def _both(self, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, Checkpoint, Succession]:
        """Returns both checkpoints, and how their log went on between them.

        Raises ProofError: they are not of one log, or were never to agree.
        """
        if self.known is None or self.shown is None:
            raise ProofError("the evidence has no two checkpoints")
        old = Checkpoint.verified(self.known, verifiers)
        line = succession(self.declarations, old.origin, verifiers)
        new = Checkpoint.verified(self.shown, line.verifiers)
        if new.origin == old.origin:
            return old, new, line._replace(restores=())
        if new.origin != line.origin:
            raise ProofError(f"the two checkpoints are of two logs: {old.origin} and {new.origin}")
        if line.kept_size is not None and old.size > line.kept_size:
            raise ProofError(f"the log declared that it kept only {line.kept_size} events")
        return old, new, line


_LISTS: Final = ("path", "declarations")


def _require_well_formed(found: Mapping[str, Any]) -> None:
    """Raises TypeError: a field has another type."""
    texts = [found["message"], found["time"]]
    texts += [found[name] for name in ("known", "shown", "proof") if found.get(name) is not None]
    for name in _LISTS:
        if not isinstance(found.get(name, []), list):
            raise TypeError(f"{name} must be a list")
        texts += found.get(name, [])
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a field must be a text")
    if not isinstance(found.get("recorded"), dict | None):
        raise TypeError("recorded must be an object")
