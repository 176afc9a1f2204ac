"""The functions that a queue calls: ``before_send``, ``on_return`` and ``on_outcome``."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outcome import Outcome

VIRTUAL_CLOCK = True

ONE_A_SECOND = Limits(account=Rate(1))


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_before_send_runs_behind_the_limits_and_before_the_request(tools: Any) -> None:
    platform = tools.Platform()
    called: list[tuple[float, int]] = []

    async def hook(_message: Message) -> None:
        called.append((now(), len(platform.requests)))

    async with tools.queue(platform, ONE_A_SECOND, before_send=hook) as queue:
        began = now()
        await queue.send_all([tools.sms(number) for number in range(3)])
    assert [round(at - began, 2) for at, _ in called] == [0, 1, 2]
    assert [requests for _, requests in called] == [0, 1, 2]


async def test_before_send_waits_for_a_connection(tools: Any) -> None:
    called: list[float] = []

    async def hook(_message: Message) -> None:
        called.append(now())

    async with tools.queue(tools.Platform(latency=10.0), connections=1, before_send=hook) as queue:
        began = now()
        await queue.send_all([tools.sms(number) for number in range(3)])
    assert [round(at - began) for at in called] == [0, 10, 20]


async def test_before_send_is_called_for_every_request(tools: Any) -> None:
    called: list[str] = []

    async def hook(message: Message) -> None:
        called.append(tools.text_of(message))

    platform = tools.Platform(tools.first(2, lambda: tools.refused(1)))
    async with tools.queue(platform, before_send=hook) as queue:
        await queue.submit(tools.sms(1))
    assert called == ["1", "1", "1"]


async def test_message_whose_hook_fails_is_not_sent_and_the_next_leaves_in_its_slot(tools: Any) -> None:
    async def hook(message: Message) -> None:
        if tools.text_of(message) == "1":
            raise KeyError("row")

    platform = tools.Platform()
    async with tools.queue(platform, ONE_A_SECOND, before_send=hook) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in range(4)])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), KeyError, type(None), type(None)]
    assert outcomes[1].attempts == 0
    assert not outcomes[1].maybe_sent
    assert platform.texts == ["0", "2", "3"]
    assert platform.instants == pytest.approx([0, 1, 2], abs=0.02)
    assert queue.stats().attempts == 3


async def test_slot_of_a_failed_hook_goes_to_another_queue_under_the_same_limits(tools: Any) -> None:
    async def hook(_message: Message) -> None:
        raise KeyError("row")

    first, second = tools.Platform(), tools.Platform()
    failing = tools.queue(first, ONE_A_SECOND, before_send=hook)
    async with failing, tools.queue(second, failing.limiter) as queue:
        await queue.submit(tools.sms(0))
        failing.submit(tools.sms(1)).add_done_callback(lambda future: future.exception())
        await asyncio.sleep(0.1)
        futures = [queue.submit(tools.sms(number)) for number in (2, 3)]
        await asyncio.gather(*futures)
    assert first.requests == []
    assert second.instants == pytest.approx([0, 1, 2], abs=0.02)


async def test_pair_goes_on_behind_a_failed_hook(tools: Any) -> None:
    async def hook(message: Message) -> None:
        if tools.text_of(message) == "0":
            raise KeyError("row")

    async with tools.queue(tools.Platform(), before_send=hook) as queue:
        outcomes = await queue.send_all([tools.whatsapp(number) for number in range(3)])
    assert [outcome.sent is not None for outcome in outcomes] == [False, True, True]


async def test_slow_hook_holds_one_connection_and_nobody_else(tools: Any) -> None:
    async def hook(message: Message) -> None:
        if tools.text_of(message) == "0":
            await asyncio.sleep(60)

    async with tools.queue(tools.Platform(), connections=2, before_send=hook) as queue:
        slow = queue.submit(tools.sms(0))
        began = now()
        await queue.send_all([tools.sms(number) for number in range(1, 10)])
        assert now() - began < 1
        assert slow.state == "sending"
        await slow


async def test_future_cancelled_during_the_hook_does_not_stop_the_request(tools: Any) -> None:
    told: list[Outcome] = []

    async def hook(_message: Message) -> None:
        await asyncio.sleep(5)

    platform = tools.Platform()
    async with tools.queue(platform, before_send=hook, on_outcome=told.append) as queue:
        future = queue.submit(tools.sms(1))
        await asyncio.sleep(1)
        future.cancel()
        assert future.maybe_sent
        await queue.drain()
    assert len(platform.requests) == 1
    assert told[0].sent is not None


async def test_hook_whose_own_work_was_cancelled_does_not_end_a_connection(tools: Any) -> None:
    async def hook(message: Message) -> None:
        if tools.text_of(message) == "0":
            raise asyncio.CancelledError

    platform = tools.Platform()
    async with tools.queue(platform, connections=1, before_send=hook) as queue:
        future = queue.submit(tools.sms(0))
        await queue.submit(tools.sms(1))
        with pytest.raises(errors.QueueError, match="cancelled from within"):
            await future
        assert not future.maybe_sent
        assert queue.stats().failed == 1
    assert platform.texts == ["1"]


async def test_hook_that_is_not_async_will_do(tools: Any) -> None:
    called: list[Message] = []
    platform = tools.Platform()
    async with tools.queue(platform, before_send=called.append) as queue:
        await queue.submit(tools.sms(1))
    assert len(called) == 1


async def test_request_that_is_cancelled_from_within_leaves_the_message_in_doubt(tools: Any) -> None:
    platform = tools.Platform(lambda *_: asyncio.CancelledError())
    async with tools.queue(platform, connections=1) as queue:
        with pytest.raises(errors.ResponseLostError):
            await queue.submit(tools.sms(1))
        assert queue.stats().in_doubt == 1
    assert len(platform.requests) == 1


async def test_fault_outside_the_platform_ends_the_message_and_not_the_connection(tools: Any) -> None:
    platform = tools.Platform(lambda _message, _number: KeyError("auth") if len(platform.requests) == 1 else None)
    async with tools.queue(platform, connections=1) as queue:
        with pytest.raises(KeyError):
            await queue.submit(tools.sms(1))
        await queue.submit(tools.sms(2))


async def test_message_for_which_no_request_was_made_costs_no_place(tools: Any) -> None:
    wrong = errors.InvalidMessageError([("to", "cannot be sent by v0.1")])
    platform = tools.Platform(lambda message, _: wrong if tools.text_of(message) != "9" else None, latency=0.0)
    async with tools.queue(platform, ONE_A_SECOND) as queue:
        began = now()
        outcomes = await queue.send_all([tools.sms(number) for number in (1, 2, 3, 9)])
        assert now() - began < 0.1
    assert [outcome.attempts for outcome in outcomes] == [0, 0, 0, 1]
    assert queue.stats().attempts == 1


async def test_every_outcome_is_told_once(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(lambda message, _: tools.lost() if tools.text_of(message) == "2" else None)
    async with tools.queue(platform, ONE_A_SECOND, on_outcome=told.append) as queue:
        futures = [queue.submit(tools.sms(number)) for number in range(4)]
        futures.append(queue.submit(tools.sms(5), max_wait=1))
        await queue.put(tools.sms(6))
        await asyncio.sleep(1.5)
        futures[3].cancel()
        await asyncio.gather(*futures, return_exceptions=True)
    assert sorted(tools.text_of(outcome.message) for outcome in told) == ["0", "1", "2", "3", "5", "6"]


async def test_connection_waits_for_an_async_listener(tools: Any) -> None:
    async def slow(_outcome: Outcome) -> None:
        await asyncio.sleep(10)

    platform = tools.Platform(latency=0.0)
    async with tools.queue(platform, connections=1, on_outcome=slow) as queue:
        for number in range(3):
            await queue.put(tools.sms(number))
    assert platform.instants == [0, 10, 20]


async def test_future_is_told_before_a_slow_listener(tools: Any) -> None:
    async def slow(_outcome: Outcome) -> None:
        await asyncio.sleep(10)

    async with tools.queue(tools.Platform(latency=0.0), on_outcome=slow) as queue:
        began = now()
        await queue.submit(tools.sms(1))
        assert now() == began


@pytest.mark.parametrize("is_async", [True, False])
async def test_listener_that_raises_is_logged_once_and_stops_nothing(
    tools: Any, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    def fails(_outcome: Outcome) -> None:
        raise KeyError("secret words")

    async def fails_later(_outcome: Outcome) -> None:
        raise KeyError("secret words")

    with caplog.at_level(logging.WARNING):
        async with tools.queue(tools.Platform(), on_outcome=fails_later if is_async else fails) as queue:
            await queue.send_all([tools.sms(number) for number in range(5)])
            queue.pause()
            queue.submit(tools.sms(6)).cancel()
            await queue.drain()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["on_outcome raised KeyError; further failures are not logged"]


async def test_listener_whose_own_work_was_cancelled_does_not_end_a_connection(tools: Any) -> None:
    async def cancelled(_outcome: Outcome) -> None:
        raise asyncio.CancelledError

    async with asyncio.timeout(100), tools.queue(tools.Platform(), connections=1, on_outcome=cancelled) as queue:
        await queue.send_all([tools.sms(number) for number in range(3)])


async def test_listener_may_use_the_queue(tools: Any) -> None:
    platform = tools.Platform()

    def again(outcome: Outcome) -> None:
        number = int(tools.text_of(outcome.message))
        if number:
            queue.submit(tools.sms(number - 1))

    queue = tools.queue(platform, on_outcome=again)
    queue.submit(tools.sms(5))
    await queue.drain()
    await queue.close()
    assert platform.texts == ["5", "4", "3", "2", "1", "0"]


@pytest.mark.parametrize("hook", ["before_send", "on_return", "on_outcome"])
@pytest.mark.parametrize("what", ["drain", "close", "cancel", "map", "send_all", "put"])
async def test_function_that_waits_for_its_own_queue_is_refused(tools: Any, hook: str, what: str) -> None:
    refused: list[Exception] = []

    async def wait_for_the_queue(*_: object) -> None:
        calls = {
            "map": lambda: anext(queue.map([tools.sms(8)])),
            "send_all": lambda: queue.send_all([tools.sms(8)]),
            "put": lambda: queue.put(tools.sms(8)),
        }
        await asyncio.sleep(0.1)
        try:
            await calls.get(what, getattr(queue, what))()
        except (RuntimeError, errors.QueueFullError) as error:
            refused.append(error)
            raise

    platform = tools.Platform(tools.first(1, lambda: tools.refused(1)) if hook == "on_return" else lambda *_: None)
    queue = tools.queue(platform, maxsize=1, connections=1, **{hook: wait_for_the_queue})
    async with asyncio.timeout(1000):
        first = queue.submit(tools.sms(0))
        await queue.put(tools.sms(1))  # it waits when the function is called
        await asyncio.wait([first])
        await asyncio.sleep(1)
        await queue.close()
    assert {type(error) for error in refused} == {errors.QueueFullError if what == "put" else RuntimeError}
    assert all("a task of your own" in str(error) for error in refused)


async def test_listener_that_is_told_aside_is_refused_as_well(tools: Any) -> None:
    async def drain(_outcome: Outcome) -> None:
        try:
            await queue.drain()
        except RuntimeError as error:
            refused.append(error)

    refused: list[RuntimeError] = []
    queue = tools.queue(tools.Platform(), on_outcome=drain)
    queue.pause()
    queue.submit(tools.sms(1)).cancel()
    async with asyncio.timeout(1000):
        await queue.close()
    assert len(refused) == 1


async def test_function_may_put_where_there_is_room_and_close_in_a_task_of_its_own(tools: Any) -> None:
    platform = tools.Platform()
    closing: list[asyncio.Task[None]] = []

    async def again(outcome: Outcome) -> None:
        if tools.text_of(outcome.message) == "1":
            await queue.put(tools.sms(2))
            closing.append(asyncio.create_task(queue.close()))

    queue = tools.queue(platform, maxsize=1, connections=1, on_outcome=again)
    await queue.submit(tools.sms(1))
    await asyncio.sleep(1)
    await closing[0]
    assert platform.texts == ["1", "2"]


async def test_message_that_goes_back_to_wait_is_told_of_first(tools: Any) -> None:
    returned: list[tuple[str, type[Exception], float]] = []

    async def back(message: Message, error: errors.VonageMessagesError) -> None:
        await asyncio.sleep(3)
        returned.append((tools.text_of(message), type(error), now()))

    platform = tools.Platform(tools.first(1, lambda: tools.refused(1)), latency=0.0)
    async with tools.queue(platform, on_return=back) as queue:
        await queue.submit(tools.sms(1))
    assert [each[:2] for each in returned] == [("1", errors.RateLimitedError)]
    assert platform.requests[1].at >= returned[0][2]


async def test_message_that_will_not_go_again_is_no_return(tools: Any) -> None:
    returned: list[Message] = []
    async with tools.queue(
        tools.Platform(lambda *_: errors.ValidationError(422)), on_return=lambda message, _: returned.append(message)
    ) as queue:
        with pytest.raises(errors.ValidationError):
            await queue.submit(tools.sms(1))
    assert returned == []
