"""
Limits that several processes keep together: what is asked of a store of theirs, and the arithmetic it must do.

A process asks for a place under every limit of a message at once. The store answers when it may take it, all limits or
none: within the *horizon* the place is taken, for that instant, so that four processes do not run for one place;
beyond it nothing is spent, and the process comes again. Time is the store's own.

``SharedBook`` is the arithmetic in plain Python: what a store in one process is made of, and what those in a database
must agree with, number for number. Pure: ``now`` is handed in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from vonage_messages.limits.buckets import SLICES, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonage_messages.limits.buckets import Gate
    from vonage_messages.values import Seconds

HORIZON: Final[Seconds] = 0.1
"""How far ahead a place is taken: longer than a call of a store lasts, and shorter than anybody minds to hold it."""


@attrs.frozen
class SharedLimit:
    """
    One limit of a message, as a store sees it: a rate, or a cap where *cap* is not 0.

    *key* names it in all processes alike, such as ``sender 14155550100``.
    """

    key: str
    interval: Seconds = 0.0
    """Of a rate: the time from one place to the next."""
    tolerance: Seconds = 0.0
    """Of a rate: how far ahead of its time a message may leave."""
    cap: int = 0
    """Of a cap: how many in any *per* seconds."""
    per: Seconds = 0.0


@attrs.frozen
class Verdict:
    """When a message may leave."""

    wait: Seconds
    """From now on, by the store's clock."""
    obstacle: int | None = None
    """``None``: the place is taken. Otherwise nothing was spent, and this one of its limits (from 0) is in the way."""
    now: float = attrs.field(default=0.0, eq=False)
    """What the store's clock showed, in seconds."""


class SharedLimitStore(Protocol):
    """
    Keeps limits for several processes.

    A limit that it has never seen counts as used up to what it allows at the moment when the store was made: what was
    sent before is not known.

    Raises, from every method:
        StoreUnavailableError: it cannot be asked now; nothing was taken, or what was taken is lost.
        ConfigurationError, OutboxError: it cannot be used.
    """

    @property
    def is_open(self) -> bool:
        """Whether it is ready to work."""

    async def open(self) -> None:
        """Make ready to work."""

    async def close(self) -> None:
        """Let go of everything. Closing twice does no harm."""

    async def take(
        self, wanted: Sequence[Sequence[SharedLimit]], /, *, horizon: Seconds = HORIZON
    ) -> Sequence[Verdict]:
        """Take a place under all limits of each message, in their order; give a verdict for each."""

    async def pause(self, keys: Mapping[str, Seconds], /) -> None:
        """Have no place under these limits for so many seconds from now, and no burst then."""


def shared_limit(gate: Gate) -> SharedLimit:
    """Say what a store must know of *gate*, at the pace to which it is slowed now."""
    if isinstance(gate, Window):
        return SharedLimit(gate.key, cap=gate.cap.n, per=gate.cap.per)
    return SharedLimit(gate.key, interval=gate.interval, tolerance=gate.tolerance)


class SharedBook:
    """What is left of limits, from *since* on. Instants are seconds on one clock."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._ready: dict[str, float] = {}
        """Before which instant a limit has no place: a rate's next one, or the end of a pause."""
        self._slices: dict[str, dict[float, int]] = {}
        """Of a cap: how many left in each slice of its window, by the end of the slice."""

    def __len__(self) -> int:
        return len(self._ready)

    def take(self, wanted: Sequence[Sequence[SharedLimit]], now: float, horizon: Seconds = HORIZON) -> list[Verdict]:
        """Take a place under all limits of each message, in their order; give a verdict for each."""
        return [self._take(limits, now, horizon) for limits in wanted]

    def pause(self, key: str, until: float) -> None:
        """Have no place under a limit before *until*, and no burst then."""
        self._ready[key] = max(until, self._ready.get(key, self._since))

    def sweep(self, now: float, longest: Seconds) -> None:
        """Forget limits of which a new one would say the same; *longest* is the longest tolerance or span of any."""
        self._slices = {key: slices for key, slices in self._slices.items() if max(slices) > now - longest}
        self._ready = {key: at for key, at in self._ready.items() if at > now - longest or key in self._slices}

    def _take(self, limits: Sequence[SharedLimit], now: float, horizon: Seconds) -> Verdict:
        free = [self._free_at(limit, now) for limit in limits]
        leaves = max(now, *free) if free else now
        if leaves > now + horizon:
            return Verdict(leaves - now, free.index(leaves), now)
        for limit in limits:
            self._spend(limit, leaves, now)
        return Verdict(leaves - now, None, now)

    def _free_at(self, limit: SharedLimit, now: float) -> float:
        ready = self._ready.get(limit.key, self._since)
        if not limit.cap:
            return ready
        counted = sorted(
            (end, number) for end, number in self._slices.get(limit.key, {}).items() if end + limit.per > now
        )
        surplus = sum(number for _, number in counted) - limit.cap
        for end, number in counted if surplus >= 0 else ():
            surplus -= number
            if surplus < 0:
                return max(ready, end + limit.per)
        return ready

    def _spend(self, limit: SharedLimit, leaves: float, now: float) -> None:
        ready = self._ready.setdefault(limit.key, self._since)
        if not limit.cap:
            self._ready[limit.key] = max(ready, leaves - limit.tolerance) + limit.interval
            return
        slices = self._slices.setdefault(limit.key, {})
        end = slice_end(leaves, limit.per)
        slices[end] = slices.get(end, 0) + 1
        while (oldest := next(iter(slices))) + limit.per <= now:  # ends: the slice of now is among them
            del slices[oldest]


def slice_end(instant: float, per: Seconds) -> float:
    """Give the end of the slice of a cap's window in which *instant* lies."""
    width = per / SLICES
    return (math.floor(instant / width) + 1) * width
