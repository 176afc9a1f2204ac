"""
What becomes of an accepted message: a seed in, a list of statuses out. Pure: no clock, no socket, no state.

How long a person takes, whether they read, in which order the callbacks leave and how often: everything follows from
the ``Delivery`` and its seed, so that a run can be repeated. How a status becomes a body is said in ``statuses.py``,
who sends it and when it is repeated in ``callbacks.py``.

Reference: Webhooks, sections 3 (status values) and 7 (retries).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonage_messages.values import Seconds

CHANNELS_THAT_TELL_READ: Final = frozenset({"rcs", "whatsapp", "messenger", "viber_service", "email"})
"""The channels that know ``read``: SMS and MMS never give it (Webhooks, section 3)."""

TTL_RAN_OUT: Final = 1360
FAILURES: Final = ("rejected", "undeliverable")

FIRST_RETRY: Final[Seconds] = 5.0
LONGEST_RETRY: Final[Seconds] = 15 * 60.0
RETRY_PERIOD: Final[Seconds] = 24 * 60 * 60.0
"""Support article 360028543292: first after 5 s, doubling up to 15 min, dropped after 24 h."""


def _span(_instance: object, field: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{field.name} must be 0 or more (seconds), not {value!r}")


def _share(_instance: object, field: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"{field.name} must be a share of 0 to 1, not {value!r}")


@attrs.frozen(kw_only=True)
class Delivery:
    """
    How messages fare. The spans are what one step takes on average; each varies by *spread*, a share of it.

    *read_share* is how many of the messages that arrive are read, where the channel tells. *repeated_share* is how
    many callbacks leave twice, *overtaken_share* how many statuses leave before the one that they follow: the
    platform guarantees neither order nor uniqueness. *seed* decides all of it, together with the number of the
    message.

    Raises:
        ConfigurationError: a span is negative, or a share is not 0 to 1.
    """

    submitted_after: Seconds = attrs.field(default=0.02, validator=_span)
    delivered_after: Seconds = attrs.field(default=0.05, validator=_span)
    read_after: Seconds = attrs.field(default=0.1, validator=_span)
    spread: float = attrs.field(default=0.5, validator=_share)
    read_share: float = attrs.field(default=1.0, validator=_share)
    repeated_share: float = attrs.field(default=0.0, validator=_share)
    overtaken_share: float = attrs.field(default=0.0, validator=_share)
    seed: int = 0


@attrs.frozen(kw_only=True)
class Failure:
    """What keeps a message from arriving: an error code of the reference, and the status that carries it."""

    code: int
    status: str = attrs.field(default="rejected")

    @status.validator
    def _known(self, _field: attrs.Attribute[str], value: object) -> None:
        if value not in FAILURES:
            raise ConfigurationError(f"a message fails as {' or '.join(FAILURES)}, not as {value!r}")


@attrs.frozen(kw_only=True)
class Step:
    """One status of a message. Both spans are in seconds since the message was accepted."""

    status: str
    happens_after: Seconds
    """What the timestamp tells."""
    leaves_after: Seconds
    """When the callback is sent; a status that is overtaken leaves later than it happened."""
    code: int | None = None
    """The error code of a status that tells a failure."""


def timeline(  # noqa: PLR0913  what decides about a message, by name
    delivery: Delivery,
    number: int,
    *,
    channel: str,
    failure: Failure | None = None,
    ttl: Seconds | None = None,
    reads_after: Seconds | None = None,
) -> tuple[Step, ...]:
    """
    Give the statuses of a message in the order in which their callbacks leave.

    *number* counts the messages of a simulator; it and the seed of *delivery* decide everything that is left open.
    *channel* is named as in v1. A message that is not delivered within *ttl* is rejected then. *reads_after* is how
    long the person takes who has a habit, to the second; one who never reads takes for ever (``math.inf``).
    """
    draws = Draws(f"{delivery.seed}/{number}")
    steps = _steps(delivery, draws, channel, failure, ttl, reads_after)
    if delivery.overtaken_share:
        steps = _overtaken(steps, delivery.overtaken_share, draws)
    if delivery.repeated_share:
        steps += [step for step in steps if draws.happens(delivery.repeated_share)]
        steps.sort(key=lambda step: step.leaves_after)
    return tuple(steps)


def retry_delays() -> Iterator[Seconds]:
    """
    Give the waits before each repetition of a callback that was answered 429 or 5xx, or not at all, in seconds.

    The last one is the last that ends within 24 hours of the first try.
    """
    delay, passed = FIRST_RETRY, 0.0
    while passed + delay <= RETRY_PERIOD:  # ends: a hundred repetitions fill 24 hours
        yield delay
        passed += delay
        delay = min(delay * 2, LONGEST_RETRY)


def _steps(  # noqa: PLR0913, PLR0917  what decides about a message
    delivery: Delivery,
    draws: Draws,
    channel: str,
    failure: Failure | None,
    ttl: Seconds | None,
    reads_after: Seconds | None,
) -> list[Step]:
    at = draws.varied(delivery.submitted_after, delivery.spread)
    if failure is not None and failure.status == "rejected":
        return [Step(status="rejected", happens_after=at, leaves_after=at, code=failure.code)]
    steps = [Step(status="submitted", happens_after=at, leaves_after=at)]
    at += draws.varied(delivery.delivered_after, delivery.spread)
    if ttl is not None and at > ttl:
        return [step for step in steps if step.happens_after < ttl] + [
            Step(status="rejected", happens_after=ttl, leaves_after=ttl, code=TTL_RAN_OUT)
        ]
    if failure is not None:
        return [*steps, Step(status=failure.status, happens_after=at, leaves_after=at, code=failure.code)]
    steps.append(Step(status="delivered", happens_after=at, leaves_after=at))
    if reads_after is None:
        reads_after = math.inf
        if draws.happens(delivery.read_share):
            reads_after = draws.varied(delivery.read_after, delivery.spread)
    if channel in CHANNELS_THAT_TELL_READ and reads_after < math.inf:
        at += reads_after
        steps.append(Step(status="read", happens_after=at, leaves_after=at))
    return steps


def _overtaken(steps: list[Step], share: float, draws: Draws) -> list[Step]:
    """Let some neighbours change places: the timestamps stay, the callbacks leave the other way round."""
    result = list(steps)
    for index in range(len(result) - 1):
        earlier, later = result[index], result[index + 1]
        if draws.happens(share):
            result[index] = attrs.evolve(later, leaves_after=earlier.leaves_after)
            result[index + 1] = attrs.evolve(earlier, leaves_after=later.leaves_after)
    return result
