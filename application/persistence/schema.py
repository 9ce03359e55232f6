"""Schema migrations: creates a ledger's tables, and upgrades older ones in numbered steps.

A step changes only tables that cannot be rebuilt from events: the events table, and the tables
beside it. Each step is one commit under a lock, so an upgrade may be killed at any point and run
again. Read models are never altered. A read model with an outdated fingerprint is rebuilt
(application/maintenance/upgrade.py).

Schema 1 is the first that can be upgraded. It has no number: its columns identify it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Final

from application.persistence.errors import NotAllowed, SchemaMismatch
from application.persistence.migrations import identify_by_content
from application.persistence.recorder import LedgerRecorder
from application.persistence.unit_of_work import UnitOfWork
from application.projections import PROJECTIONS
from application.projections.projection import Projection
from application.tables.access import ACCESS_TABLES
from application.tables.properties import (
    BOOKMARK_KEY,
    EPOCH,
    ORIGIN,
    PROPERTIES,
    SCHEMA_VERSION,
    Property,
    default_origin,
    read_model_property,
)
from application.tables.rejected import REJECTED
from application.tables.table import Upsert
from application.tables.tree import TREE_TABLES

VERSION: Final = 9
"""Schema number of this code. A changed table needs the next number, a step in each adapter, and a
fixture (tests/support/make_ledger.py)."""

KEPT_TABLES: Final = (*ACCESS_TABLES, REJECTED)
"""Tables beside the events that cannot be rebuilt from them."""

EVENTS: Final = "stored_events"

MIGRATIONS: Final[Mapping[int, Sequence[Callable[[UnitOfWork], None]]]] = {
    3: (identify_by_content,),
}
"""Data migrations of a step, by schema number: changes to rows that SQL cannot express."""


def open_schema(recorder: LedgerRecorder, *, may_upgrade: bool) -> Mapping[str, str]:
    """Creates the tables of a new ledger, or upgrades an older one if `may_upgrade`.

    Returns the ledger's properties: values by name.

    Raises:
        SchemaMismatch: the ledger is newer than this code. Or it is older, and `may_upgrade` is
            false or the upgrade is impossible. Or the role may not create or change tables.
        StoreUnavailable: the database can't be reached.
    """
    properties = _properties(recorder)
    if properties.get(SCHEMA_VERSION) != str(VERSION):
        _bring_up_to_date(recorder, may_upgrade=may_upgrade)
        properties = _properties(recorder)
    _require_identity(properties)
    recorder.expect_schema(VERSION)
    return properties


def _require_identity(properties: Mapping[str, str]) -> None:
    """Raises SchemaMismatch: what makes the ledger differ from every other is damaged."""
    try:
        is_sound = bytes.fromhex(properties[BOOKMARK_KEY]) and int(properties[EPOCH]) > 0
        is_sound = is_sound and bool(properties[ORIGIN])
    except (KeyError, TypeError, ValueError):
        is_sound = False
    if not is_sound:
        raise SchemaMismatch(f"the table {PROPERTIES.name} is damaged: restore a backup")


def fingerprint(recorder: LedgerRecorder, projection: Projection) -> str:
    """Fingerprint of a read model's description on this kind of database.

    A stored fingerprint that differs means: the read model must be rebuilt.
    """
    description = f"{projection.revision} {recorder.describe(projection.table)}"
    return sha256(description.encode()).hexdigest()[:16]


def outdated(recorder: LedgerRecorder) -> list[Projection]:
    """Read models with an outdated fingerprint. They must be rebuilt. Raises StoreUnavailable."""
    properties = _properties(recorder)
    return [
        projection
        for projection in PROJECTIONS
        if properties.get(read_model_property(projection.table))
        != fingerprint(recorder, projection)
    ]


def mark_as_current(
    recorder: LedgerRecorder, unit_of_work: UnitOfWork, projection: Projection
) -> None:
    """Stores the current fingerprint: this code has built the read model."""
    name = read_model_property(projection.table)
    _set(unit_of_work, name, fingerprint(recorder, projection))


def mark_as_outdated(unit_of_work: UnitOfWork) -> None:
    """Clears all fingerprints, so that every read model is rebuilt."""
    for projection in PROJECTIONS:
        _set(unit_of_work, read_model_property(projection.table), "")


def _properties(recorder: LedgerRecorder) -> dict[str, str]:
    """Read without a lock, so an up-to-date ledger opens while others write."""
    return _by_name(recorder.select_properties())


def _by_name(properties: Iterable[Property]) -> dict[str, str]:
    return {found.name: found.value for found in properties}


def _bring_up_to_date(recorder: LedgerRecorder, *, may_upgrade: bool) -> None:
    try:
        with recorder.unit_of_work() as unit_of_work:
            unit_of_work.lock_schema()
            found = _version(recorder, unit_of_work)
            if found == 0:
                _create(recorder, unit_of_work)
                return
        if found == VERSION:  # Another process was faster.
            return
        if found > VERSION:
            raise SchemaMismatch(
                f"this ledger has schema {found}, and this version of stockledger knows {VERSION}: "
                "use the version that upgraded it, or a later one"
            )
        if not may_upgrade:
            raise SchemaMismatch(_how_to_upgrade(found))
        for version in range(found + 1, VERSION + 1):
            _upgrade_to(recorder, version)
    except NotAllowed as error:
        raise SchemaMismatch(
            f"the tables can't be made or changed by this role ({error}): run `stockledger "
            "upgrade` with one that may, and give this one the right to read and write"
        ) from error


def _how_to_upgrade(found: int) -> str:
    return (
        f"this ledger has schema {found}, and this version of stockledger needs {VERSION}: back it "
        "up, stop the servers that use it, and run `stockledger upgrade`"
    )


def _version(recorder: LedgerRecorder, unit_of_work: UnitOfWork) -> int:
    """The database's schema number; 0 if there is no ledger.

    Raises SchemaMismatch: the number can't be read, or the ledger is older than schema 1.
    """
    if unit_of_work.columns(PROPERTIES.name):
        properties = _by_name(unit_of_work.rows(PROPERTIES))
        try:
            return int(properties[SCHEMA_VERSION])
        except (KeyError, ValueError) as error:
            raise SchemaMismatch(
                f"the table {PROPERTIES.name} is damaged, and does not say which schema this "
                "ledger has: restore a backup"
            ) from error
    if not unit_of_work.columns(EVENTS):
        return 0
    for table, columns in recorder.first_schema.items():
        found = unit_of_work.columns(table)
        different = sorted(name for name, _ in found.items() ^ columns.items())
        if different:
            raise SchemaMismatch(
                f"this ledger is older than schema 1, the first that can be upgraded: {table} "
                f"differs in {', '.join(dict.fromkeys(different))}"
            )
    return 1


def _create(recorder: LedgerRecorder, unit_of_work: UnitOfWork) -> None:
    for statement in recorder.events_schema:
        unit_of_work.run(statement)
    for table in (PROPERTIES, *KEPT_TABLES, *TREE_TABLES):
        unit_of_work.create_table(table)
    for projection in PROJECTIONS:
        unit_of_work.create_table(projection.table)
        mark_as_current(recorder, unit_of_work, projection)
    _set(unit_of_work, SCHEMA_VERSION, str(VERSION))
    for statement in recorder.guards:
        unit_of_work.run(statement)
    _name(unit_of_work)


def _upgrade_to(recorder: LedgerRecorder, version: int) -> None:
    """Upgrades to `version` from the one before. Does nothing if another process was faster."""
    with recorder.unit_of_work() as unit_of_work:
        unit_of_work.lock_schema()
        if _version(recorder, unit_of_work) != version - 1:
            return
        for statement in recorder.steps[version]:
            unit_of_work.run(statement)
        for migrate in MIGRATIONS.get(version, ()):
            migrate(unit_of_work)
        _name(unit_of_work)
        _set(unit_of_work, SCHEMA_VERSION, str(version))


def _name(unit_of_work: UnitOfWork) -> None:
    """Gives the ledger what makes it differ from every other, as far as it has nothing yet."""
    found = _by_name(unit_of_work.rows(PROPERTIES))
    own = {BOOKMARK_KEY: token_hex(32), ORIGIN: default_origin(), EPOCH: "1"}
    for name, value in own.items():
        if name not in found:
            _set(unit_of_work, name, value)


def _set(unit_of_work: UnitOfWork, name: str, value: str) -> None:
    unit_of_work.write(PROPERTIES, [Upsert([Property(name, value)])])
