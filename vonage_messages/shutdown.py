"""
How a process that is told to end does so in good order: by Ctrl-C, or by the SIGTERM of whoever runs it.

The signals of the process are heard here. What is done then is for those who are cancelled by it: a queue waits for its
requests under way, an outbox writes down what became of them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

logger = logging.getLogger("vonage_messages")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_KILLED_BY: Final = 128
"""What shells add to the number of a signal for the exit code of what it ended."""


@asynccontextmanager
async def graceful_shutdown() -> AsyncIterator[None]:
    """
    Let SIGTERM and Ctrl-C end a block in good order, and then the process, with 143 or 130 and without a traceback.

    ::

        async def main() -> None:
            async with graceful_shutdown(), Client.from_env() as client, SendQueue(client) as queue:
                async for outcome in queue.map(messages): ...

        asyncio.run(main())

    The first signal cancels the task that is in the block. What stands in it ends as it does when it is cancelled: a
    ``SendQueue`` cancels what waits and waits for the requests under way, ``Outbox.run`` writes down what became of
    them, a bare ``Client.send`` is broken off, and may have been sent. A second signal ends the process at once. An
    error that is raised meanwhile goes through.

    It goes outermost, and is for programs of one's own: ``aiohttp.web.run_app``, uvicorn and ``run_worker`` hear
    signals themselves. In a thread that is not the main one none is heard.

    Raises:
        SystemExit: behind the block, when there was a signal.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    heard: list[signal.Signals] = []
    in_block = True

    def end_block() -> None:
        if in_block and task is not None:
            task.cancel()

    def hear(number: signal.Signals) -> None:
        heard.append(number)
        loop.call_soon_threadsafe(end_block)

    with first_signal_heard(hear):
        try:
            yield
        except asyncio.CancelledError:
            if not heard:
                raise
        finally:
            in_block = False
    if heard:
        raise SystemExit(_KILLED_BY + heard[0])


@contextmanager
def first_signal_heard(hear: Callable[[signal.Signals], object]) -> Iterator[None]:
    """Have the first SIGTERM or SIGINT of a block call *hear*; the next has its usual effect, which is sudden."""
    former: dict[signal.Signals, Any] = {}

    def hear_first(number: int, _frame: object) -> None:
        for each in former:
            signal.signal(each, signal.SIG_DFL)
        hear(signal.Signals(number))

    try:
        for number in SIGNALS:
            former[number] = signal.signal(number, hear_first)
    except ValueError:  # not in the main thread
        logger.info("signals are not heard in this thread", extra=about(LogEvent.SIGNALS_UNHEARD))
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
