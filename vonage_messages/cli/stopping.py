"""How a command that runs until it is stopped hears of that."""

from __future__ import annotations

import asyncio
import signal


def stop_signal() -> asyncio.Event:
    """Make an event that Ctrl-C or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # the event loops of Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    return stop
