"""Trying again when another writer was faster."""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from application.persistence.errors import LostRace

MAX_ATTEMPTS: Final = 8
"""How often a unit of work is tried before the contended items are given up."""

MAX_PAUSE: Final = 0.05
"""Seconds; the pause after a lost race is drawn at random below this."""

Result = TypeVar("Result")


def until_won(attempt: Callable[[set[UUID]], Result]) -> Result:
    """Calls `attempt` until it loses no race, each time with the items to be given up.

    An attempt that writes none of the items given up ends at last, for every attempt lost from then
    on gives up more of them.
    """
    given_up: set[UUID] = set()
    for number in count(1):
        try:
            return attempt(given_up)
        except LostRace as race:
            if number >= MAX_ATTEMPTS:
                given_up |= race.item_ids
            time.sleep(random.uniform(0, MAX_PAUSE))  # noqa: S311 -- jitter, no secret
    raise AssertionError("unreachable")
