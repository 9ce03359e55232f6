"""Rate limits: one token bucket per caller, in memory."""

import math
import time
from http import HTTPStatus
from typing import Final

import limits
from cachetools import TTLCache

from interface.api.problems import RequestProblem

MAX_BUCKETS: Final = 100_000
"""Rate-limit buckets kept in memory; the least recently used is evicted."""

ROUNDING_SECONDS: Final = 1e-6
"""Seconds of tolerance for floating-point rounding."""


class RateLimit:
    """Token buckets of one rate: a caller may send a burst, an even flow, or a mix of both.

    Generic cell rate algorithm (ITU-T I.371, appendix 1): each bucket is stored as one instant, the
    moment when it will be full again.

    Args:
        rate: in the notation of the library limits, such as "600/minute".
        message: how the problem begins.
    """

    def __init__(self, rate: str, message: str) -> None:
        self._rate = limits.parse(rate)
        self._message = message
        self._period = self._rate.get_expiry()
        self._interval = self._period / self._rate.amount
        self._full_at: TTLCache[str, float] = TTLCache(MAX_BUCKETS, ttl=self._period)
        self._policy = f'"requests";q={self._rate.amount};w={self._period}'

    def spend(self, who: str) -> dict[str, str]:
        """Takes one token, and returns the header fields. Raises RequestProblem: the bucket is
        empty."""
        now = time.monotonic()
        full_at = max(now, self._full_at.get(who, now)) + self._interval
        wait_seconds = full_at - now - self._period
        if wait_seconds > ROUNDING_SECONDS:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"{self._message}: the limit is {self._rate}",
                retry_after=math.ceil(wait_seconds),
            )
        self._full_at[who] = full_at
        return self._fields(full_at - now)

    def headers(self, who: str) -> dict[str, str]:
        """Returns the RateLimit header fields: tokens left, and seconds until the bucket is full.

        Source: draft-ietf-httpapi-ratelimit-headers-10.
        """
        return self._fields(max(0.0, self._full_at.get(who, 0.0) - time.monotonic()))

    def _fields(self, seconds_until_full: float) -> dict[str, str]:
        left = int((self._period - seconds_until_full + ROUNDING_SECONDS) / self._interval)
        return {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"requests";r={left};t={math.ceil(seconds_until_full)}',
        }
