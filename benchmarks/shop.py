"""A ledger to measure: items with streams of a given length, and batches for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from application.access.audit import AuditTrail, Origin
from application.access.keys import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.sync import SyncService
from benchmarks.databases import Database
from domain.actor import Actor
from domain.stock_item import ItemDetails

Batch = list[dict[str, Any]]

QUANTITY = 3
CALLER = Principal(Actor("benchmark"), Role.ADMIN)


class Mix(NamedTuple):
    """What batches are made of."""

    hot: bool = False
    """All of them about one item."""
    duplicates: bool = False
    """Every second transaction is one that was sent before."""

    def __str__(self) -> str:
        about = "one hot item" if self.hot else "1,000 items"
        return f"{about}, half duplicates" if self.duplicates else about


EVEN = Mix()


@dataclass(frozen=True)
class Shop:
    ledger: Ledger
    sync: SyncService
    items: list[UUID]
    database_url: str

    def key(self) -> str:
        """An API key that may send batches."""
        keys = KeyService(self.ledger.recorder, AuditTrail(self.ledger.recorder))
        grant = Grant(name="benchmark", role=Role.DEVICE, locations=("main",))
        return keys.create(grant, Origin(CALLER.actor)).secret

    def batch(self, size: int, first: int = 0, items: list[UUID] | None = None) -> Batch:
        """As many transactions on as many of the items, as far as there are so many."""
        among = self.items if items is None else items
        return [
            {
                "localId": str(uuid4()),
                "type": "INBOUND",
                "itemId": str(among[(first + n) % len(among)]),
                "quantity": QUANTITY,
                "occurredAt": "2026-01-08T09:14:03+09:00",
                "device": "scanner-7",
                "reference": "po:1182",
            }
            for n in range(size)
        ]

    def batches(self, size: int, rounds: int, mix: Mix, first: int = 0) -> list[Batch]:
        """So many batches for one sender, each after the other."""
        items = self.items[:1] if mix.hot else None
        found: list[Batch] = []
        for number in range(rounds):
            batch = self.batch(size, first=(first * rounds + number) * size, items=items)
            if mix.duplicates and found:
                batch[::2] = found[-1][::2]
            found.append(batch)
        return found


@contextmanager
def shop(database: Database, items: int) -> Iterator[Shop]:
    """A shop with so many items in a new database."""
    with database.new() as url, Ledger(environment(url, lock_timeout=60)) as ledger:
        service = ItemService(ledger)
        details = ItemDetails(name="An item like any other", unit="piece")
        ids = [service.register("main", f"SKU-{n:05}", details, CALLER)[0].id for n in range(items)]
        yield Shop(ledger, SyncService(ledger), ids, url)
