"""Repairs events from an archive: only by copies that hash to the leaf under a signed
checkpoint."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, NamedTuple

from application.access.audit import Action, AuditTrail, Origin
from application.archive.layout import DamagedArchive
from application.archive.reader import Archive, Target
from application.archive.restore import notification_of, parsed
from application.ledger.ledger import Ledger, local_id
from application.maintenance.upgrade import Progress
from application.persistence.errors import StoreUnavailable
from application.persistence.recorder import LedgerRecorder
from application.persistence.tree_reader import EventRow
from application.persistence.unit_of_work import UnitOfWork
from application.sealing.entries import entry_of
from application.sealing.identity import read_identity
from application.tables.table import Insert
from application.tables.tree import TREE_TILES, TreeTile
from proof.checkpoint import Checkpoint
from proof.entry import Entry
from proof.errors import ProofError
from proof.note import Verifier
from proof.succession import succession
from proof.tiles import Edge

BEFORE_ALL: Final = -(2**63)
"""Below every position."""

Tell = Callable[[int], None]
"""Takes the position of each repaired event."""


class Repaired(NamedTuple):
    """What was repaired."""

    events: int
    tiles: int


def repair(
    archive: Archive,
    target: Target,
    ledger: Ledger,
    audit: AuditTrail,
    origin: Origin,
    tell: Tell,
    progress: Progress,
) -> Repaired:
    """Puts back what differs from the archive, up to a checkpoint whose signature was checked.

    An event that was changed or removed is put back, and one that was inserted is removed. Each
    repair is an entry of the audit trail. The read models must be rebuilt then.

    Raises:
        DamagedArchive: the archive does not lead to the checkpoint.
        StoreUnavailable: the database can't be used.
    """
    archive.require_roots([target.checkpoint])
    return _Repair(ledger, audit, origin, tell).run(archive, target, progress)


def repairable(archive: Archive, recorder: LedgerRecorder, verifiers: Sequence[Verifier]) -> Target:
    """Returns the newest checkpoint of an archive whose events are still those of the ledger.

    After a restore, the events behind what it kept are others. Events that the ledger has not
    sealed yet may be others, too.

    Args:
        archive: of this ledger, maybe of an earlier epoch.
        recorder: the ledger.
        verifiers: keys of the ledger.

    Raises:
        DamagedArchive: it has no such checkpoint, or no known key signed it.
        StoreUnavailable: the database can't be used.
    """
    newest = recorder.select_last_checkpoint()
    sealed = 0 if newest is None else newest.size
    present = read_identity(recorder).origin
    notes = [declaration.note for declaration in recorder.select_declarations()]

    @cache
    def kept(origin: str) -> int:
        if origin == present:
            return sealed
        since = succession(notes, origin, verifiers)
        return min(sealed, since.kept_size or 0) if since.origin == present else 0

    for target in archive.targets():
        if 0 < target.checkpoint.size <= kept(target.checkpoint.origin):
            try:
                Checkpoint.verified(target.stored.note, verifiers)
            except ProofError as error:
                raise DamagedArchive(f"the checkpoint is not proven: {error}") from error
            return target
    raise DamagedArchive(f"the archive has no checkpoint that {present} still stands by")


class _Repair:
    def __init__(self, ledger: Ledger, audit: AuditTrail, origin: Origin, tell: Tell) -> None:
        self._ledger = ledger
        self._recorder = ledger.recorder
        self._audit = audit
        self._origin = origin
        self._tell = tell
        self._events = 0
        self._tiles = 0

    def run(self, archive: Archive, target: Target, progress: Progress) -> Repaired:
        edge = Edge()
        after = BEFORE_ALL
        for _, data in archive.entries(0, target.checkpoint.size):
            entries = [parsed(one) for one in data]
            upto = entries[-1].position
            self._repair_events(after, upto, entries)
            for entry in entries:
                for tile in edge.append(entry.leaf):
                    self._repair_tile(TreeTile.of(tile, entry.position))
            after = upto
            progress("repair", upto, target.stored.position)
        return Repaired(self._events, self._tiles)

    def _repair_events(self, after: int, upto: int, entries: Sequence[Entry]) -> None:
        """Makes the events between two positions those of the archive."""
        wanted = {entry.position: entry for entry in entries}
        found = self._rows(after, upto, len(entries))
        differing = sorted(
            {one.position for one in entries if not self._is_whole(found.get(one.position), one)}
            | (found.keys() - wanted.keys())
        )
        if not differing:
            return
        notifications = [notification_of(entry) for entry in entries]
        local_ids = [local_id(self._ledger.to_recorded(one).event) for one in notifications]
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.exclude_writers()
            with unit_of_work.unguarded():
                unit_of_work.replace_events(after, upto, notifications, local_ids)
            for position in differing:
                self._note(unit_of_work, position, is_known=position in wanted)
        self._events += len(differing)
        for position in differing:
            self._tell(position)

    def _rows(self, after: int, upto: int, number: int) -> dict[int, EventRow]:
        """Reads the events between two positions. Those that can't be read are missing."""
        found: dict[int, EventRow] = {}
        while True:
            try:
                rows = self._recorder.select_rows_after(after, number + 1, upto=upto)
            except StoreUnavailable:
                self._recorder.head()
                return found
            found |= {row.position: row for row in rows}
            if len(rows) <= number:
                return found
            after = rows[-1].position

    def _is_whole(self, row: EventRow | None, entry: Entry) -> bool:
        if row is None or entry_of(row) != entry.encoded:
            return False
        wanted = local_id(self._ledger.to_recorded(notification_of(entry)).event)
        return row.local_id == (wanted and wanted.bytes)

    def _note(self, unit_of_work: UnitOfWork, position: int, *, is_known: bool) -> None:
        what = "put back from an archive" if is_known else "removed: it was never sealed there"
        detail = f"the event at position {position} was {what}"
        self._audit.append(unit_of_work, Action.EVENT_REPAIRED, self._origin, detail)

    def _repair_tile(self, wanted: TreeTile) -> None:
        if self._recorder.select_tile(wanted.tile_id) == wanted:
            return
        with self._recorder.unit_of_work() as unit_of_work, unit_of_work.unguarded():
            unit_of_work.delete(TREE_TILES, [wanted.tile_id])
            unit_of_work.write(TREE_TILES, [Insert([wanted])])
        self._tiles += 1
