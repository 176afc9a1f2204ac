"""Streams through a queue: a bounded window, outcomes as they come or in order, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import BaseMessage, Message
from vonage_messages.limiter import turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outcome import Outcome

VIRTUAL_CLOCK = True


def by_text(tools: Any) -> Any:
    """Answer as many seconds late as the text says."""
    return lambda message: float(tools.text_of(message))


def texts(tools: Any, outcomes: list[Outcome]) -> list[str]:
    return [tools.text_of(outcome.message) for outcome in outcomes]


async def collect(outcomes: AsyncIterator[Outcome]) -> list[Outcome]:
    return [outcome async for outcome in outcomes]


async def test_outcomes_come_as_they_are_known(tools: Any) -> None:
    platform = tools.Platform(latency=by_text(tools))
    async with tools.queue(platform) as queue:
        outcomes = await collect(queue.map(tools.sms(number) for number in (3, 1, 2)))
    assert texts(tools, outcomes) == ["1", "2", "3"]
    assert all(outcome.sent is not None and outcome.attempts == 1 for outcome in outcomes)


async def test_ordered_outcomes_come_in_the_order_of_their_messages(tools: Any) -> None:
    platform = tools.Platform(latency=by_text(tools))
    async with tools.queue(platform) as queue:
        outcomes = await collect(queue.map((tools.sms(number) for number in (3, 1, 2)), ordered=True))
    assert texts(tools, outcomes) == ["3", "1", "2"]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("window", [1, 2, 3, 50])
async def test_async_iterables_are_streamed(tools: Any, ordered: bool, window: int) -> None:
    async def slowly() -> AsyncIterator[Message]:
        for number in range(10):
            await asyncio.sleep(number % 3)
            yield tools.sms(number)

    async with tools.queue(tools.Platform()) as queue:
        outcomes = await collect(queue.map(slowly(), ordered=ordered, window=window))
    assert sorted(texts(tools, outcomes), key=int) == [str(number) for number in range(10)]


@pytest.mark.parametrize("ends", [{}, {"expires_in": 5.0}])
async def test_message_that_the_limits_cannot_place_ends_the_stream_and_no_queue(
    tools: Any, ends: dict[str, float]
) -> None:
    incomplete = BaseMessage(to="447700900000")  # it names no channel
    async with asyncio.timeout(60), tools.queue(tools.Platform()) as queue:
        with pytest.raises(NotImplementedError):
            queue.submit(incomplete, **ends)
        outcomes = queue.map([tools.sms(1), incomplete], **ends)
        seen = await anext(outcomes)
        with pytest.raises(NotImplementedError):
            await anext(outcomes)
        assert len(queue) == 0
        await queue.close()
    assert texts(tools, [seen]) == ["1"]


async def test_outcomes_come_while_the_next_message_is_awaited(tools: Any) -> None:
    async def slowly() -> AsyncIterator[Message]:
        for number in range(3):
            yield tools.sms(number)
            await asyncio.sleep(100)

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with tools.queue(tools.Platform(latency=1.0)) as queue:
        instants = [loop.time() - began async for _ in queue.map(slowly())]
    assert instants == pytest.approx([1, 101, 201])


async def test_nothing_gives_nothing(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        assert await collect(queue.map([])) == []
        assert await queue.send_all([]) == []


async def test_send_all_gives_outcomes_in_order(tools: Any) -> None:
    wrong = errors.ValidationError(422)
    platform = tools.Platform(
        lambda message, _: wrong if tools.text_of(message) == "1" else None, latency=by_text(tools)
    )
    async with tools.queue(platform) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in (2, 1, 0)])
    assert texts(tools, outcomes) == ["2", "1", "0"]
    assert [outcome.error for outcome in outcomes] == [None, wrong, None]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("window", [1, 5])
async def test_messages_are_read_no_further_than_the_window(tools: Any, window: int, ordered: bool) -> None:
    read = 0

    def messages() -> Iterator[Message]:
        nonlocal read
        for number in range(50):
            read += 1
            yield tools.sms(number)

    given = 0
    furthest = 0
    async with tools.queue(tools.Platform(latency=by_text(tools))) as queue:
        async for _ in queue.map(messages(), window=window, ordered=ordered):
            given += 1
            await asyncio.sleep(100)
            furthest = max(furthest, read - given)
    assert given == read == 50
    assert furthest <= window


async def test_nothing_is_read_before_the_first_outcome_is_asked_for(tools: Any) -> None:
    read: list[int] = []

    def messages() -> Iterator[Message]:
        read.append(1)
        yield tools.sms(1)

    async with tools.queue(tools.Platform()) as queue:
        outcomes = queue.map(messages())
        await asyncio.sleep(10)
        assert read == []
        assert len(await collect(outcomes)) == 1


@pytest.mark.parametrize("is_async", [True, False])
async def test_error_of_the_messages_comes_after_the_outcomes(tools: Any, is_async: bool) -> None:
    def messages() -> Iterator[Message]:
        yield tools.sms(1)
        yield tools.sms(2)
        raise ZeroDivisionError

    async def slowly() -> AsyncIterator[Message]:
        for message in messages():
            yield message

    seen: list[Outcome] = []

    async def look(queue: Any) -> None:
        async for outcome in queue.map(slowly() if is_async else messages()):
            seen.append(outcome)  # noqa: PERF401  what came before the error counts

    async with tools.queue(tools.Platform(latency=5.0)) as queue:
        with pytest.raises(ZeroDivisionError):
            await look(queue)
        await queue.submit(tools.sms(3))
    assert sorted(texts(tools, seen)) == ["1", "2"]


async def test_what_cannot_be_iterated_is_refused_at_the_first_step(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        with pytest.raises(TypeError, match="not iterable"):
            await collect(queue.map(5))


async def test_what_is_no_message_has_an_outcome_in_its_place(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform) as queue:
        outcomes = await queue.send_all([tools.sms(1), {"to": "447700900000"}, tools.sms(2)])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), errors.InvalidMessageError, type(None)]
    assert outcomes[1].message == {"to": "447700900000"}
    assert "not dict" in str(outcomes[1].error)
    assert platform.texts == ["1", "2"]


async def test_leaving_early_cancels_what_waits(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform, connections=2, on_outcome=told.append) as queue:
        async for _ in queue.map(tools.sms(number) for number in range(1000)):
            break
        await asyncio.sleep(5)
        stats = queue.stats()
        assert sum(stats.waiting.values()) == 0
        assert stats.sending == 0
    assert len(platform.requests) <= 4
    assert stats.accepted == len(platform.accepted)
    assert stats.accepted + stats.cancelled == len(told)


async def test_closing_the_stream_by_hand_cancels_what_waits_at_once(tools: Any) -> None:
    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform, connections=2) as queue:
        async with contextlib.aclosing(queue.map(tools.sms(number) for number in range(1000))) as outcomes:
            await anext(outcomes)
        assert len(queue) == 0
    assert len(platform.accepted) <= 4


async def test_request_that_is_under_way_when_the_stream_is_left_is_heard_of(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(latency=by_text(tools))
    async with tools.queue(platform, on_outcome=told.append) as queue:
        outcomes = queue.map([tools.sms(1), tools.sms(9)])
        await anext(outcomes)
        await outcomes.aclose()
    heard = [(tools.text_of(outcome.message), outcome.sent is not None) for outcome in told]
    assert heard == [("1", True), ("9", True)]


async def test_what_is_refused_after_the_stream_was_left_is_not_sent_again(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(
        lambda message, _: tools.refused(5) if tools.text_of(message) == "9" else None, latency=by_text(tools)
    )
    async with tools.queue(platform, on_outcome=told.append) as queue:
        async with contextlib.aclosing(queue.map([tools.sms(1), tools.sms(9)])) as outcomes:
            await anext(outcomes)
        await queue.drain()
    assert platform.texts == ["1", "9"]
    assert [(outcome.sent is None, outcome.error) for outcome in told] == [(False, None), (True, None)]


async def test_cancelled_reader_of_outcomes_leaves_nothing_in_the_queue(tools: Any) -> None:
    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform, connections=1) as queue:
        reader = asyncio.create_task(collect(queue.map(tools.sms(number) for number in range(100))))
        await asyncio.sleep(2.5)
        reader.cancel()
        await asyncio.wait([reader])
        assert len(queue) == 0
    assert len(platform.accepted) == 3


async def test_messages_that_wait_for_their_source_are_let_go_when_the_stream_is_left(tools: Any) -> None:
    closed: list[bool] = []

    async def endless() -> AsyncIterator[Message]:
        try:
            yield tools.sms(1)
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async with tools.queue(tools.Platform()) as queue:
        async with contextlib.aclosing(queue.map(endless())) as outcomes:
            await anext(outcomes)
        gc.collect()
        await asyncio.sleep(0)
        assert closed == [True]


async def test_two_streams_at_once_share_the_queue(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(10))) as queue:
        first, second = await asyncio.gather(
            collect(queue.map([tools.sms(number) for number in range(30)], window=4)),
            collect(queue.map([tools.sms(number) for number in range(100, 130)], window=4)),
        )
    assert len(first) == len(second) == 30
    begun = platform.texts[:30]
    assert 10 <= sum(int(text) < 100 for text in begun) <= 20


async def test_stream_waits_for_room_in_a_small_queue(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(10)), maxsize=3) as queue:
        outcomes = await collect(queue.map(tools.sms(number) for number in range(20)))
    assert len(outcomes) == 20


async def test_stream_of_a_queue_that_is_closed_meanwhile_ends_after_its_outcomes(tools: Any) -> None:
    seen: list[Outcome] = []
    queue = tools.queue(tools.Platform(), Limits(account=Rate(1)))

    async def look() -> None:
        async for outcome in queue.map((tools.sms(number) for number in range(20)), window=4):
            seen.append(outcome)  # noqa: PERF401  what came before the error counts

    reader = asyncio.create_task(look())
    await asyncio.sleep(1.5)
    await queue.close()
    with pytest.raises(errors.QueueClosedError):
        await reader
    assert len(seen) == 6  # the window, and half of it that was read when the first two had left
    assert all(outcome.sent for outcome in seen)


async def test_stream_of_a_queue_that_is_cancelled_hears_what_was_cancelled(tools: Any) -> None:
    seen: list[Outcome] = []
    queue = tools.queue(tools.Platform(), Limits(account=Rate(1)))

    async def look() -> None:
        async for outcome in queue.map((tools.sms(number) for number in range(20)), window=4):
            seen.append(outcome)  # noqa: PERF401  what came before the error counts

    reader = asyncio.create_task(look())
    await asyncio.sleep(1.5)
    await queue.cancel()
    with pytest.raises(errors.QueueClosedError):
        await reader
    # At the second instant the third half of the window had been read.
    assert sum(outcome.sent is not None for outcome in seen) == 2
    assert all(outcome.error is None for outcome in seen)


async def test_blocked_pair_holds_up_nobody_else_in_a_stream(tools: Any) -> None:
    limits = Limits(pairs={"whatsapp": Rate(1, per=60)})
    messages = [
        tools.whatsapp(number, to="447700900000" if number % 5 == 0 else f"4477009{number:05}") for number in range(50)
    ]
    loop = asyncio.get_running_loop()
    began = loop.time()
    quick = 0
    async with tools.queue(tools.Platform(), limits) as queue:
        async for outcome in queue.map(messages):
            if loop.time() - began < 2 and outcome.message.to != "447700900000":
                quick += 1
    assert quick == 40


@pytest.mark.parametrize("options", [{}, {"expires_in": 86_400.0}, {"ordered": True}])
async def test_memory_of_a_long_stream_is_flat(tools: Any, options: dict[str, Any]) -> None:
    platform = tools.Platform(latency=0.0)
    platform.attempt = platform_that_forgets(platform)
    async with tools.queue(platform) as queue:

        async def send(count: int) -> int:
            done = 0
            async for outcome in queue.map((tools.sms(number) for number in range(count)), window=512, **options):
                done += outcome.sent is not None
            return done

        tracemalloc.start()
        await send(4_000)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        assert await send(4_000) == 4_000
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 20 * 4_000


async def test_memory_of_pairs_that_are_quiet_is_given_back(tools: Any) -> None:
    platform = tools.Platform(latency=0.0)
    platform.attempt = platform_that_forgets(platform)
    async with tools.queue(platform, Limits(account=Rate(1000), pairs={"whatsapp": Rate(1, per=0.5)})) as queue:
        messages = (tools.whatsapp(number, to=str(447700000000 + number)) for number in range(10_000))
        async for _ in queue.map(messages, window=512):
            pass
        assert len(turns_of(queue.limiter).state) < 4096


def platform_that_forgets(platform: Any) -> Any:
    async def attempt(_message: Message, *, api_version: str | None = None) -> Any:
        del api_version
        from vonage_messages.wire.rest import SentMessage  # noqa: PLC0415

        await asyncio.sleep(0)
        assert platform is not None
        return SentMessage(message_uuid="uuid")

    return attempt
