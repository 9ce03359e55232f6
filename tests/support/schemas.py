"""Ledgers with another schema number."""

from application.ledger.ledger import Ledger
from application.maintenance.upgrade import rebuild_outdated
from application.persistence import environment
from application.tables.properties import PROPERTIES, SCHEMA_VERSION, Property
from application.tables.table import Upsert


def opened(database_url: str, *, may_upgrade: bool = False) -> Ledger:
    return Ledger(environment(database_url, lock_timeout=30), may_upgrade=may_upgrade)


def set_version(ledger: Ledger, version: int) -> None:
    with ledger.recorder.unit_of_work() as unit_of_work:
        unit_of_work.write(PROPERTIES, [Upsert([Property(SCHEMA_VERSION, str(version))])])


def upgrade(database_url: str) -> None:
    with opened(database_url, may_upgrade=True) as ledger:
        rebuild_outdated(ledger, lambda name, position, end: None)
