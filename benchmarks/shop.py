"""A ledger to measure: items with streams of a given length, and batches for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

from application.items import ItemService
from application.ledger import Ledger
from application.persistence import environment
from application.principal import Principal
from application.sync import SyncService
from domain.stock_item import ItemDetails

CALLER = Principal("benchmark")


@dataclass(frozen=True)
class Shop:
    ledger: Ledger
    sync: SyncService
    items: list[UUID]
    database_url: str

    def batch(self, size: int, first: int = 0) -> list[dict[str, Any]]:
        """As many transactions on as many items, as far as there are so many."""
        return [
            {
                "localId": str(uuid4()),
                "type": "INBOUND",
                "itemId": str(self.items[(first + n) % len(self.items)]),
                "quantity": 3,
                "occurredAt": "2026-01-08T09:14:03+09:00",
                "device": "scanner-7",
                "reference": "po:1182",
            }
            for n in range(size)
        ]


@contextmanager
def shop(items: int) -> Iterator[Shop]:
    """A shop with so many items in a temporary folder."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        with Ledger(environment(url, lock_timeout=60)) as ledger:
            service = ItemService(ledger)
            details = ItemDetails(name="An item like any other", unit="piece")
            ids = [
                service.register("main", f"SKU-{n:05}", details, CALLER)[0].id for n in range(items)
            ]
            yield Shop(ledger, SyncService(ledger), ids, url)
