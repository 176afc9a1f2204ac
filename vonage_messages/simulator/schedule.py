"""
What happens later at the simulator: one heap and one task for everything that waits, and the knowing when all is done.

A message that is accepted costs an entry in the heap and no task of its own. What is done is none of this module's
business, and neither is how long a clock takes for a second.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
from typing import TYPE_CHECKING

from vonage_messages.clock import ManualClock
from vonage_messages.errors import SimulatorError
from vonage_messages.logs import LogEvent, about
from vonage_messages.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.clock import Clock

_LOGGER = logging.getLogger(__name__)

_PAUSE: Seconds = 0.005
"""
How long a turn is followed by none: at thousands of messages a second, waking for each would cost more than all else.
"""
_AT_ONCE = 500
"""How many pieces of work are done before other tasks get their turn."""


class Activity:
    """Counts what is still going on, so that somebody can wait until nothing is. Belongs to one loop at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def start(self) -> None:
        """Serve the running loop from now on."""
        self._settled = asyncio.Event()
        self.add(0)

    def add(self, change: int) -> None:
        """Count *change* pieces of work more."""
        self._busy += change
        if self._busy:
            self._settled.clear()
        else:
            self._settled.set()

    async def sleep(self, seconds: Seconds) -> None:
        """Let time pass for a piece of work that is counted."""
        if seconds <= 0:
            return
        if not isinstance(self._clock, ManualClock):
            await self._clock.sleep(seconds)
            return
        # A clock that stands still is waited for by nobody: that is when the simulator has settled.
        self.add(-1)
        try:
            await self._clock.sleep(seconds)
        finally:
            self.add(1)

    async def settle(self, timeout: Seconds) -> None:  # noqa: ASYNC109  a span in an error of ours
        """
        Wait until nothing more happens: all is done, or waits for a ``ManualClock`` to be moved.

        Raises:
            SimulatorError: that is not so after *timeout* seconds, for instance because a callback is being repeated.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            raise SimulatorError(
                f"callbacks are still on their way after {timeout:g} seconds: look at simulator.callbacks for one that "
                "is refused and comes again"
            ) from None


class Schedule:
    """
    Does pieces of work when they are due on *clock*, in the order of their times; those of one time as they were added.

    At most *maximum* wait at a time. It belongs to one event loop from the first ``add`` to ``stop``.
    """

    def __init__(self, clock: Clock, activity: Activity, maximum: int) -> None:
        self._clock = clock
        self._activity = activity
        self._maximum = maximum
        self._pause = 0.0 if isinstance(clock, ManualClock) else _PAUSE
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._wakes_at = -math.inf

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due: float, work: Callable[[], object]) -> bool:
        """Do *work* at *due* (unix seconds); tell whether there was room for it. Needs a running loop."""
        if len(self._heap) >= self._maximum:
            return False
        heapq.heappush(self._heap, (due, next(self._numbers), work))
        if self._task is None or due < self._wakes_at:
            self._wake()
        return True

    def clear(self) -> None:
        """Forget everything that is still to be done."""
        self._heap.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """Forget everything that is still to be done, and wait until nothing is being done."""
        task = self._task
        self.clear()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _wake(self) -> None:
        """Begin to wait for what is due first now, in the place of what was waited for before."""
        if self._task is not None:
            self._task.cancel()
        self._wakes_at = -math.inf
        self._activity.add(1)
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(lambda _: self._activity.add(-1))

    async def _run(self) -> None:
        pause = 0.0
        while self._heap:  # ends: every turn does what is due, and the heap is bounded
            now = self._clock()
            self._wakes_at = max(self._heap[0][0], now + pause)
            await self._activity.sleep(self._wakes_at - now)
            self._wakes_at = -math.inf
            if self._do_what_is_due():
                pause = self._pause
            else:
                pause = 0.0
                await asyncio.sleep(0)
        self._task = None

    def _do_what_is_due(self) -> bool:
        """Do some of it, and tell whether that was all."""
        now = self._clock()
        for _ in range(_AT_ONCE):
            if not self._heap or self._heap[0][0] > now:
                return True
            _, _, work = heapq.heappop(self._heap)
            try:
                work()
            except Exception:
                _LOGGER.exception(
                    "the simulator failed at something that was due", extra=about(LogEvent.SIMULATOR_FAILED)
                )
        return False
