"""Settings of the Python interpreter, for processes with many objects and some threads."""

import gc
import sys
from typing import Final

NEW_OBJECTS_PER_COLLECTION: Final = 50_000
"""New objects between two garbage collections. With Python's default of 700, a third of a pass over
many events is collections, and each of them looks at all living objects."""

SWITCH_SECONDS: Final = 0.001
"""How long a thread keeps the interpreter's lock (GIL) while others wait. With Python's default, a
commit beside readers waits ten times for 5 ms."""


def tune() -> None:
    """Sets them. Objects that exist now are never collected."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION)
    sys.setswitchinterval(SWITCH_SECONDS)
