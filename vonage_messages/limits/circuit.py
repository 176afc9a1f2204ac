"""
A circuit breaker: when the platform cannot be reached, ask now and then instead of all the time. Pure.

Closed: everything may be sent. After ``threshold`` failures in a row, with no success between them, it opens: nothing
may be sent until the cool-down is over, then one message goes as a probe. Its success closes the circuit, its failure
opens it again for twice as long, up to ``longest``.
"""

from __future__ import annotations

import math
from typing import Literal

from vonage_messages.errors import ResponseLostError, ServerError, TransportError, VonageMessagesError
from vonage_messages.values import Seconds

CircuitState = Literal["closed", "open", "probing"]


class Circuit:
    """Whether the platform can be reached, as far as the last answers show."""

    __slots__ = ("_cool_down", "_failures", "_first", "_longest", "_threshold", "opened_at", "probe_at", "state")

    def __init__(self, *, threshold: int = 10, first: Seconds = 1.0, longest: Seconds = 30.0) -> None:
        self._threshold = threshold
        self._first = first
        self._longest = longest
        self._cool_down = first
        self._failures = 0
        self.state: CircuitState = "closed"
        self.opened_at = math.inf
        """Since when nothing has got through."""
        self.probe_at = -math.inf
        """From when on a probe may go."""

    def may_send(self, now: float) -> bool:
        """Tell whether a message may go; where that is a probe, ``sending`` must be told."""
        return self.state == "closed" or (self.state == "open" and now >= self.probe_at)

    def sending(self) -> None:
        """Note that a message goes: a probe, if the circuit is open."""
        if self.state == "open":
            self.state = "probing"

    def unused(self) -> None:
        """Note that what was to be a probe did not go."""
        if self.state == "probing":
            self.state = "open"

    def succeeded(self) -> None:
        """Note an answer, whatever it says: the platform is there."""
        self._failures = 0
        if self.state != "closed":
            self.state = "closed"
            self._cool_down = self._first
            self.opened_at = math.inf

    def failed(self, now: float) -> None:
        """Note that the platform was not reached, or could not do its work."""
        self._failures += 1
        if self.state == "probing":
            self._cool_down = min(self._longest, 2 * self._cool_down)
            self._open(now)
        elif self.state == "closed" and self._failures >= self._threshold:
            self.opened_at = now
            self._cool_down = self._first
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = "open"
        self.probe_at = now + self._cool_down


def is_outage(error: VonageMessagesError) -> bool:
    """Tell whether an error says that the platform is not there, rather than that it does not want a message."""
    return isinstance(error, (TransportError, ServerError, ResponseLostError))
