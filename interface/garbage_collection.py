"""The garbage collector of this process: rare, because its runs find next to nothing here."""

import gc
from typing import Final

NEW_OBJECTS_PER_RUN: Final = 50_000
"""New objects between two runs. Python's default is 700. A pass over many events then spends a third
of its time in runs, each of which looks at all living objects."""


def collect_rarely() -> None:
    """Lets the collector run rarely, and never look at the objects that exist now."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_PER_RUN)
