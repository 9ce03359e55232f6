"""A suspicion against the ledger: an alarm, if a second look finds the same."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from interface.client.witness_records import Kept
from proof.evidence import Alarm, Evidence


class Suspicion(Exception):
    """What the ledger showed can't be true.

    Args:
        alarm: what it is.
        message: the same for people.
        about: what it is about. The same alarm about the same thing is raised once.
        shown: other fields of the evidence.
    """

    def __init__(self, alarm: Alarm, message: str, about: str, **shown: Any) -> None:
        super().__init__(message)
        self.alarm = alarm
        self.about = about
        self._evidence = Evidence(alarm=alarm, time="", message=message, **shown)

    def evidence(self, now: datetime) -> Evidence:
        """Returns the evidence, found at that time."""
        return replace(self._evidence, time=now.isoformat())


def shown_as(kept: Kept | None) -> str:
    """Returns a checkpoint in short, to compare two devices by eye: size and begin of the root."""
    if kept is None:
        return "no checkpoint"
    return f"{kept.checkpoint.size} · {kept.checkpoint.root.hex()[:8]}"
