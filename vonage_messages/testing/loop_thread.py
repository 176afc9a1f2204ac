"""
An event loop in a thread of its own, and how the rest of a program calls into it.

Fixtures stand on it: a simulator that runs beside the test serves a plain function, a coroutine under any plugin and
any loop, and the code under test that blocks. Nothing here knows a simulator.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from vonage_messages.errors import SimulatorError

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType

    from vonage_messages.values import Seconds

T = TypeVar("T")

_ANSWERS_WITHIN: Seconds = 60.0
"""How long a plain call into the loop may take: it only bounds what is broken."""


class Pending(Generic[T]):
    """
    Something under way in the other thread: ``await`` it in a coroutine, or call ``result()`` in a plain function.

    It is under way from the start, whether anybody waits or not.
    """

    def __init__(self, future: concurrent.futures.Future[T]) -> None:
        self._future = future

    def __repr__(self) -> str:
        return f"<Pending: {'done' if self._future.done() else 'under way'}>"

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self._future).__await__()

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._future.done()

    def result(self, timeout: Seconds | None = _ANSWERS_WITHIN) -> T:
        """
        Wait for the end, and give what came of it.

        Raises:
            SimulatorError: it has not ended after *timeout* seconds.
            Exception: whatever it ended with.
        """
        try:
            return self._future.result(timeout)
        except TimeoutError:
            if self._future.done():  # its own
                raise
            self._future.cancel()
            raise SimulatorError(f"it has not ended after {timeout:g} seconds") from None


class LoopThread:
    """
    An event loop that runs in a thread of its own, until ``stop``.

    ::

        with LoopThread() as loop:
            loop.submit(simulator.start()).result()

    A daemon thread: a program that forgets to stop it still ends.
    """

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vonage-messages-simulator", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread, and wait until its loop runs."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End the loop, what still runs on it, and the thread. Stopping twice is fine."""
        if self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop = None

    def submit(self, work: Coroutine[Any, Any, T]) -> Pending[T]:
        """
        Begin *work* on the loop.

        Raises:
            SimulatorError: the loop does not run.
        """
        if self._loop is None:
            work.close()
            raise SimulatorError("the thread of the simulator does not run")
        return Pending(asyncio.run_coroutine_threadsafe(work, self._loop))

    def call(self, function: Callable[[], T]) -> T:
        """
        Call *function* in the thread of the loop, and give what it gives: between two steps of what runs there.

        Raises:
            SimulatorError: the loop does not run.
            Exception: whatever *function* raises.
        """
        if threading.current_thread() is self._thread:
            return function()

        async def called() -> T:
            return function()

        return self.submit(called()).result()

    def _run(self) -> None:
        asyncio.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()
        await self._stopping.wait()
