"""
Streaming many messages through a queue: a bounded window of them, and their outcomes as they come.

A task of its own reads the messages, because they may come slowly while outcomes are waiting to be taken. Nothing
here knows limits or requests: ``SendQueue`` gives the function that lets an entry wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from vonage_messages.channels.base import Message
from vonage_messages.errors import InvalidMessageError, Problem, QueueClosedError
from vonage_messages.sending.outcome import Outcome

if TYPE_CHECKING:
    from vonage_messages.limits.schedule import Place

_BREATH = 256
"""After how many messages the reader lets others have the loop."""

_END = object()
"""What stands for a message where there are no more."""


class Entry:
    """One message of a stream, while it is in the queue."""

    __slots__ = ("message", "number", "place", "stream")

    def __init__(self, stream: Stream, message: Message, number: int) -> None:
        self.stream = stream
        self.message = message
        self.number = number
        self.place: Place | None = None

    def finish(self, outcome: Outcome) -> None:
        """Hand the outcome to the stream."""
        self.stream.take(self.number, outcome)


class Stream:
    """
    Messages on their way through a queue, at most *window* at a time.

    *wait_for_room* waits until the queue has room, *add* lets an entry wait in it, and *forget* takes entries out of
    it that were not sent.
    """

    def __init__(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        window: int,
        wait_for_room: Callable[[], Awaitable[None]],
        add: Callable[[Entry], None],
        forget: Callable[[Iterable[Entry]], None],
    ) -> None:
        self._messages = messages
        self._window = window
        self._wait_for_room = wait_for_room
        self._add = add
        self._forget = forget
        self._entries: dict[int, Entry] = {}
        self._outcomes: deque[tuple[int, Outcome]] = deque()
        self._held = 0
        self._read_all = False
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self.over = False
        """Whether nobody takes outcomes any more."""

    async def read(self) -> None:
        """Let every message wait in the queue, as the window has room; raises what *messages* raises."""
        async with contextlib.aclosing(_each(self._messages)) as messages:
            number = 0
            while (message := await self._next(messages)) is not _END:  # ends: with *messages*
                self._held += 1
                await self._enter(number, message)
                number += 1

    def end_reading(self, reader: asyncio.Task[None]) -> None:
        """Note that *reader* has ended: with the messages, or because it was cancelled, perhaps before it began."""
        self._read_all = True
        self._news.set()
        if not reader.cancelled():
            reader.exception()  # whoever left early hears no error of it

    async def _next(self, messages: AsyncIterator[object]) -> object:
        """Read a message, no sooner than there is room for it."""
        while self._held >= self._window:  # ends: with room, or with the cancelling of this task
            self._room.clear()
            await self._room.wait()
        return await anext(messages, _END)

    def take(self, number: int, outcome: Outcome) -> None:
        """Take the outcome of an entry."""
        self._entries.pop(number, None)
        self._outcomes.append((number, outcome))
        self._news.set()

    async def next(self) -> tuple[int, Outcome] | None:
        """Wait for an outcome and give it; ``None`` when all have been given."""
        while not self._outcomes:  # ends: with an outcome, or with the last of them
            if self._read_all and not self._entries:
                return None
            self._news.clear()
            await self._news.wait()
        return self._outcomes.popleft()

    def release(self) -> None:
        """Note that somebody has an outcome: there is room for one more message."""
        self._held -= 1
        # Half a window at a time: waking the reader for each message would cost as much as the message.
        if 2 * self._held <= self._window:
            self._room.set()

    def end(self) -> None:
        """Take what was not sent out of the queue."""
        self.over = True
        self._forget(list(self._entries.values()))
        self._entries.clear()

    async def _enter(self, number: int, message: object) -> None:
        if not isinstance(message, Message):
            wrong = Problem("", f"must be a message, such as Sms(...), not {type(message).__name__}")
            as_it_came: Any = message
            self._outcomes.append((number, Outcome(message=as_it_came, error=InvalidMessageError([wrong]))))
            self._news.set()
            return
        await self._wait_for_room()
        entry = self._entries[number] = Entry(self, message, number)
        self._add(entry)


async def stream_outcomes(stream: Stream, *, ordered: bool) -> AsyncIterator[Outcome]:
    """Give the outcomes of a stream: as they come, or in the order of their messages."""
    reader = asyncio.get_running_loop().create_task(stream.read())
    reader.add_done_callback(stream.end_reading)
    early: dict[int, Outcome] = {}
    expected = 0
    try:
        while (taken := await stream.next()) is not None:  # ends: with the last message
            number, outcome = taken
            if not ordered:
                stream.release()
                yield outcome
                continue
            early[number] = outcome
            while expected in early:
                stream.release()
                yield early.pop(expected)
                expected += 1
        await asyncio.wait([reader])
        if reader.cancelled():  # by somebody else: whoever takes the outcomes is not being cancelled
            raise QueueClosedError("the task that reads the messages was cancelled: not all were read.")
        reader.result()
    finally:
        stream.end()
        if not reader.done():
            reader.cancel()
        await asyncio.wait([reader])


async def _each(messages: Iterable[Message] | AsyncIterable[Message]) -> AsyncGenerator[Message]:
    if isinstance(messages, AsyncIterable):
        async for message in messages:
            yield message
        return
    for number, message in enumerate(messages, start=1):
        if number % _BREATH == 0:
            await asyncio.sleep(0)
        yield message
