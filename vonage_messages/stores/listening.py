"""Hearing of the events of other processes for as long as a store is open, over connections that may be lost."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from vonage_messages.errors import VonageMessagesError
    from vonage_messages.receiving.memory import Topic
    from vonage_messages.values import Seconds

logger = logging.getLogger("vonage_messages")

_AGAIN: Final[Seconds] = 0.5
_PATIENCE: Final[Seconds] = 5.0
"""How long it may take to end before it is asked again."""


class Listening:
    """
    Calls whoever listens with the topics of each event; with none when some may have been missed.

    *hear* connects, calls ``begun`` when it hears, and ``tell`` with what it hears, until the connection is lost, which
    shows in one of *failures*; *translated* makes an error of ours of it. Whatever else ends it, it is called again.
    """

    def __init__(
        self,
        hear: Callable[[], Awaitable[None]],
        failures: tuple[type[Exception], ...],
        translated: Callable[[Exception], VonageMessagesError],
    ) -> None:
        self._hear = hear
        self._failures = failures
        self._translated = translated
        self._listeners: list[Callable[[Collection[Topic]], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None

    def add(self, listener: Callable[[Collection[Topic]], None]) -> None:
        """Call *listener* from now on."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Listen; give back when that has begun, and raise what prevents it."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._task = loop.create_task(self._run(self._ready))
        try:
            await self._ready
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Listen no more."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        # On Python 3.11 asyncio.wait_for, by which older drivers wait, loses a cancellation that comes with an event.
        while not (await asyncio.wait([task], timeout=_PATIENCE))[0]:  # ends: not every one comes with an event
            task.cancel()

    def begun(self) -> None:
        """Note that events are heard of from now on."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        else:
            self.tell(())

    def tell(self, topics: Collection[Topic]) -> None:
        """Call whoever listens."""
        if self._task is None:
            raise asyncio.CancelledError  # that of ``stop``, which was lost on the way here
        for listener in self._listeners:
            try:
                listener(topics)
            except Exception as error:
                logger.error(  # noqa: TRY400  its words may hold anything
                    "a listener for events raised %s", type(error).__name__, extra=about(LogEvent.LISTENER_FAILED)
                )
                logger.debug("what the listener raised", exc_info=error, extra=about(LogEvent.LISTENER_FAILED))

    async def _run(self, ready: asyncio.Future[None]) -> None:
        while True:  # ends: with the store, which cancels it
            try:
                await self._hear()
            except Exception as error:  # noqa: BLE001  whatever it is, waits would be in vain if nobody listened again
                ours = self._translated(error) if isinstance(error, self._failures) else None
                if not ready.done():
                    ready.set_exception(ours or error)
                    return
                logger.warning(
                    "events of other processes are not heard of for now: %s",
                    ours or type(error).__name__,
                    extra=about(LogEvent.EVENTS_LOST),
                )
            await asyncio.sleep(_AGAIN)
