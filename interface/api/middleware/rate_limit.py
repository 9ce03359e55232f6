"""Rate limits: a token bucket a caller, kept in memory."""

import math
import time
from http import HTTPStatus
from typing import Final

import limits
from cachetools import TTLCache

from interface.api.problems import RequestProblem

MAX_BUCKETS: Final = 100_000
"""Callers and networks whose spending is remembered; beyond, who spent longest ago is forgotten."""

ROUNDING_SECONDS: Final = 1e-6
"""Seconds."""


class RateLimit:
    """So many in so long, for each of those who spend: all at once, or evenly, or in between.

    The generic cell rate algorithm (ITU-T I.371, appendix 1): of each, one instant is remembered,
    the one at which all that was spent will have come in again.
    """

    def __init__(self, rate: str, message: str) -> None:
        self._rate = limits.parse(rate)
        self._message = message
        self._period = self._rate.get_expiry()
        self._interval = self._period / self._rate.amount
        self._settled: TTLCache[str, float] = TTLCache(MAX_BUCKETS, ttl=self._period)
        self._policy = f'"requests";q={self._rate.amount};w={self._period}'

    def spend(self, who: str) -> None:
        """Raises RequestProblem where there is nothing left to spend."""
        now = time.monotonic()
        settled = max(now, self._settled.get(who, now)) + self._interval
        missing = settled - now - self._period
        if missing > ROUNDING_SECONDS:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"{self._message}: the limit is {self._rate}",
                retry_after=math.ceil(missing),
            )
        self._settled[who] = settled

    def headers(self, who: str) -> dict[str, str]:
        """What is left to them, and after how many seconds all of it is again (RateLimit header
        fields, draft-ietf-httpapi-ratelimit-headers-10)."""
        owed = max(0.0, self._settled.get(who, 0.0) - time.monotonic())
        left = int((self._period - owed + ROUNDING_SECONDS) / self._interval)
        return {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"requests";r={left};t={math.ceil(owed)}',
        }
