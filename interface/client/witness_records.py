"""What a witness remembers, in the file of the device: keys, checkpoints, alarms and notices."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from interface.client.groups import Outgoing
from interface.client.store import Store
from proof.checkpoint import Checkpoint
from proof.evidence import Evidence
from proof.note import Verifier

KEPT_DAYS: Final = 90
"""Days of which the last checkpoint is kept. Days of the device's clock that had one: no wrong
clock makes the device forget."""


THE_LOG: Final = ""
"""What was not proven, if it is no transaction."""


class Source(StrEnum):
    """Why a key is known."""

    FIRST_USE = "first use"
    """The ledger named it at the first contact. An enrolled key takes its place."""
    DECLARED = "declared"
    """A key from before signed it."""
    PERSON = "person"
    """A person trusts it."""


class Kept(NamedTuple):
    """A verified checkpoint."""

    checkpoint: Checkpoint
    note: str
    """The signed note."""


class WitnessRecords:
    """Repository of the witness.

    Args:
        store: the file.
        enrolled: verifier keys from the enrolment of the device.
    """

    def __init__(self, store: Store, enrolled: Iterable[Verifier]) -> None:
        self.transaction = store.transaction
        self._run = store.run
        self._enrolled = list(enrolled)

    def verifiers(self) -> list[Verifier]:
        """Returns the known keys."""
        rows = self._run("SELECT key, source FROM verifier_keys ORDER BY rowid")
        return self._enrolled + [
            Verifier.parse(row["key"])
            for row in rows
            if not (self._enrolled and row["source"] == Source.FIRST_USE)
        ]

    def know(self, verifiers: Iterable[Verifier], source: Source) -> None:
        """Makes keys known."""
        known = {one.key for one in self.verifiers()} if source is not Source.PERSON else set()
        for one in verifiers:
            if one.key in known:
                continue
            self._run(
                "INSERT INTO verifier_keys VALUES (?, ?) ON CONFLICT (key) DO UPDATE "
                "SET source = excluded.source WHERE excluded.source = ?",
                one.key,
                source,
                Source.PERSON,
            )

    def is_trusted_by_a_person(self, origin: str) -> bool:
        """Whether a person trusts a key of this log."""
        rows = self._run("SELECT key FROM verifier_keys WHERE source = ?", Source.PERSON)
        return any(Verifier.parse(row["key"]).name == origin for row in rows)

    def newest(self) -> Kept | None:
        """Returns the checkpoint that was verified last; None if there is none."""
        return self._kept("1")

    def largest(self, origin: str, at_most: int) -> Kept | None:
        """Returns the largest kept checkpoint of a log up to that size; None if there is none."""
        return self._kept("origin = ? AND size <= ?", origin, at_most)

    def _kept(self, condition: str, *parameters: Any) -> Kept | None:
        rows = self._run(
            f"SELECT note FROM checkpoints WHERE {condition} ORDER BY number DESC LIMIT 1",  # noqa: S608
            *parameters,
        )
        return Kept(Checkpoint.unverified(rows[0]["note"]), rows[0]["note"]) if rows else None

    def keep(self, kept: Kept, now: datetime) -> None:
        """Keeps a verified checkpoint as the newest one, and as the last one of its day."""
        origin, day = kept.checkpoint.origin, _day(now)
        newest = self.newest()
        if newest is not None and newest.checkpoint == kept.checkpoint:
            return
        self._run("DELETE FROM checkpoints WHERE origin = ? AND day = ?", origin, day)
        self._run(
            "INSERT INTO checkpoints (origin, size, day, note) VALUES (?, ?, ?, ?)",
            origin,
            kept.checkpoint.size,
            day,
            kept.note,
        )
        self._run(
            "DELETE FROM checkpoints WHERE origin = ?1 AND number NOT IN (SELECT number "
            "FROM checkpoints WHERE origin = ?1 ORDER BY number DESC LIMIT ?2)",
            origin,
            KEPT_DAYS,
        )

    def proven(self) -> None:
        """Notes down that the log was proven."""
        self._run(
            "DELETE FROM unproven_days WHERE about = ? OR about NOT IN (SELECT local_id "
            "FROM outbox WHERE acknowledged_at IS NOT NULL AND NOT is_audited)",
            THE_LOG,
        )

    def unproven(self, about: str, now: datetime) -> tuple[int, str]:
        """Notes down that the ledger gave no proof. Returns on how many days it gave none since
        the last one, and the first of them. `about`: THE_LOG, or the `localId` of a transaction."""
        self._run("INSERT OR IGNORE INTO unproven_days VALUES (?, ?)", about, _day(now))
        rows = self._run("SELECT day FROM unproven_days WHERE about = ? ORDER BY rowid", about)
        return len(rows), rows[0]["day"]

    def next_to_audit(self) -> Outgoing | None:
        """Returns an acknowledged transaction that was not audited yet, by chance: nobody can know
        which. None: all are audited."""
        rows = self._run(
            "SELECT number, element FROM outbox "
            "WHERE acknowledged_at IS NOT NULL AND NOT is_audited ORDER BY random() LIMIT 1"
        )
        return Outgoing(rows[0]["number"], json.loads(rows[0]["element"])) if rows else None

    def mark_as_audited(self, local_id: str) -> None:
        """Marks a transaction as audited. If it is sent again, it is audited again."""
        self._run("UPDATE outbox SET is_audited = 1 WHERE local_id = ?", local_id)

    def alarm(self, evidence: Evidence, about: str) -> bool:
        """Keeps an alarm. False: the same one about the same thing is there already."""
        return bool(
            self._run(
                "INSERT INTO alarms (alarm, about, evidence) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING RETURNING 1",
                evidence.alarm,
                about,
                evidence.text,
            )
        )

    def alarms(self) -> list[Evidence]:
        """Returns all alarms, oldest first."""
        rows = self._run("SELECT evidence FROM alarms ORDER BY number")
        return [Evidence.parse(row["evidence"]) for row in rows]

    def unreported(self) -> list[tuple[int, Evidence]]:
        """Returns the alarms that the ledger was not told yet, with their numbers."""
        rows = self._run(
            "SELECT number, evidence FROM alarms WHERE NOT is_reported ORDER BY number"
        )
        return [(row["number"], Evidence.parse(row["evidence"])) for row in rows]

    def mark_as_reported(self, number: int) -> None:
        """Marks an alarm as reported."""
        self._run("UPDATE alarms SET is_reported = 1 WHERE number = ?", number)

    def notice(self, text: str) -> None:
        """Keeps a notice for a person."""
        self._run("INSERT INTO notices (text) VALUES (?)", text)

    def notices(self) -> list[str]:
        """Returns all notices, oldest first."""
        return [row["text"] for row in self._run("SELECT text FROM notices ORDER BY number")]


def _day(now: datetime) -> str:
    try:
        return now.astimezone(UTC).date().isoformat()
    except OverflowError:  # The device clock may say year 1.
        return now.date().isoformat()
