"""Trying again when another writer was faster."""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from application.persistence.errors import WriteConflict

MAX_ATTEMPTS: Final = 8
"""How often a unit of work is tried before the conflicting items are given up."""

MAX_PAUSE_SECONDS: Final = 0.05
"""Seconds; the pause after a lost race is drawn at random below this."""

Result = TypeVar("Result")


def retry_on_conflict(attempt: Callable[[set[UUID]], Result]) -> Result:
    """Calls `attempt` until it loses no race, each time with the items to be given up.

    An attempt that writes none of the items given up ends at last, for every attempt lost from then
    on gives up more of them.
    """
    conflicting: set[UUID] = set()
    for number in count(1):
        try:
            return attempt(conflicting)
        except WriteConflict as race:
            if number >= MAX_ATTEMPTS:
                conflicting |= race.item_ids
            time.sleep(random.uniform(0, MAX_PAUSE_SECONDS))  # noqa: S311 -- jitter, no secret
    raise AssertionError("unreachable")
