"""Read models: each is one file with its row, its table and what an event does to it.

The commit of the events and a rebuild run the same code.
"""

from typing import Final

from application.projections.item_changes import ItemChanges
from application.projections.movements import Movements
from application.projections.projection import Projection
from application.projections.stock_levels import StockLevels

PROJECTIONS: Final[tuple[Projection, ...]] = (StockLevels(), Movements(), ItemChanges())
