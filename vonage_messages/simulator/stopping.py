"""How a server of aiohttp is stopped without leaving a connection behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

_TURNS: Final = 5
"""A connection that was just accepted has its handler after three turns of the loop (Python 3.11 to 3.13)."""


async def stop_serving(runner: web.AppRunner) -> None:
    """
    Stop listening, and close every connection, those too that were accepted at this very moment.

    A connection that has been accepted, and has no handler yet when its server is closed, is left open by asyncio: a
    browser that connects ahead of its next request would wait for ever, and a test-suite be warned. So nothing more is
    accepted first, then those that were get their handlers, and then the server and all handlers are closed.
    """
    loop = asyncio.get_running_loop()
    for listening in _descriptors(runner):
        try:
            loop.remove_reader(listening)
        except NotImplementedError:  # the loop of Windows, which accepts in another way
            break
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    await runner.cleanup()


def _descriptors(runner: web.AppRunner) -> Iterator[int]:
    """List the sockets that a runner listens on. aiohttp keeps its servers to itself."""
    for site in runner.sites:
        server = getattr(site, "_server", None)
        for each in () if server is None else server.sockets:
            yield each.fileno()
