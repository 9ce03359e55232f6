"""Reference client for devices: records offline, syncs both ways, keeps a copy of the stock.

    from interface.client import StockClient

    shop = StockClient("handheld.db", url="https://ledger.example", key="slk_…")
    shop.record("OUTBOUND", item_id, 2)      # on the disk when this returns, network or not
    shop.sync()                              # sends the outbox, fetches changes
    shop.stock(), shop.pending(), shop.rejected()

The client imports nothing from the server, and the server nothing from the client. Both check
proofs with `proof/`.
"""

from interface.client.catalogue import RefusedItem
from interface.client.client import Resolved, StockClient
from interface.client.errors import ClientError, RequestFailed, Unreachable
from interface.client.records import PendingTransaction, RejectedTransaction, Stock
from interface.client.synchroniser import SyncReport

__all__ = [
    "ClientError",
    "PendingTransaction",
    "RefusedItem",
    "RejectedTransaction",
    "RequestFailed",
    "Resolved",
    "Stock",
    "StockClient",
    "SyncReport",
    "Unreachable",
]
