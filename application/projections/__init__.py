"""Projections: each has one file with its row, its table and the effect of each event.

The commit of the events and a rebuild run the same code.
"""

from typing import Final

from application.projections.code_changes import CodeChange, CodeChanges
from application.projections.codes import Codes
from application.projections.item_changes import ItemChange, ItemChanges
from application.projections.movements import Movement, Movements
from application.projections.projection import Projection
from application.projections.stock_levels import StockLevels

Change = Movement | ItemChange | CodeChange
"""An event, in the form that a follower reads."""

PROJECTIONS: Final[tuple[Projection, ...]] = (
    StockLevels(),
    Movements(),
    ItemChanges(),
    Codes(),
    CodeChanges(),
)
