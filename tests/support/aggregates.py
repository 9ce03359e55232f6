"""Aggregates, used directly and without a service."""

from uuid import UUID

from application.ledger.ledger import Ledger
from domain.actor import Actor
from domain.events import StockItemEvent
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType
from tests.support.scenario import NOON


def movement_of(item: StockItem, local_id: UUID) -> StockItemEvent:
    return item.record(
        Transaction(local_id=local_id, type=TransactionType.INBOUND, item_id=item.id, quantity=1),
        by=Actor("clerk"),
        recorded_at=NOON,
    )


def load(ledger: Ledger, item_id: UUID) -> StockItem:
    with ledger.recorder.unit_of_work() as unit_of_work:
        return ledger.look_up(unit_of_work, [], [item_id]).items[item_id]
