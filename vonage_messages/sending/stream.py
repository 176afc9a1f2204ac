"""
Streaming many messages through a queue: a bounded window of them, and their outcomes as they come.

A task of its own reads the messages, because they may come slowly while outcomes are waiting to be taken. Nothing
here knows limits or requests: the ``Engine`` gives the function that lets an entry wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from vonage_messages.channels.base import Message
from vonage_messages.errors import InvalidMessageError, Problem, QueueClosedError
from vonage_messages.sending.outcome import Outcome

if TYPE_CHECKING:
    from vonage_messages.limits.places import Place

_BREATH = 256
"""After how many messages the reader lets others have the loop."""

_END: Any = object()
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

    *wait_for_room* waits until the queue has room, *add* lets an entry wait in it (false: there is no room), and
    *forget* takes entries out of it that were not sent.
    """

    def __init__(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        window: int,
        wait_for_room: Callable[[], Awaitable[None]],
        add: Callable[[Entry], bool],
        forget: Callable[[Iterable[Entry]], None],
    ) -> None:
        self._messages = messages
        self._window = window
        self._wait_for_room = wait_for_room
        self._add = add
        self._forget = forget
        self._entries: dict[int, Entry] = {}
        self.outcomes: deque[tuple[int, Outcome]] = deque()
        """Those that nobody has taken yet, with the numbers of their messages."""
        self._held = 0
        self._read_all = False
        self._room = asyncio.Event()
        self._awaited: asyncio.Future[None] | None = None
        self.over = False
        """Whether nobody takes outcomes any more."""

    async def read(self) -> None:
        """Let every message wait in the queue, as the window has room; raises what *messages* raises."""
        if isinstance(self._messages, AsyncIterable):
            await self._read_as_they_come(self._messages)
        else:
            await self._read_at_hand(iter(self._messages))

    async def _read_as_they_come(self, messages: AsyncIterable[Message]) -> None:
        async with contextlib.aclosing(_each(messages)) as each:
            for number in itertools.count():  # ends: with *messages*
                await self._wait_for_window()
                message = await anext(each, _END)
                if message is _END:
                    return
                if not self._enter(number, message):
                    await self._enter_with_room(number, message)

    async def _read_at_hand(self, messages: Iterator[Message]) -> None:
        """Read what need not be waited for, a handful at a time: with a wait for each it would take twice as long."""
        number = read = 0
        while number == read:  # ends: with *messages*
            await self._wait_for_window()
            handful = min(_BREATH, self._window - self._held)
            read += handful
            for message in itertools.islice(messages, handful):
                if not self._enter(number, message):
                    await self._enter_with_room(number, message)
                number += 1
            await asyncio.sleep(0)

    def end_reading(self, reader: asyncio.Task[None]) -> None:
        """Note that *reader* has ended: with the messages, or because it was cancelled, perhaps before it began."""
        self._read_all = True
        self._tell()
        if not reader.cancelled():
            reader.exception()  # whoever left early hears no error of it

    async def _wait_for_window(self) -> None:
        """Wait until one more message may be held."""
        while self._held >= self._window:  # ends: with room, or with the cancelling of this task
            self._room.clear()
            await self._room.wait()

    def take(self, number: int, outcome: Outcome) -> None:
        """Take the outcome of an entry."""
        self._entries.pop(number, None)
        self.outcomes.append((number, outcome))
        if self._awaited is not None:
            self._tell()

    async def has_more(self) -> bool:
        """Wait until there are outcomes to be taken; false when all have been."""
        while not self.outcomes:  # ends: with an outcome, or with the last of them
            if self._read_all and not self._entries:
                return False
            self._awaited = asyncio.get_running_loop().create_future()
            try:
                await self._awaited
            finally:
                self._awaited = None
        return True

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

    def _enter(self, number: int, message: object) -> bool:
        """Let a message wait in the queue; false where it has no room."""
        if not isinstance(message, Message):
            self._held += 1
            self._refuse(number, message)
            return True
        # Before it is added: one that cannot leave in time is finished within.
        entry = self._entries[number] = Entry(self, message, number)
        is_in = False
        try:
            is_in = self._add(entry)
        finally:
            if not is_in:
                self._entries.pop(number, None)
        self._held += is_in
        return is_in

    async def _enter_with_room(self, number: int, message: object) -> None:
        await self._wait_for_room()
        while not self._enter(number, message):  # ends: with room, or with the queue
            await self._wait_for_room()

    def _refuse(self, number: int, message: object) -> None:
        wrong = Problem("", f"must be a message, such as Sms(...), not {type(message).__name__}")
        as_it_came: Any = message
        self.take(number, Outcome(message=as_it_came, error=InvalidMessageError([wrong])))

    def _tell(self) -> None:
        """Wake whoever waits for outcomes: a future for each wait takes 1 µs less than an ``asyncio.Event``."""
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)


async def stream_outcomes(stream: Stream, *, ordered: bool) -> AsyncIterator[Outcome]:
    """Give the outcomes of a stream: as they come, or in the order of their messages."""
    reader = asyncio.get_running_loop().create_task(stream.read())
    reader.add_done_callback(stream.end_reading)
    early: dict[int, Outcome] = {}
    expected = 0
    try:
        while stream.outcomes or await stream.has_more():  # ends: with the last message
            number, outcome = stream.outcomes.popleft()
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


async def _each(messages: AsyncIterable[Message]) -> AsyncGenerator[Message]:
    async for message in messages:
        yield message
