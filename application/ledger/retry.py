"""Retry with jitter after a write conflict."""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from application.persistence.errors import WriteConflict

MAX_ATTEMPTS: Final = 8
"""Attempts of a unit of work before conflicting items are excluded from it."""

MAX_PAUSE_SECONDS: Final = 0.05
"""Maximum pause after a write conflict, in seconds. The pause is random (jitter)."""

Result = TypeVar("Result")


def retry_on_conflict(attempt: Callable[[set[UUID]], Result]) -> Result:
    """Calls `attempt` until it has no write conflict, each time with the conflicting items.

    Terminates: from MAX_ATTEMPTS on, each conflict adds its items to the conflicting set, which the
    attempt must not write. Errors of `attempt` other than WriteConflict are raised at once.
    """
    conflicting: set[UUID] = set()
    for number in count(1):
        try:
            return attempt(conflicting)
        except WriteConflict as conflict:
            if number >= MAX_ATTEMPTS:
                conflicting |= conflict.item_ids
            time.sleep(random.uniform(0, MAX_PAUSE_SECONDS))  # noqa: S311 -- jitter, no secret
    raise AssertionError("unreachable")
