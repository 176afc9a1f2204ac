"""
Telling the user's functions what happens in a queue: whatever they do, the queue goes on.

A listener may be async. Whoever has a connection waits for it there; what is told aside, such as a cancelled message,
waits in one task, one after the other.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("vonage_messages")


class Listener:
    """Calls *function*, which the user gave as *name*; *when_heard* is called when an async one has returned."""

    def __init__(self, name: str, function: Callable[..., object] | None, when_heard: Callable[[], None]) -> None:
        self._name = name
        self._function = function
        self._when_heard = when_heard
        self._aside: deque[Awaitable[object]] = deque()
        self._teller: asyncio.Task[None] | None = None
        self._broken = False
        self._halted = False
        self.pending = 0
        """How many async calls have not returned."""

    def __bool__(self) -> bool:
        return self._function is not None

    async def tell(self, *what: object) -> None:
        """Tell *what*, and wait until it has been heard."""
        telling = self._call(what)
        if telling is not None:
            await self._wait_for(telling)

    def tell_aside(self, *what: object) -> None:
        """Tell *what* without waiting."""
        telling = self._call(what)
        if telling is None:
            return
        self.pending += 1
        self._aside.append(telling)
        if self._halted:
            self._forget()
        elif self._teller is None:
            self._begin_to_tell()

    def is_telling_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Tell whether *task* is the one in which things are told aside."""
        return task is not None and task is self._teller

    def halt(self) -> None:
        """Make no task any more: the loop shuts down."""
        self._halted = True
        self._forget()

    async def finish(self) -> None:
        """Wait until everything that is told aside has been heard."""
        while self._teller is not None:  # ends: with the last of them
            await asyncio.wait([self._teller])

    def _call(self, what: tuple[object, ...]) -> Awaitable[object] | None:
        if self._function is None:
            return None
        try:
            result = self._function(*what)
        except Exception as error:  # noqa: BLE001  whatever a listener does, the queue goes on
            self._complain(error)
            return None
        return result if result is not None and inspect.isawaitable(result) else None

    def _begin_to_tell(self) -> None:
        self._teller = asyncio.get_running_loop().create_task(self._tell_all())
        self._teller.add_done_callback(self._end_of_teller)

    async def _tell_all(self) -> None:
        while self._aside:  # ends: each pass takes one out
            self.pending -= 1
            await self._wait_for(self._aside.popleft())

    def _end_of_teller(self, teller: asyncio.Task[None]) -> None:
        self._teller = None
        if teller.cancelled():  # perhaps before it began
            self._forget()
            self._when_heard()
        elif self._aside:  # they came behind its last look
            self._begin_to_tell()

    async def _wait_for(self, telling: Awaitable[object]) -> None:
        self.pending += 1
        try:
            await telling
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            self._complain(error)
        except Exception as error:  # noqa: BLE001  see _call
            self._complain(error)
        finally:
            self.pending -= 1
            self._when_heard()

    def _forget(self) -> None:
        """Let go of what nobody will be told any more, because the loop shuts down."""
        while self._aside:
            self.pending -= 1
            telling: Any = self._aside.popleft()
            close = getattr(telling, "close", None)
            if close is not None:
                close()

    def _complain(self, error: BaseException) -> None:
        if not self._broken:
            self._broken = True
            # Its words are the user's, and may hold anything.
            logger.warning(
                "%s raised %s; further failures are not logged",
                self._name,
                type(error).__name__,
                extra=about(LogEvent.LISTENER_FAILED),
            )


def is_cancelled() -> bool:
    """Tell whether the running task itself is being cancelled, rather than something that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
