"""When the attempts of a transport end, whatever becomes of them: one timer for all of a loop."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

FILE: Final = __file__
"""The frames of this file in a traceback are of our own, and no part of what the HTTP library did."""


class Deadlines:
    """
    Ends the attempts on one loop when their time is up, all of them with one timer.

    It does what ``asyncio.timeout_at`` does, which sets and cancels a timer for each attempt: 5 % of a send. Here the
    timer is set for the earliest deadline. It finds the attempt of that deadline mostly gone, and is then set for the
    earliest of those that are under way.
    """

    __slots__ = ("_due", "_timer", "_under_way", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._under_way: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def add(self, deadline: Deadline) -> None:
        """Watch over an attempt."""
        self._under_way.add(deadline)
        if deadline.when < self._due:
            self._set_timer(deadline.when)

    def remove(self, deadline: Deadline) -> None:
        """Forget an attempt that has ended."""
        self._under_way.discard(deadline)

    def stop(self) -> None:
        """Take the timer back, unless somebody still needs it: a closed transport leaves nothing in its loop."""
        if not self._under_way and self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, math.inf

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = self.loop.call_at(when, self._end_expired), when

    def _end_expired(self) -> None:
        self._timer, self._due = None, math.inf
        now = self.loop.time()
        for deadline in [each for each in self._under_way if each.when <= now]:
            self._under_way.discard(deadline)
            deadline.expire()
        if self._under_way:
            self._set_timer(min(each.when for each in self._under_way))


class Deadline:
    """
    One block of the running task that ends at *when*, on the clock of its loop: with a ``TimeoutError``, then.

    A cancellation from elsewhere passes, also one that comes at the same moment: the counting is that of
    ``asyncio.timeout_at``.
    """

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._deadlines = deadlines
        self.when = when
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an attempt must run in a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """End the block: its time is up."""
        self._expired = True
        self._task.cancel()
