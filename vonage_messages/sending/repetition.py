"""
Whether a message whose request failed goes back into the queue, and when it may leave again.

What may be repeated at all is known by ``clients.retry``; how the account slows down, by the limiter. Here they come
together, with what a queue alone has to say: a 429 is no fault of the message, and neither is a platform that cannot
be reached.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from vonage_messages.clients.retry import RetryBudget, RetryPolicy, decide
from vonage_messages.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConnectError,
    RateLimitedError,
    VonageMessagesError,
)
from vonage_messages.limits.circuit import Circuit, is_outage

if TYPE_CHECKING:
    from vonage_messages.limits.places import Place
    from vonage_messages.sending.counters import Counters
    from vonage_messages.turns.turns import Turns
    from vonage_messages.values import Seconds

MOST_REFUSALS = 20
"""How often one message may be answered with 429 before that is its outcome: each time the account slows down."""


class Repetition:
    """What the requests of one queue taught: the circuit, and the reserve of repetitions."""

    def __init__(self, policy: RetryPolicy, turns: Turns, counters: Counters, max_outage: Seconds) -> None:
        self._policy = policy
        self._turns = turns
        self._counters = counters
        self._max_outage = max_outage
        self._budget = RetryBudget(policy.budget, policy.refill)
        self.circuit = Circuit()

    def succeeded(self) -> None:
        """Note that a message was accepted."""
        self.circuit.succeeded()
        self._budget.give_back()

    def again_at(self, place: Place, error: VonageMessagesError, now: float) -> float | None:
        """
        Decide when a message whose request ended with *error* may leave again; ``None``: never.

        Raises:
            CircuitOpenError: the platform has not been reached for too long. That is the outcome of all who wait.
        """
        if isinstance(error, RateLimitedError):
            return self._after_refusal(place, error, now)
        if not is_outage(error):
            return self._after_answer(place, error, now)
        self.circuit.failed(now)
        if isinstance(error, ConnectError) and self.circuit.state != "closed":
            return self._after_outage(place, now)
        return self._by_policy(place, error, now)

    def outage(self, now: float) -> CircuitOpenError | None:
        """Say that nobody is waited for any more, where the platform has not done its work for too long."""
        if self.circuit.state == "closed" or now - self.circuit.opened_at < self._max_outage:
            return None
        return CircuitOpenError(
            f"the platform could not be reached for {self._max_outage:g} s: the message was not sent."
        )

    def _after_refusal(self, place: Place, error: RateLimitedError, now: float) -> float | None:
        """Slow the account down, and put the message back in its place."""
        self.circuit.succeeded()
        self._counters.refused += 1
        pause = self._turns.refused(error, self._counters.per_second(now))
        place.refusals += 1
        if place.refusals > MOST_REFUSALS or now + pause >= min(place.expires_at, place.give_up_at):
            return None
        return now

    def _after_answer(self, place: Place, error: VonageMessagesError, now: float) -> float | None:
        """Renew a token that has expired, once. Of one that cannot be read the policy decides; any other is final."""
        self.circuit.succeeded()
        if isinstance(error, AuthenticationError) and error.token_expired and not place.renewals:
            place.renewals += 1
            return now
        return self._by_policy(place, error, now) if error.maybe_sent else None

    def _by_policy(self, place: Place, error: VonageMessagesError, now: float) -> float | None:
        wait = decide(
            error,
            attempt=place.attempts - place.refusals - place.renewals,
            policy=self._policy,
            budget=self._budget,
            remaining=place.expires_at - now,
            random=random.random,
        )
        return None if wait is None else now + wait

    def _after_outage(self, place: Place, now: float) -> float:
        """Let a message that never left wait for the platform to come back, unless that has lasted too long."""
        outage = self.outage(now)
        if outage is not None:
            raise outage
        place.attempts -= 1
        return now
