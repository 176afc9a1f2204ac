"""
``Rate`` and ``Cap``: how much a limit allows, as data.

A rate is kept by the generic cell rate algorithm, a cap by counting. How they are kept stands in
``vonage_messages.limits.buckets``; which limits a message falls under, in ``vonage_messages.limits.levels``.
"""

from __future__ import annotations

import math
from typing import Any, Final

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.values import Seconds, is_finite

TOLERANCE: Final[Seconds] = 0.010
"""
How much of the past a rate without a ``burst`` lets make up for.

Timers of an event loop are 1 ms coarse and come late: a rate that forgets every missed instant tops out near 900 a
second (measured 2026-11). 10 ms of memory keep 30/s and 20,000/s alike to the rate, and let no window of any length
have more than ``1 + rate * (length + 10 ms)``.
"""

_UNITS: Final = ((86_400, "day"), (3600, "h"), (60, "min"))


def figure(value: float) -> str:
    """Write a number without loss: ``30``, ``1000000``, ``0.5``."""
    return str(int(value)) if value == int(value) and value < 2**53 else repr(value)


def span(seconds: Seconds) -> str:
    """Write a span in the largest unit that divides it, without loss: ``30 days``, ``1 h``, ``90 min``, ``0.5 s``."""
    for length, unit in _UNITS:
        if seconds % length == 0 and seconds > 0:
            count = seconds / length
            return f"{figure(count)} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    return f"{figure(seconds)} s"


def _positive(limit: object, field: attrs.Attribute[float], value: object) -> None:
    if not is_finite(value) or value <= 0:
        raise ConfigurationError(f"{type(limit).__name__} {field.name} must be a finite number above 0, not {value!r}.")


def _whole(limit: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None and field.default is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{type(limit).__name__} {field.name} must be a whole number of 1 or more, not {value!r}."
        )


@attrs.frozen
class Rate:
    """
    ``n`` messages in ``per`` seconds: ``Rate(30)``, ``Rate(1, per=6.0, burst=45)``.

    ``burst`` is how many may leave at once after a long silence; they are paid back by waiting. In no window of *t*
    seconds do more than ``burst + t * n / per`` leave. Without ``burst`` they leave one by one, and only 10 ms of the
    past are made up for: what timers are late.

    Raises:
        ConfigurationError: a number is not finite and above 0, *burst* is no whole number, or they lie so far apart
            that the time between two places cannot be told.
    """

    n: float = attrs.field(validator=_positive)
    per: Seconds = attrs.field(default=1.0, validator=_positive, kw_only=True)
    burst: int | None = attrs.field(default=None, validator=_whole, kw_only=True)
    interval: Seconds = attrs.field(init=False, eq=False, repr=False)
    """The time from one place to the next."""

    tolerance: Seconds = attrs.field(init=False, eq=False, repr=False)
    """How far ahead of its time a message may leave."""

    def __attrs_post_init__(self) -> None:
        # Worked out once: a hundred thousand buckets of one rate share two numbers.
        try:
            interval = self.per / self.n
            tolerance = TOLERANCE if self.burst is None else (self.burst - 1) * interval
        except OverflowError:
            interval = tolerance = math.inf
        if not (interval > 0 and math.isfinite(interval) and math.isfinite(tolerance)):
            raise ConfigurationError(f"{self.n:g} in {self.per:g} s is no rate that a clock could keep.")
        object.__setattr__(self, "interval", interval)
        object.__setattr__(self, "tolerance", tolerance)

    def most_in(self, span: Seconds) -> float:
        """Give the number that no window of *span* seconds exceeds."""
        return 1 + (span + self.tolerance) / self.interval

    def __str__(self) -> str:
        burst = "" if self.burst is None else f", at most {self.burst} at once"
        return f"{figure(self.n)} in {span(self.per)}{burst}"


@attrs.frozen
class Cap:
    """
    At most ``n`` messages in any ``per`` seconds, however they are spread: ``Cap(2_000)`` a day.

    The window rolls: a message counts for ``per`` seconds after it left, not until midnight. It is counted in slices
    of a 1,440th of the window (a minute of a day), and a slice counts until its last instant has left the window: the
    cap is never passed, and a place comes free at most a slice late.

    A cap must outlive the process, or every restart would be a fresh allowance: whoever keeps one needs a
    ``LimitStore``.

    Raises:
        ConfigurationError: *n* is no whole number above 0, or *per* not finite and above 0.
    """

    n: int = attrs.field(validator=_whole)
    per: Seconds = attrs.field(default=86_400.0, validator=_positive, kw_only=True)

    def __str__(self) -> str:
        return f"{self.n} in any {span(self.per)}"
