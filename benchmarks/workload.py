"""Workload: a ledger with items and events, and batches of transactions for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

from application.access.audit import AuditTrail, Origin
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.ledger.ledger import Ledger
from application.persistence import environment
from application.recording.sync import SyncService
from application.server_clock import utc_now
from benchmarks.databases import Database
from domain.actor import Actor
from domain.events import StockItemEvent
from domain.item_details import ItemDetails
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType

Batch = list[dict[str, Any]]

QUANTITY = 3
OCCURRED_AT = datetime(2026, 1, 8, 0, 14, 3, tzinfo=UTC)
DEVICE = "scanner-7"
REFERENCE = "po:1182"
EVENTS_PER_COMMIT = 10_000
"""Events per commit when a ledger is filled."""

DETAILS = ItemDetails(name="An item like any other", unit="piece")
CALLER = Principal(Actor("benchmark"), Role.ADMIN)


class Mix(NamedTuple):
    """Content of the batches."""

    hot: bool = False
    """All transactions are about one item."""
    duplicates: bool = False
    """Every second transaction is a duplicate of one in the batch before."""

    def __str__(self) -> str:
        about = "one hot item" if self.hot else "1,000 items"
        return f"{about}, half duplicates" if self.duplicates else about


EVEN = Mix()
"""All items in turn, without duplicates."""


def new_batch(items: Sequence[UUID], size: int, first: int = 0) -> Batch:
    """`size` new transactions on these items in turn, from index `first` on."""
    return [
        {
            "localId": str(uuid4()),
            "type": "INBOUND",
            "itemId": str(items[(first + n) % len(items)]),
            "quantity": QUANTITY,
            "occurredAt": OCCURRED_AT.isoformat(),
            "device": DEVICE,
            "reference": REFERENCE,
        }
        for n in range(size)
    ]


@dataclass(frozen=True)
class Workload:
    """A ledger with items, and the batches to send to it."""

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
        """`size` new transactions on these items in turn (default: all), from index `first` on."""
        return new_batch(self.items if items is None else items, size, first)

    def register(self, items: int) -> None:
        """Registers items until the ledger has that number."""
        while (first := len(self.items)) < items:
            new_events: list[StockItemEvent] = []
            for number in range(first, min(first + EVENTS_PER_COMMIT, items)):
                item = StockItem.register(
                    "main", f"SKU-{number:05}", DETAILS, by=CALLER.actor, recorded_at=utc_now()
                )
                new_events += cast("list[StockItemEvent]", item.collect_events())
                self.items.append(item.id)
            self._append(new_events)

    def fill(self, events: int, items: list[UUID] | None = None) -> None:
        """Appends movements until the ledger has that number of events, on these items in turn.

        It skips the decisions of the sync service.
        """
        targets = self.items if items is None else items
        with self.ledger.recorder.unit_of_work() as unit_of_work:
            loaded = self.ledger.look_up(unit_of_work, [], targets).items
        turns = cycle(targets)
        while (missing := events - self.ledger.recorder.head()) > 0:
            now = utc_now()
            new_events: list[StockItemEvent] = []
            for item_id in islice(turns, min(missing, EVENTS_PER_COMMIT)):
                item = loaded[item_id]
                item.pending_events.clear()
                new_events.append(
                    item.record(_transaction(item_id), by=CALLER.actor, recorded_at=now)
                )
            self._append(new_events)

    def _append(self, events: list[StockItemEvent]) -> None:
        with self.ledger.recorder.unit_of_work() as unit_of_work:
            self.ledger.append(unit_of_work, events)

    def batches(self, size: int, rounds: int, mix: Mix, client: int) -> list[Batch]:
        """`rounds` batches for one client. Clients with other numbers start at other items."""
        items = self.items[:1] if mix.hot else None
        batches: list[Batch] = []
        for number in range(rounds):
            batch = self.batch(size, first=(client * rounds + number) * size, items=items)
            if mix.duplicates and batches:
                batch[::2] = batches[-1][::2]
            batches.append(batch)
        return batches


def _transaction(item_id: UUID) -> Transaction:
    """A transaction with the values of those in a batch."""
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
def new_workload(database: Database, items: int) -> Iterator[Workload]:
    """A workload with that number of items, in a new database."""
    with database.new() as url, Ledger(environment(url, lock_timeout=60)) as ledger:
        workload = Workload(ledger, SyncService(ledger), [], url)
        workload.register(items)
        yield workload
