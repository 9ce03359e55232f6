"""Restores a ledger from an archive, as of one of its checkpoints, into an empty database."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from eventsourcing.persistence import Notification

from application.archive.layout import DamagedArchive
from application.archive.reader import Archive, Target
from application.ledger.ledger import Ledger, local_id
from application.maintenance.rebuild import rebuild
from application.maintenance.upgrade import Progress
from application.persistence.recorder import LedgerRecorder
from application.persistence.schema import mark_as_outdated, outdated
from application.persistence.unit_of_work import UnitOfWork
from application.sealing.entries import entry_of
from application.sealing.tree import GrowingTree
from application.tables.access import API_KEYS, AUDIT_LOG
from application.tables.properties import BOOKMARK_KEY, PROPERTIES, RESTORING, Property
from application.tables.rejected import REJECTED
from application.tables.table import Insert, Table, Upsert
from application.tables.tree import CHECKPOINTS, DECLARATIONS
from proof.entry import Entry
from proof.errors import ProofError


class NotEmpty(Exception):
    """The database is in use."""


def restore(archive: Archive, target: Target, ledger: Ledger, progress: Progress) -> None:
    """Fills an empty ledger with the events up to a checkpoint, and with what belongs to them.

    A restore that was killed is run again, until `finish_restore` or a declaration ends it. API
    keys are those of the newest run, because a revoked key must stay revoked. Rejected transactions
    are those of the run at the checkpoint.

    Raises:
        NotEmpty: the database is in use, or another checkpoint is being restored.
        DamagedArchive: the archive does not lead to the checkpoint.
        AlreadyRunning, StoreUnavailable: as they say.
    """
    archive.require_roots([target.checkpoint])
    recorder = ledger.recorder
    with recorder.exclusive(RESTORING):
        _begin(target, recorder)
        _restore_events(archive, target, ledger, progress)
        for projection in outdated(recorder):
            rebuild(ledger, projection, partial(progress, projection.table.name))
        tree = GrowingTree(recorder)
        tree.grow()
        if (tree.size, tree.root()) != (target.checkpoint.size, target.checkpoint.root):
            raise NotEmpty("the database has other events than the archive")
        if recorder.select_last_checkpoint() is None:
            _restore_tables(archive, target, ledger)


def finish_restore(unit_of_work: UnitOfWork) -> None:
    """Ends a restore: from now on the database has a ledger of its own."""
    unit_of_work.delete(PROPERTIES, [RESTORING])


def _begin(target: Target, recorder: LedgerRecorder) -> None:
    """Marks an empty database. Raises NotEmpty: nothing in it is changed."""
    wanted = Property(RESTORING, target.stored.checkpoint_id)
    with recorder.unit_of_work() as unit_of_work:
        begun = unit_of_work.row(PROPERTIES, RESTORING)
        if begun is None:
            _require_empty(recorder, unit_of_work)
            mark_as_outdated(unit_of_work)
            unit_of_work.write(PROPERTIES, [Insert([wanted])])
        elif begun != wanted:
            raise NotEmpty(
                f"the database has a part of checkpoint {begun.value}: restore that one, or into "
                "an empty database"
            )


def _require_empty(recorder: LedgerRecorder, unit_of_work: UnitOfWork) -> None:
    tables: Sequence[Table[Any]] = (API_KEYS, DECLARATIONS)
    if recorder.head() or any(unit_of_work.rows(table) for table in tables):
        raise NotEmpty("the database has a ledger: restore into an empty database")


def _restore_events(archive: Archive, target: Target, ledger: Ledger, progress: Progress) -> None:
    recorder = ledger.recorder
    head = recorder.head()
    position = 0
    for _, entries in archive.entries(0, target.checkpoint.size):
        chunk = [parsed(entry) for entry in entries]
        last = chunk[-1].position
        if position < head:
            there = recorder.select_rows_after(position, len(entries), upto=head)
            if [entry_of(row) for row in there] != entries[: len(there)]:
                raise NotEmpty("the database has other events than the archive")
            chunk = chunk[len(there) :]
        if chunk:
            with recorder.unit_of_work() as unit_of_work:
                _append(unit_of_work, chunk, ledger)
        position = last
        progress("restore", position, target.stored.position)


def _append(unit_of_work: UnitOfWork, chunk: Sequence[Entry], ledger: Ledger) -> None:
    notifications = [notification_of(entry) for entry in chunk]
    unit_of_work.exclude_writers()
    unit_of_work.import_events(
        notifications, [local_id(ledger.to_recorded(one).event) for one in notifications]
    )


def parsed(entry: bytes) -> Entry:
    """Reads an entry. Raises DamagedArchive: it is none."""
    try:
        return Entry.parse(entry)
    except ProofError as error:
        raise DamagedArchive(f"an event can't be read: {error}") from error


def notification_of(entry: Entry) -> Notification:
    """Returns an entry as a stored event."""
    return Notification(entry.stream_id, entry.version, entry.topic, entry.state, entry.position)


def _restore_tables(archive: Archive, target: Target, ledger: Ledger) -> None:
    newest = archive.rows()
    at_target = archive.rows(archive.run_of(target.checkpoint.size))
    checkpoints = [
        one for one in archive.checkpoints() if one.checkpoint_id <= target.stored.checkpoint_id
    ]
    rows: dict[Table[Any], Sequence[Any]] = {
        REJECTED: at_target[REJECTED.name],
        DECLARATIONS: newest[DECLARATIONS.name],
        AUDIT_LOG: archive.grown_rows(AUDIT_LOG.name),
        CHECKPOINTS: checkpoints,
        API_KEYS: newest[API_KEYS.name],
    }
    with ledger.recorder.unit_of_work() as unit_of_work:
        unit_of_work.write(PROPERTIES, [Upsert(newest[PROPERTIES.name])])
        for table, wanted in rows.items():
            if wanted:
                unit_of_work.write(table, [Insert(wanted)])
    key = next(row.value for row in newest[PROPERTIES.name] if row.name == BOOKMARK_KEY)
    ledger.bookmark_key = bytes.fromhex(key)
