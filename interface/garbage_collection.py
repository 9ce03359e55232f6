"""The garbage collector of this process: rare, because its runs find next to nothing here."""

import gc
from typing import Final

NEW_OBJECTS_PER_RUN: Final = 50_000
"""New objects between two runs. With Python's default of 700, a third of a pass over many events is
runs, and each of them looks at all living objects."""


def collect_rarely() -> None:
    """Lets the collector run rarely, and never look at the objects that exist now."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_PER_RUN)
