"""The device's side: records offline, syncs both ways, and keeps a copy of the stock.

    from interface.client import StockClient

    shop = StockClient("handheld.db", url="https://ledger.example", key="slk_…")
    shop.record("OUTBOUND", item_id, 2)      # on the disk when this returns, network or not
    shop.sync()                              # sends what is pending, fetches what changed
    shop.stock(), shop.pending(), shop.rejected()

Nothing of the server is needed here, nor the other way round.
"""

from interface.client.client import StockClient, SyncReport
from interface.client.errors import ClientError, RequestFailed, Unreachable
from interface.client.store import PendingTransaction, RejectedTransaction, Stock

__all__ = [
    "ClientError",
    "PendingTransaction",
    "RejectedTransaction",
    "RequestFailed",
    "Stock",
    "StockClient",
    "SyncReport",
    "Unreachable",
]
