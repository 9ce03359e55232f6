"""Settings of the Python interpreter, for processes with many objects and some threads."""

import gc
import sys
from typing import Final

NEW_OBJECTS_PER_COLLECTION: Final = 30_000
"""New objects between two garbage collections. With Python's default of 700, a third of a pass over
many events is collections. A batch of 1,000 makes fewer, and so needs none. More of them would keep
other threads waiting for longer."""

COLLECTIONS_PER_OLDER_ONE: Final = 100
"""Collections of new objects between two that also look at those that outlived one. A batch of
10,000 in progress is many of these, and other threads wait."""

SWITCH_SECONDS: Final = 0.0002
"""How long a thread keeps the interpreter's lock (GIL) while others wait. With Python's default, a
commit beside readers waits ten times for 5 ms."""


def tune() -> None:
    """Sets them. Objects that exist now are never collected."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION, COLLECTIONS_PER_OLDER_ONE)
    sys.setswitchinterval(SWITCH_SECONDS)
