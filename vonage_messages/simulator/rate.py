"""
How many requests a second one API key may make: a sliding-window log, on a clock that is handed in.

The log keeps the instant of every admitted request of the last window, so the count is exact: in no window of its
length are more than ``limit`` requests admitted. Refused requests do not count. Nothing here waits or reads a clock
of its own.

Reference: limits, Account: 30 API requests per second and key by default.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import attrs

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.values import Seconds


@attrs.frozen(kw_only=True)
class RateDecision:
    """What the limiter says about one request."""

    admitted: bool
    limit: int
    """How many requests one window holds."""
    remaining: int
    """How many more this window would admit now."""
    wait: Seconds
    """How long until the next request would be admitted; 0 where one would be at once."""


class RateLimiter:
    """
    Admits at most ``limit`` requests in any ``window`` seconds.

    *rate* is requests per second. From 1 up it is cut to a whole number of requests in one second; below 1 it means
    one request in ``1 / rate`` seconds. *monotonic* gives seconds that never run backwards.

    Raises:
        ConfigurationError: *rate* is not a positive, finite number.
    """

    def __init__(self, rate: float, monotonic: Callable[[], float]) -> None:
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(1 / rate)):
            raise ConfigurationError(f"rate must be a positive number of requests per second or None, not {rate}")
        self.limit = max(1, math.floor(rate))
        self.window: Seconds = max(1.0, 1 / rate)
        self._monotonic = monotonic
        self._admitted: deque[float] = deque()

    def admit(self) -> RateDecision:
        """Decide about one request that arrives now, and count it if it is admitted."""
        now = self._monotonic()
        while self._admitted and now - self._admitted[0] >= self.window:
            self._admitted.popleft()
        admitted = len(self._admitted) < self.limit
        if admitted:
            self._admitted.append(now)
        remaining = self.limit - len(self._admitted)
        wait = 0.0 if remaining else self.window - (now - self._admitted[0])
        return RateDecision(admitted=admitted, limit=self.limit, remaining=remaining, wait=wait)

    def clear(self) -> None:
        """Forget every request."""
        self._admitted.clear()
