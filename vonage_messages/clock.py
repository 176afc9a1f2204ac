"""
Time that passes by itself, time that runs faster, and time that tests move.

Every clock gives unix seconds when it is called, and sleeps on itself. Nothing else is in here.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import Protocol

from vonage_messages.errors import ConfigurationError
from vonage_messages.values import Seconds


class Clock(Protocol):
    """Something that tells the time and can be waited on."""

    def __call__(self) -> float:
        """Give the time in unix seconds."""

    async def sleep(self, seconds: Seconds, /) -> None:
        """Wait until *seconds* have passed on this clock."""


class SystemClock:
    """The time of this machine."""

    __slots__ = ()

    def __call__(self) -> float:
        """Give the time in unix seconds."""
        return time.time()

    async def sleep(self, seconds: Seconds, /) -> None:
        """Wait *seconds*."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """
    A clock on which *speed* seconds pass in one second of this machine: a day takes a second where *speed* is 86400.

    ::

        async with Simulator(clock=ScaledClock(speed=3600), status_url=url) as simulator:
            ...  # a callback that is refused comes again for 24 seconds, which stand for the platform's 24 hours

    It begins at *start* (unix seconds), by default now. A *speed* below 1 makes it slower than this machine.

    Raises:
        ConfigurationError: *speed* is not above 0, or no finite number.
    """

    __slots__ = ("_begun", "_start", "begins_now", "speed")

    def __init__(self, speed: float, start: float | None = None) -> None:
        if not 0 < speed < math.inf:
            raise ConfigurationError(f"speed must be a finite number above 0, not {speed!r}.")
        self.speed: float = speed
        self.begins_now: bool = start is None
        """It began at the time of this machine."""
        self._start = time.time() if start is None else start
        self._begun = time.monotonic()

    def __repr__(self) -> str:
        return f"ScaledClock(speed={self.speed!r})"

    def __call__(self) -> float:
        """Give the time in unix seconds."""
        return self._start + (time.monotonic() - self._begun) * self.speed

    async def sleep(self, seconds: Seconds, /) -> None:
        """Wait until *seconds* have passed on this clock."""
        await asyncio.sleep(seconds / self.speed)


class ManualClock:
    """
    A clock that stands still until ``advance`` moves it. It belongs to one event loop.

    ::

        clock = ManualClock()
        async with Simulator(clock=clock, status_url=url) as simulator:
            ...
            await clock.advance(5)  # the first retry of a callback that was refused with 503

    *start* is in unix seconds; by default it is the time of this machine, so that tokens which were issued by it are
    neither old nor from the future.
    """

    def __init__(self, start: float | None = None) -> None:
        self.begins_now: bool = start is None
        """It began at the time of this machine."""
        self._now = time.time() if start is None else start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def __repr__(self) -> str:
        return f"ManualClock(now={self._now!r}, sleepers={self.sleepers})"

    def __call__(self) -> float:
        """Give the time in unix seconds."""
        return self._now

    @property
    def sleepers(self) -> int:
        """How many tasks are waiting for this clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: Seconds, /) -> None:
        """Wait until ``advance`` has moved the clock by *seconds*; 0 or less lets other tasks run once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), future))
        await future

    async def advance(self, seconds: Seconds) -> None:
        """
        Move the clock forward by *seconds*.

        Whoever sleeps wakes at its own time, in order; between two wakings the loop runs once, so that a task which
        goes back to sleep at once is woken again if its time lies within the span.

        Raises:
            ConfigurationError: *seconds* is negative or no finite number.
        """
        if not 0 <= seconds < math.inf:
            raise ConfigurationError(f"a clock moves forward by a finite number of seconds, not by {seconds!r}.")
        end = self._now + seconds
        while await self.wake_next(end):  # ends: sleepers go, or time moves on
            pass
        self._now = max(self._now, end)
        await asyncio.sleep(0)

    async def wake_next(self, until: float) -> bool:
        """
        Move the clock to where somebody wakes next, but not beyond *until* (unix seconds), and let the loop run once.

        Tells whether somebody was woken: ``False`` leaves the clock alone. For whoever has to wait, between two
        wakings, for work that is done in real time.
        """
        while self._sleepers and self._sleepers[0][0] <= until:  # ends: the heap shrinks
            due, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self._now = max(self._now, due)
            future.set_result(None)
            await asyncio.sleep(0)
            return True
        return False
