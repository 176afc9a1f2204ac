"""What a queue has done so far, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vonage_messages.sending.outcome import Outcome
    from vonage_messages.values import Seconds

_SPAN: Seconds = 1.0


class Counters:
    """Outcomes and requests, and how many requests were made lately."""

    __slots__ = ("_began", "_last", "_lately", "accepted", "attempts", "cancelled", "failed", "in_doubt", "refused")

    def __init__(self) -> None:
        self.accepted = self.failed = self.cancelled = self.in_doubt = self.attempts = self.refused = 0
        self._began = 0.0
        self._lately = 0
        self._last = 0.0

    def count(self, outcome: Outcome) -> None:
        """Count what became of a message."""
        if outcome.sent is not None:
            self.accepted += 1
        elif outcome.error is None:
            self.cancelled += 1
        else:
            self.failed += 1
            self.in_doubt += outcome.maybe_sent

    def count_attempt(self, now: float) -> None:
        """Count a request."""
        self.attempts += 1
        if now - self._began >= _SPAN:
            self._last = self._lately / (now - self._began) if self._began and now - self._began < 2 * _SPAN else 0.0
            self._began, self._lately = now, 0
        self._lately += 1

    def uncount_attempt(self) -> None:
        """Note that the request which was counted last was never made."""
        self.attempts -= 1
        self._lately = max(0, self._lately - 1)

    def per_second(self, now: float) -> float:
        """Give how many requests were made lately: in the last whole second, or in this one where it is more."""
        span = now - self._began
        if not self.attempts or span >= 2 * _SPAN:
            return 0.0
        return max(self._last, self._lately / max(span, _SPAN))
