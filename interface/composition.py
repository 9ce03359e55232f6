"""The composition root: the one place where everything is built, from the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.persistence.port import LedgerRecorder
from application.sync import SyncService
from interface.settings import Settings


@dataclass(frozen=True)
class Services:
    """What the API and the commands are made of."""

    settings: Settings
    ledger: Ledger
    sync: SyncService
    items: ItemService

    @property
    def reader(self) -> LedgerRecorder:
        """Where the read models are read."""
        return self.ledger.recorder


@contextmanager
def compose(settings: Settings, *, must_exist: bool = False) -> Iterator[Services]:
    """Opens the ledger, and closes it at the end of the block. A new file is made for it unless it
    must exist.

    Raises:
        UnsupportedDatabase: the database URL names no database that can be used.
        StoreUnavailable: the database can't be opened.
    """
    env = environment(
        settings.database_url,
        lock_timeout=settings.lock_timeout,
        pool_size=settings.pool_size,
        must_exist=must_exist,
    )
    with Ledger(env) as ledger:
        yield Services(settings, ledger, SyncService(ledger), ItemService(ledger))
