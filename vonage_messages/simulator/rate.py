"""
How many requests a second one API key may make: a token bucket, on a clock that is handed in.

Every admitted request takes a token, and tokens come back at an even rate until the bucket is full. So no span of *t*
seconds has more than ``burst + rate * t`` admitted requests. Refused requests cost nothing. Nothing here waits.

Reference: limits, Account: 30 API requests per second and key by default. How the platform counts is not described.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.values import Seconds

_ROUNDING: Final[Seconds] = 1e-6
"""
The grain of time: a token may be taken this much early, so that whoever has waited as long as was named gets one.

The instants of a clock that counts from 1970 are a quarter of a microsecond apart.
"""
_GRAIN_DIGITS: Final = 6


@attrs.frozen(kw_only=True)
class RateDecision:
    """What the limiter says about one request."""

    admitted: bool
    limit: int
    """How many requests a full bucket admits at once."""
    remaining: int
    """How many more it would admit now."""
    wait: Seconds
    """How long until the next token; 0 where one is there."""


class RateLimiter:
    """
    A bucket of *burst* tokens, full at the start, into which *rate* tokens a second flow.

    *burst* is a whole number; without it the bucket holds *rate* tokens, and at least one. *monotonic* gives seconds
    that never run backwards.

    Raises:
        ConfigurationError: *rate* is not a positive, finite number, or *burst* is not at least 1.
    """

    def __init__(self, rate: float, monotonic: Callable[[], float], burst: int | None = None) -> None:
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(1 / rate)):
            raise ConfigurationError(f"rate must be a positive number of requests per second or None, not {rate}")
        if burst is not None and not 1 <= burst < math.inf:
            raise ConfigurationError(f"burst must be a number of requests from 1 up or None, not {burst}")
        size = max(1.0, rate) if burst is None else burst
        self.limit = math.floor(size)
        self.refused = 0
        """How many requests were refused so far."""
        self._rate = rate
        self._monotonic = monotonic
        self._interval: Seconds = 1 / rate
        self._time_to_fill: Seconds = size / rate
        self._missing: Seconds = 0.0
        """For how long tokens must flow in until the bucket is full, as of the last request."""
        self._seen = -math.inf

    def admit(self, now: float | None = None) -> RateDecision:
        """
        Decide about one request, and take its token if there is one.

        *now* is when it arrived, where the caller has read the clock already.
        """
        now = self._monotonic() if now is None else now
        # Spans, not an instant at which it will be full: sums of those lose a grain where a clock counts from 1970.
        self._missing = max(0.0, self._missing - (now - self._seen))
        self._seen = now
        admitted = self._tokens() > 0
        if admitted:
            self._missing += self._interval
        else:
            self.refused += 1
        remaining = self._tokens()
        wait = 0.0 if remaining else self._missing + self._interval - self._time_to_fill
        # Rounded, because a wait of 5.000000000001 seconds would be told as one of 6.
        return RateDecision(admitted=admitted, limit=self.limit, remaining=remaining, wait=round(wait, _GRAIN_DIGITS))

    def clear(self) -> None:
        """Fill the bucket, and forget what was refused."""
        self._missing = 0.0
        self.refused = 0

    def _tokens(self) -> int:
        """Count the whole tokens: as many as flow in during the time for which the bucket has been filling."""
        filled = self._time_to_fill - self._missing + _ROUNDING
        return max(0, min(self.limit, math.floor(filled * self._rate)))
