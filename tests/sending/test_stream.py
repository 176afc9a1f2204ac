"""A stream by itself: what it reads, holds and gives, with no queue behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from vonage_messages.channels.base import Message
from vonage_messages.sending.outcome import Outcome
from vonage_messages.sending.stream import Entry, Stream, stream_outcomes

VIRTUAL_CLOCK = True


class Line:
    """Stands where the queue does: a row of entries, which the test finishes."""

    def __init__(self) -> None:
        self.waiting: list[Entry] = []
        self.forgotten: list[Entry] = []
        self.full = False

    async def wait_for_room(self) -> None:
        await asyncio.sleep(0)

    def add(self, entry: Entry) -> bool:
        if not self.full:
            self.waiting.append(entry)
        return not self.full

    def forget(self, entries: Iterable[Entry]) -> None:
        self.forgotten.extend(entries)

    def finish(self, number: int) -> None:
        entry = self.waiting[number]
        entry.finish(Outcome(message=entry.message))

    def stream(self, messages: Any, window: int = 10) -> Stream:
        return Stream(messages, window, self.wait_for_room, self.add, self.forget)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def numbers(tools: Any, outcomes: list[Outcome]) -> list[int]:
    return [int(tools.text_of(outcome.message)) for outcome in outcomes]


@pytest.mark.parametrize(("ordered", "expected"), [(True, [0, 1, 2, 3]), (False, [2, 0, 3, 1])])
async def test_outcomes_come_as_asked(tools: Any, ordered: bool, expected: list[int]) -> None:
    line = Line()
    seen: list[Outcome] = []

    async def read() -> None:
        stream = line.stream([tools.sms(number) for number in range(4)])
        seen.extend([outcome async for outcome in stream_outcomes(stream, ordered=ordered)])

    reader = asyncio.create_task(read())
    await settled()
    for number in (2, 0, 3, 1):
        line.finish(number)
    await reader
    assert numbers(tools, seen) == expected


async def test_outcome_that_is_early_takes_room_until_it_is_given(tools: Any) -> None:
    line = Line()
    outcomes = stream_outcomes(line.stream((tools.sms(number) for number in range(9)), window=4), ordered=True)
    first = asyncio.ensure_future(anext(outcomes))  # type: ignore[arg-type]  an awaitable will do
    await settled()
    for number in (1, 2, 3):
        line.finish(number)
    await settled()
    assert len(line.waiting) == 4
    line.finish(0)
    await first
    await settled()
    assert len(line.waiting) == 4, "read on when half of the window is free, not for each message"
    for _ in range(2):
        await anext(outcomes)
    await settled()
    assert len(line.waiting) == 7
    await outcomes.aclose()  # type: ignore[attr-defined]  it is a generator


async def test_stream_that_is_closed_forgets_what_was_not_finished(tools: Any) -> None:
    line = Line()
    stream = line.stream([tools.sms(number) for number in range(4)])
    outcomes = stream_outcomes(stream, ordered=False)
    first = asyncio.ensure_future(anext(outcomes))  # type: ignore[arg-type]  an awaitable will do
    await settled()
    line.finish(1)
    await first
    await outcomes.aclose()  # type: ignore[attr-defined]  it is a generator
    assert stream.over
    assert [entry.number for entry in line.forgotten] == [0, 2, 3]
    line.finish(0)  # a request that was under way


async def test_stream_that_is_closed_while_its_reader_waits_for_room_forgets_nothing_that_never_waited(
    tools: Any,
) -> None:
    line = Line()
    line.full = True
    room = asyncio.Event()

    async def wait_for_room() -> None:
        await room.wait()

    line.wait_for_room = wait_for_room  # type: ignore[method-assign]  the queue is full
    outcomes = stream_outcomes(line.stream([tools.sms(1)]), ordered=False)
    first = asyncio.ensure_future(anext(outcomes))  # type: ignore[arg-type]  an awaitable will do
    await settled()
    first.cancel()
    await asyncio.wait([first])
    assert line.forgotten == line.waiting == []


async def test_other_tasks_run_while_a_long_iterable_is_read(tools: Any) -> None:
    line = Line()
    message = tools.sms(1)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:  # ends: when it is cancelled
            turns += 1
            await asyncio.sleep(0)

    async def no_wait() -> None:
        return

    line.wait_for_room = no_wait  # type: ignore[method-assign]  there is room
    busy = asyncio.create_task(others())
    await line.stream((message for _ in range(5000)), window=10_000).read()
    busy.cancel()
    await asyncio.wait([busy])
    assert turns >= 10


async def test_error_that_the_iterable_raises_when_it_is_left_is_heard_by_nobody(tools: Any) -> None:
    async def messages() -> AsyncIterator[Message]:
        try:
            yield tools.sms(1)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    line = Line()
    outcomes = stream_outcomes(line.stream(messages()), ordered=False)
    first = asyncio.ensure_future(anext(outcomes))  # type: ignore[arg-type]  an awaitable will do
    await settled()
    line.finish(0)
    await first
    await outcomes.aclose()  # type: ignore[attr-defined]  it is a generator


async def test_iterator_is_not_asked_again_when_it_has_ended(tools: Any) -> None:
    asked = 0

    def messages() -> Iterator[Message]:
        nonlocal asked
        asked += 1
        yield tools.sms(1)

    line = Line()
    await line.stream(messages()).read()
    assert asked == 1
    assert len(line.waiting) == 1
