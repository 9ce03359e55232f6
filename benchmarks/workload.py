"""A ledger to measure: items with streams of a given length, and batches for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

from application.access.audit import AuditTrail, Origin
from application.access.keys import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.clock import utc_now
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from benchmarks.databases import Database
from domain.actor import Actor
from domain.events import StockItemEvent
from domain.stock_item import ItemDetails, StockItem
from domain.transaction import Transaction, TransactionType

Batch = list[dict[str, Any]]

QUANTITY = 3
OCCURRED_AT = datetime(2026, 1, 8, 0, 14, 3, tzinfo=UTC)
DEVICE = "scanner-7"
REFERENCE = "po:1182"
EVENTS_PER_COMMIT = 10_000
"""Events a commit, where a ledger is made large."""

DETAILS = ItemDetails(name="An item like any other", unit="piece")
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
                "occurredAt": OCCURRED_AT.isoformat(),
                "device": DEVICE,
                "reference": REFERENCE,
            }
            for n in range(size)
        ]

    def register(self, items: int) -> None:
        """Until there are so many."""
        while (first := len(self.items)) < items:
            made: list[StockItemEvent] = []
            for number in range(first, min(first + EVENTS_PER_COMMIT, items)):
                item = StockItem.register(
                    "main", f"SKU-{number:05}", DETAILS, by=CALLER.actor, recorded_at=utc_now()
                )
                made += cast("list[StockItemEvent]", item.collect_events())
                self.items.append(item.id)
            self._append(made)

    def fill(self, events: int, items: list[UUID] | None = None) -> None:
        """Until the ledger has so many, on these items in turn, without deciding anything."""
        among = self.items if items is None else items
        with self.ledger.recorder.unit_of_work() as unit_of_work:
            loaded = self.ledger.load(unit_of_work, among)
        turns = cycle(among)
        while (missing := events - self.ledger.recorder.head()) > 0:
            now = utc_now()
            made: list[StockItemEvent] = []
            for item_id in islice(turns, min(missing, EVENTS_PER_COMMIT)):
                item = loaded[item_id]
                item.pending_events.clear()
                made.append(item.record(_any(item_id), by=CALLER.actor, recorded_at=now))
            self._append(made)

    def _append(self, events: list[StockItemEvent]) -> None:
        with self.ledger.recorder.unit_of_work() as unit_of_work:
            self.ledger.append(unit_of_work, events)

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


def _any(item_id: UUID) -> Transaction:
    """As those of a batch."""
    return Transaction(
        local_id=uuid4(),
        type=TransactionType.INBOUND,
        item_id=item_id,
        quantity=QUANTITY,
        occurred_at=OCCURRED_AT,
        device=DEVICE,
        reference=REFERENCE,
    )


@contextmanager
def shop(database: Database, items: int) -> Iterator[Shop]:
    """A shop with so many items in a new database."""
    with database.new() as url, Ledger(environment(url, lock_timeout=60)) as ledger:
        stock = Shop(ledger, SyncService(ledger), [], url)
        stock.register(items)
        yield stock
