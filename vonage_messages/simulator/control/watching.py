"""
Telling what happens, as it happens: server-sent events, and waiting for messages.

Both read the journal, which is bounded: a reader that is too slow has missed something, is told so, and starts over. So
nothing is queued up for anybody, however many watch.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import attrs
from aiohttp import web

from vonage_messages.simulator.control.asking import HEADERS
from vonage_messages.simulator.control.listing import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonage_messages.simulator.control.listing import Filter
    from vonage_messages.simulator.journal import Entry, Journal
    from vonage_messages.simulator.state import KnownInbound, ReceivedMessage, SimulatorState
    from vonage_messages.values import Seconds

HEARTBEAT: Final[Seconds] = 15.0
"""A comment so often keeps proxies from closing the connection, and finds out whether anybody is still there."""
_AT_ONCE: Final = 200
"""Events that are written before the reader must have taken them."""
_PAUSE: Final[Seconds] = 0.05
"""After some entries were told, others gather for so long: thousands may come in a second, and each would wake us."""
_HEADERS: Final = {
    **HEADERS,
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",
}


async def stream(
    request: web.Request, journal: Journal, seen: int, stopped: asyncio.Event, heartbeat: Seconds
) -> web.StreamResponse:
    """Send every entry of *journal* after *seen*, until the caller leaves or the simulator stops."""
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    try:
        await response.write(b"retry: 1000\n\n")
        await _tell(response, journal, seen, stopped, heartbeat)
    except ConnectionError:  # the caller left
        return response
    await response.write_eof()
    return response


async def _tell(
    response: web.StreamResponse, journal: Journal, seen: int, stopped: asyncio.Event, heartbeat: Seconds
) -> None:
    while not stopped.is_set():  # ends: a caller that left makes the next write fail
        entries = journal.since(seen)
        if entries is None:
            seen = journal.last
            await response.write(f"event: reset\nid: {seen}\ndata: {{}}\n\n".encode())
        elif entries:
            for start in range(0, len(entries), _AT_ONCE):
                await response.write(b"".join(map(_event, entries[start : start + _AT_ONCE])))
            seen = entries[-1].number
            await asyncio.sleep(_PAUSE)
        elif not await _something_happens(journal, seen, stopped, heartbeat):
            await response.write(b": nothing new\n\n")


async def wait_for(
    state: SimulatorState,
    wanted: Filter,
    *,
    count: int,
    patience: Seconds,
    stopped: asyncio.Event,
) -> Sequence[ReceivedMessage | KnownInbound]:
    """
    Wait until *count* messages are there that are meant, and give them, oldest first.

    Gives fewer where that is not so after *patience* seconds of real time, or when the simulator stops.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    seen = state.journal.last
    found = {each.message_uuid: each for each in await messages(state, wanted)}
    while len(found) < count and not stopped.is_set():  # ends: time passes
        entries = state.journal.since(seen)
        if entries is None:
            seen = state.journal.last
            found = {each.message_uuid: each for each in await messages(state, wanted)}
        elif entries:
            found |= _found_among(entries, state, wanted)
            seen = entries[-1].number
            if len(found) < count:
                await asyncio.sleep(min(_PAUSE, max(0.0, end - loop.time())))
        elif (left := end - loop.time()) <= 0:
            break
        else:
            await _something_happens(state.journal, seen, stopped, left)
    return list(found.values())[:count]


def _found_among(
    entries: Sequence[Entry], state: SimulatorState, wanted: Filter
) -> dict[str, ReceivedMessage | KnownInbound]:
    """Look at what the entries tell of, and at nothing else: a hundred thousand messages are read once only."""
    found: dict[str, ReceivedMessage | KnownInbound] = {}
    for subject in dict.fromkeys(entry.subject for entry in entries):
        message = state.message(subject) or state.inbound_message(subject)
        if message is not None and wanted.matches(message, state):
            found[subject] = message
    return found


async def _something_happens(journal: Journal, seen: int, stopped: asyncio.Event, seconds: Seconds) -> bool:
    """Wait for an entry after *seen*, for *seconds* at most; tell whether there is one, or the simulator stops."""
    waiting = {asyncio.ensure_future(journal.wait(seen)), asyncio.ensure_future(stopped.wait())}
    try:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return bool(done)


def _event(entry: Entry) -> bytes:
    return f"id: {entry.number}\ndata: {json.dumps(attrs.asdict(entry))}\n\n".encode()
