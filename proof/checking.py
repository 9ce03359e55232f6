"""Checks a file, whatever it proves: a proof, a checkpoint, or the evidence of a device."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proof.checkpoint import Checkpoint
from proof.entry import Entry
from proof.errors import ProofError
from proof.evidence import Evidence
from proof.note import Verifier
from proof.proofs import ConsistencyProof, InclusionProof


class UnreadableFile(Exception):
    """A file can't be read, or does not have what it should have."""


def read_text(file: Path) -> str:
    """Reads a text file. Raises UnreadableFile."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"can't read {file}: {error}") from error


def read_verifiers(keys: Sequence[str]) -> list[Verifier]:
    """Reads verifier keys, each as text or as the name of a file. Raises UnreadableFile."""
    return [_verifier(key) for key in keys]


def check(text: str, verifiers: Sequence[Verifier], old: str | None = None) -> list[str]:
    """Checks the text of a file; returns what it proves, as lines for people.

    Args:
        text: of the file.
        verifiers: the keys of the ledger.
        old: the signed note of the older checkpoint, for a proof of growth.

    Raises:
        ProofError: it proves nothing.
        UnreadableFile: a proof of growth needs the older checkpoint.
    """
    if text.startswith("c2sp.org/tlog-proof@"):
        return list(_inclusion(InclusionProof.parse(text), verifiers))
    if text.startswith("old "):
        return [_growth(ConsistencyProof.parse(text), verifiers, old)]
    if text.startswith("{"):
        return [f"proven: {Evidence.parse(text).require(verifiers)}"]
    return [f"signed: {_shown(Checkpoint.verified(text, verifiers))}"]


def _inclusion(proof: InclusionProof, verifiers: Sequence[Verifier]) -> Iterator[str]:
    checkpoint = proof.require(verifiers)
    entry = Entry.parse(proof.entry)
    yield f"proven: this event is number {proof.index + 1} of {_shown(checkpoint)}"
    for name, value in _fields(entry).items():
        yield f"  {name}: {value}"


def _growth(proof: ConsistencyProof, verifiers: Sequence[Verifier], old_note: str | None) -> str:
    if old_note is None:
        raise UnreadableFile("a proof of growth needs the older checkpoint: --from FILE")
    old = Checkpoint.verified(old_note, verifiers)
    new = proof.require(old, verifiers)
    if old.origin != new.origin:
        raise ProofError(f"the checkpoints are of two logs: {old.origin} and {new.origin}")
    return f"proven: {_shown(old)} are the beginning of {_shown(new)}"


def _shown(checkpoint: Checkpoint) -> str:
    root = checkpoint.root.hex()
    return f"the {checkpoint.size} events of {checkpoint.origin}, root {root}"


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "event": entry.topic,
        "position": entry.position,
        "item": entry.stream_id,
        "version": entry.version,
    } | {name: _plain(value) for name, value in entry.fields.items()}


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _verifier(key: str) -> Verifier:
    try:
        return Verifier.parse(key if "+" in key else read_text(Path(key)))
    except ProofError as error:
        raise UnreadableFile(f"{key}: {error}") from error
