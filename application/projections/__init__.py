"""Read models: each is one file with its row, its table and what an event does to it.

The commit of the events and a rebuild run the same code.
"""

from typing import Final

from application.projections.item_changes import ItemChange, ItemChanges
from application.projections.movements import Movement, Movements
from application.projections.projection import Projection
from application.projections.stock_levels import StockLevels

Change = Movement | ItemChange
"""An event, as a follower of the ledger reads it."""

PROJECTIONS: Final[tuple[Projection, ...]] = (StockLevels(), Movements(), ItemChanges())
