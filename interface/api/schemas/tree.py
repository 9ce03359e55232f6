"""Schemas of the log: its checkpoints, its keys, and what devices report about it."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from application.sealing.identity import LogIdentity
from application.tables.tree import Declaration, StoredCheckpoint
from interface.api.schemas.base import RequestBody, Timestamp, Wire, example
from proof.checkpoint import Checkpoint
from proof.evidence import Alarm
from proof.note import Verifier

MAX_EVIDENCE_LENGTH = 20_000


class CheckpointRecord(Wire):
    """A signed checkpoint."""

    size: Annotated[int, Field(description="The number of events that it covers.")]
    position: Annotated[int, Field(description="Of the last of these events.")]
    root: Annotated[str, Field(description="The root of their tree, in hexadecimal.")]
    signed_at: Timestamp
    note: Annotated[str, Field(description="The signed note (c2sp.org/tlog-checkpoint).")]

    @classmethod
    def of(cls, stored: StoredCheckpoint) -> "CheckpointRecord":
        root = Checkpoint.unverified(stored.note).root.hex()
        return cls(
            size=stored.size,
            position=stored.position,
            root=root,
            signed_at=stored.signed_at,
            note=stored.note,
        )


class Verification(Wire):
    """The last result of `stockledger verify`."""

    finished_at: Timestamp
    events: int
    position: int
    root: str
    findings: Annotated[int, Field(description="0: everything is proven.")]
    is_complete: Annotated[
        bool, Field(description="Whether it read every event, not only the new ones.")
    ]


class DeclarationRecord(Wire):
    """A signed statement of the log about itself."""

    kind: Annotated[str, Field(description="`key`: another key signs. `restore`: it was restored.")]
    note: str
    made_at: Timestamp

    @classmethod
    def of(cls, declared: Declaration) -> "DeclarationRecord":
        return cls(kind=declared.kind, note=declared.note, made_at=declared.made_at)


class DeclarationList(Wire):
    """All declarations of a log, oldest first."""

    items: list[DeclarationRecord]


class LogState(Wire):
    """The state of the ledger as a log."""

    origin: Annotated[str, Field(description="The name of the log.")]
    verifier_keys: Annotated[
        list[str], Field(description="The keys that may sign for it, oldest first.")
    ]
    checkpoint: Annotated[CheckpointRecord | None, Field(description="The newest one.")]
    verification: Annotated[Verification | None, Field(description="The last one.")]

    @classmethod
    def of(
        cls,
        identity: LogIdentity,
        verifiers: list[Verifier],
        checkpoint: StoredCheckpoint | None,
        verification: str | None,
    ) -> "LogState":
        return cls(
            origin=identity.origin,
            verifier_keys=[verifier.key for verifier in verifiers],
            checkpoint=checkpoint and CheckpointRecord.of(checkpoint),
            verification=verification
            and Verification.model_validate(_object(verification), by_name=True),
        )


def _object(text: str) -> Any:
    return json.loads(text)


class AlarmReport(RequestBody):
    """What a device found about the ledger."""

    model_config = example(
        alarm="FORK",
        message="the key signed two roots for 48977 events of stock.example.com/main",
        evidence="{…}",
    )

    alarm: Annotated[Alarm, Field(strict=False)]
    message: Annotated[str, Field(min_length=1, max_length=1_000)]
    evidence: Annotated[str, Field(max_length=MAX_EVIDENCE_LENGTH)] = ""


class AlarmReceipt(Wire):
    """The report is in the audit trail."""

    status: Literal["recorded"] = "recorded"
