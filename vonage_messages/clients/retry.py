"""
When a failed attempt is made again, and after which wait: arithmetic on numbers that are passed in.

The rule: only what certainly was not accepted is repeated by machine, which is ``retryable and not maybe_sent`` (a
connection that never came about, and 429). The API has no idempotency key, so repeating anything else can bill and
deliver a message twice; a caller who prefers that says so with ``RetryPolicy(repeat_ambiguous=…)``.

Who waits and sends is ``vonage_messages.clients.client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vonage_messages.errors import ConfigurationError, RateLimitedError, VonageMessagesError
from vonage_messages.values import is_finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.values import Seconds

_LARGEST_EXPONENT = 64  # 2.0 ** 64 is far above any max_delay, and far below an overflow


def _not_negative(_policy: object, field: attrs.Attribute[float], value: object) -> None:
    if not is_finite(value) or value < 0:
        raise ConfigurationError(f"RetryPolicy {field.name} must be a finite number of 0 or more, not {value!r}.")


def _at_least_one(_policy: object, field: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"RetryPolicy {field.name} must be a whole number of 1 or more, not {value!r}: 1 never repeats."
        )


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """
    How often, and how patiently, ``Client.send`` repeats what certainly was not accepted.

    The wait before attempt *n + 1* is a random part of ``base_delay * 2 ** (n - 1)``, at most ``max_delay`` (full
    jitter: from nothing up to the whole). A ``Retry-After`` is waited for, and a random part of ``base_delay`` more,
    unless it is longer than ``max_retry_after`` or than what is left of the overall deadline: then the error is
    raised at once, because an earlier attempt would be refused again.

    ``RetryPolicy(attempts=1)`` never repeats.

    Raises:
        ConfigurationError: a number is negative or not finite, or *attempts* is below 1.
    """

    attempts: int = attrs.field(default=3, validator=_at_least_one)
    """How many requests a call may make in all."""

    base_delay: Seconds = attrs.field(default=0.5, validator=_not_negative)
    max_delay: Seconds = attrs.field(default=8.0, validator=_not_negative)
    max_retry_after: Seconds = attrs.field(default=30.0, validator=_not_negative)
    """A longer ``Retry-After`` is not waited for."""

    budget: float = attrs.field(default=10.0, validator=_not_negative)
    """How many repetitions a client has in reserve. It keeps a broken network from being hammered by everyone."""

    refill: float = attrs.field(default=0.1, validator=_not_negative)
    """How much of a repetition each success gives back."""

    repeat_ambiguous: bool | Callable[[VonageMessagesError], bool] = False
    """
    Repeat errors that say ``maybe_sent``, too, at the risk of a second bill and a second message.

    ``True`` repeats those that are also ``retryable``: a 5xx, and an answer that was lost. A function is asked about
    each error with ``maybe_sent``, an answer that cannot be read (``UnexpectedResponseError``) among them, by clients
    and queues alike; where it raises, nothing is repeated.
    A message stays in doubt where its repetition fails: the error that is raised is the one that left it open, and the
    later one is its cause.
    """


class RetryBudget:
    """A reserve of repetitions: each costs one, each success gives a part of one back, up to the reserve."""

    __slots__ = ("_left", "_refill", "_reserve")

    def __init__(self, reserve: float, refill: float) -> None:
        self._reserve = reserve
        self._refill = refill
        self._left = reserve

    @property
    def left(self) -> float:
        """How many repetitions are left."""
        return self._left

    def take(self) -> bool:
        """Take one repetition out of the reserve, if it still holds one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """Note a success."""
        self._left = min(self._reserve, self._left + self._refill)


def decide(  # noqa: PLR0913  a pure function is told everything it needs
    error: VonageMessagesError,
    *,
    attempt: int,
    policy: RetryPolicy,
    budget: RetryBudget,
    remaining: Seconds,
    random: Callable[[], float],
) -> Seconds | None:
    """
    Decide how long to wait before the next attempt, or ``None`` for: do not repeat.

    *attempt* is the number of the one that failed, from 1; *remaining* the seconds left of the overall deadline;
    *random* gives numbers from 0 up to 1. A repetition is taken out of *budget* only when there will be one.
    """
    if attempt >= policy.attempts or not _may_repeat(error, policy):
        return None
    wait = _wait(error, attempt, policy, random)
    if wait is None or wait >= remaining or not budget.take():
        return None
    return wait


def _may_repeat(error: VonageMessagesError, policy: RetryPolicy) -> bool:
    if not error.maybe_sent:
        return error.retryable
    if callable(policy.repeat_ambiguous):
        return policy.repeat_ambiguous(error)
    return policy.repeat_ambiguous and error.retryable


def _wait(error: VonageMessagesError, attempt: int, policy: RetryPolicy, random: Callable[[], float]) -> Seconds | None:
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        if error.retry_after > policy.max_retry_after:
            return None
        # Never sooner than asked; a little later, each by its own lot: those refused together would return together.
        return error.retry_after + random() * policy.base_delay
    ceiling = policy.base_delay * 2.0 ** min(attempt - 1, _LARGEST_EXPONENT)
    return random() * min(policy.max_delay, ceiling)
