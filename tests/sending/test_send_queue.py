"""What a queue takes, holds and lets go; on a virtual clock, with a platform that answers by a script."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import BaseMessage, Message
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limiter import turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outcome import Outcome
from vonage_messages.sending.send_queue import SendQueue

VIRTUAL_CLOCK = True

ONE_A_SECOND = Limits(account=Rate(1))


def now() -> float:
    return asyncio.get_running_loop().time()


async def settled() -> None:
    """Let everything happen that can happen without time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_future_of_a_message_gives_the_receipt(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform) as queue:
        sent = await queue.submit(tools.sms(1))
    assert sent.message_uuid == "uuid-1"
    assert platform.texts == ["1"]


async def test_submit_returns_before_anything_is_sent(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform) as queue:
        assert not inspect.iscoroutinefunction(queue.submit)
        future = queue.submit(tools.sms(1))
        assert platform.requests == []
        assert future.state == "queued"
    assert future.state == "done"


async def test_future_raises_what_the_platform_says(tools: Any) -> None:
    error = errors.ValidationError(422)
    async with tools.queue(tools.Platform(lambda *_: error)) as queue:
        with pytest.raises(errors.ValidationError):
            await queue.submit(tools.sms(1))


async def test_queue_may_be_made_outside_a_loop(tools: Any) -> None:
    queue = await asyncio.to_thread(tools.queue, tools.Platform())
    async with queue:
        assert (await queue.submit(tools.sms(1))).message_uuid == "uuid-1"


def test_queue_that_nothing_was_given_to_can_be_looked_at_without_a_loop(tools: Any) -> None:
    queue = tools.queue(tools.Platform())
    queue.pause()
    queue.resume()
    assert queue.stats().accepted == 0
    assert repr(queue) == "SendQueue(waiting=0, sending=0, closed=False)"


def test_submit_without_a_loop_is_refused(tools: Any) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        tools.queue(tools.Platform()).submit(tools.sms(1))


async def test_queue_serves_one_loop_only(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        await queue.submit(tools.sms(1))

        async def elsewhere() -> None:
            queue.submit(tools.sms(2))

        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await asyncio.to_thread(asyncio.run, elsewhere())


async def test_full_queue_refuses_to_take_more(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND, maxsize=2) as queue:
        queue.submit(tools.sms(1))
        queue.submit(tools.sms(2))
        with pytest.raises(errors.QueueFullError, match="holds 2 messages"):
            queue.submit(tools.sms(3))
        await settled()
        queue.submit(tools.sms(3))
    assert queue.stats().accepted == 3


async def test_put_waits_for_a_departure(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, ONE_A_SECOND, maxsize=1) as queue:
        began = now()
        for number in range(4):
            await queue.put(tools.sms(number))
        assert now() - began == pytest.approx(2.0, abs=0.02)
    assert platform.texts == ["0", "1", "2", "3"]


async def test_put_is_woken_when_a_waiting_message_is_cancelled(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND, maxsize=1) as queue:
        queue.pause()
        waiting = queue.submit(tools.sms(1))
        put = asyncio.create_task(queue.put(tools.sms(2)))
        await settled()
        assert not put.done()
        waiting.cancel()
        await settled()
        assert put.done()


async def test_put_is_woken_when_the_time_of_a_waiting_message_runs_out(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND, maxsize=1) as queue:
        queue.pause()
        late = queue.submit(tools.sms(1), expires_in=5)
        began = now()
        await queue.put(tools.sms(2))
        assert now() - began == pytest.approx(5.0, abs=0.02)
        with pytest.raises(errors.DeadlineExceededError):
            await late


async def test_room_goes_to_the_next_when_whoever_was_woken_is_cancelled(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND, maxsize=1) as queue:
        queue.pause()
        waiting = queue.submit(tools.sms(1))
        first, second = (asyncio.create_task(queue.put(tools.sms(number))) for number in (2, 3))
        await settled()
        waiting.cancel()
        first.cancel()
        await settled()
        assert first.cancelled()
        assert second.done()
        queue.resume()


async def test_room_goes_to_the_next_when_whoever_was_woken_cannot_use_it(tools: Any) -> None:
    incomplete = BaseMessage(to="447700900000")  # it names no channel
    async with asyncio.timeout(60), tools.queue(tools.Platform(), maxsize=1) as queue:
        queue.pause()
        queue.submit(tools.sms(0))
        with_a_wrong_span = asyncio.create_task(queue.put(tools.sms(1), expires_in=-1))
        streamed = asyncio.create_task(anext(queue.map([incomplete])))
        last = asyncio.create_task(queue.put(tools.sms(2)))
        await asyncio.sleep(1)
        queue.resume()
        with pytest.raises(errors.ConfigurationError, match="expires_in"):
            await with_a_wrong_span
        with pytest.raises(NotImplementedError):
            await streamed
        await last


async def test_those_who_gave_up_waiting_for_room_are_forgotten(tools: Any) -> None:
    async with tools.queue(tools.Platform(), maxsize=1) as queue:
        queue.pause()
        queue.submit(tools.sms(1))
        for number in range(50):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(queue.put(tools.sms(number)), 0.01)
        assert not queue._engine._room
        queue.resume()


async def test_those_who_wait_for_room_hear_that_the_queue_closes(tools: Any) -> None:
    platform = tools.Platform()
    queue = tools.queue(platform, ONE_A_SECOND, maxsize=1)
    queue.submit(tools.sms(1))
    puts = [asyncio.create_task(queue.put(tools.sms(number))) for number in (2, 3, 4)]
    await asyncio.sleep(0.5)
    await queue.close()
    results = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), errors.QueueClosedError, errors.QueueClosedError]
    assert platform.texts == ["1", "2"]


async def test_closed_queue_takes_nothing(tools: Any) -> None:
    queue = tools.queue(tools.Platform())
    await queue.close()
    with pytest.raises(errors.QueueClosedError):
        queue.submit(tools.sms(1))
    with pytest.raises(errors.QueueClosedError):
        await queue.put(tools.sms(1))
    with pytest.raises(errors.QueueClosedError):
        queue.map([])


@pytest.mark.parametrize("wrong", ["high", 3, -1, None, True, 1.0])
async def test_what_is_no_priority_is_refused_and_leaves_nothing_behind(tools: Any, wrong: object) -> None:
    async with tools.queue(tools.Platform()) as queue:
        with pytest.raises(errors.ConfigurationError, match="must be a Priority"):
            queue.submit(tools.sms(1), priority=wrong)
        with pytest.raises(errors.ConfigurationError, match="must be a Priority"):
            await queue.put(tools.sms(1), priority=wrong)
        with pytest.raises(errors.ConfigurationError, match="must be a Priority"):
            queue.map([], priority=wrong)
        assert len(queue) == 0


async def test_bare_number_of_a_priority_will_do(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        await queue.submit(tools.sms(1), priority=0)


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), "5", True])
@pytest.mark.parametrize("option", ["expires_in", "max_wait"])
async def test_what_is_no_span_is_refused_and_leaves_nothing_behind(tools: Any, option: str, wrong: object) -> None:
    async with tools.queue(tools.Platform()) as queue:
        with pytest.raises(errors.ConfigurationError, match=option):
            queue.submit(tools.sms(1), **{option: wrong})
        with pytest.raises(errors.ConfigurationError, match=option):
            queue.map([], **{option: wrong})
        assert len(queue) == 0


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("maxsize", 0),
        ("connections", 0),
        ("connections", 1.5),
        ("max_wait", 0),
        ("max_outage", float("nan")),
        ("before_send", "hook"),
        ("on_return", 1),
        ("on_outcome", []),
    ],
)
def test_option_that_cannot_work_is_named(tools: Any, option: str, wrong: object) -> None:
    with pytest.raises(errors.ConfigurationError, match=option):
        tools.queue(tools.Platform(), **{option: wrong})


async def test_what_is_no_message_is_refused(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        with pytest.raises(TypeError, match="a message such as"):
            queue.submit({"to": "447700900000"})
        with pytest.raises(TypeError, match="a message such as"):
            await queue.put("hello")
        assert len(queue) == 0


async def test_stats_tell_what_waits_and_what_became_of_the_rest(tools: Any) -> None:
    answers = {"1": errors.ValidationError(422), "2": errors.ServerError(500)}
    platform = tools.Platform(lambda message, _: answers.get(tools.text_of(message)), latency=10.0)
    async with tools.queue(platform, connections=3) as queue:
        futures = [queue.submit(tools.sms(number)) for number in range(3)]
        queue.submit(tools.sms(3), priority=Priority.HIGH)
        futures.append(queue.submit(tools.sms(4), priority=Priority.BULK))
        await asyncio.sleep(1)
        stats = queue.stats()
        assert stats.sending == 3
        assert stats.waiting == {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.BULK: 1}
        futures[-1].cancel()
        await queue.drain()
        await asyncio.gather(*futures, return_exceptions=True)
    stats = queue.stats()
    assert (stats.accepted, stats.failed, stats.cancelled, stats.in_doubt) == (2, 2, 1, 1)
    assert (stats.attempts, stats.refused, stats.sending) == (4, 0, 0)
    assert sum(stats.waiting.values()) == 0


async def test_rate_of_requests_is_counted(tools: Any) -> None:
    async with tools.queue(tools.Platform(), Limits(account=Rate(50))) as queue:
        for number in range(150):
            await queue.put(tools.sms(number))
        await asyncio.sleep(2.5)
        assert queue.stats().per_second == pytest.approx(50, abs=2)
        await queue.drain()
        await asyncio.sleep(5)
        assert queue.stats().per_second == 0


async def test_paused_queue_lets_nothing_leave_until_it_goes_on(tools: Any) -> None:
    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform) as queue:
        first = queue.submit(tools.sms(1))
        await settled()
        queue.pause()
        second = queue.submit(tools.sms(2))
        await asyncio.sleep(60)
        assert first.done()
        assert not second.done()
        assert queue.stats().paused
        queue.resume()
        await second
    assert platform.instants == [0.0, 60.0]


async def test_drain_waits_for_what_waits_and_for_what_is_under_way(tools: Any) -> None:
    platform = tools.Platform(latency=5.0)
    async with tools.queue(platform, ONE_A_SECOND) as queue:
        for number in range(3):
            queue.submit(tools.sms(number))
        began = now()
        await queue.drain()
        assert now() - began == pytest.approx(7.0, abs=0.05)
        assert len(platform.accepted) == 3
        await queue.submit(tools.sms(4))


async def test_drain_waits_for_an_outcome_that_is_still_being_told(tools: Any) -> None:
    told: list[str] = []

    async def slow(outcome: Outcome) -> None:
        await asyncio.sleep(10)
        told.append(tools.text_of(outcome.message))

    async with tools.queue(tools.Platform(), on_outcome=slow) as queue:
        queue.submit(tools.sms(1))
        await queue.drain()
        assert told == ["1"]


async def test_close_ends_while_one_outcome_is_told_and_another_message_ends_last(tools: Any) -> None:
    told: list[str] = []

    async def slow(outcome: Outcome) -> None:
        await asyncio.sleep(10 if tools.text_of(outcome.message) == "1" else 0)
        told.append(tools.text_of(outcome.message))

    platform = tools.Platform(latency=lambda message: float(tools.text_of(message)))
    async with asyncio.timeout(100), tools.queue(platform, on_outcome=slow) as queue:
        queue.submit(tools.sms(1))
        queue.submit(tools.sms(2))
    assert told == ["2", "1"]


async def test_cancelled_drain_and_close_leave_the_queue_at_work(tools: Any) -> None:
    platform = tools.Platform(latency=5.0)
    queue = tools.queue(platform)
    queue.submit(tools.sms(1))
    for wait in (queue.drain, queue.close):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 1)
    assert platform.accepted == []
    await queue.close()
    assert len(platform.accepted) == 1


async def test_close_resumes_a_paused_queue(tools: Any) -> None:
    platform = tools.Platform()
    queue = tools.queue(platform)
    queue.pause()
    queue.submit(tools.sms(1))
    await queue.close()
    assert len(platform.accepted) == 1


async def test_close_twice_and_at_once_is_fine(tools: Any) -> None:
    queue = tools.queue(tools.Platform(latency=1.0))
    queue.submit(tools.sms(1))
    await asyncio.gather(queue.close(), queue.close())
    await queue.close()
    assert queue.stats().accepted == 1


async def test_cancel_gives_up_what_waits_and_waits_for_what_is_under_way(tools: Any) -> None:
    platform = tools.Platform(latency=5.0)
    told: list[Outcome] = []
    queue = tools.queue(platform, connections=2, on_outcome=told.append)
    futures = [queue.submit(tools.sms(number)) for number in range(5)]
    await asyncio.sleep(1)
    assert await queue.cancel() == 3
    assert [type(future.exception()) for future in futures] == [type(None)] * 2 + [errors.QueueClosedError] * 3
    assert not any(future.maybe_sent for future in futures[2:])
    assert len(told) == 5
    assert queue.stats().cancelled == 3
    assert len(platform.accepted) == 2


async def test_cancelled_queue_does_not_send_again_what_comes_back_refused(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.refused(60), latency=5.0)
    told: list[Outcome] = []
    queue = tools.queue(platform, on_outcome=told.append)
    future = queue.submit(tools.sms(1))
    await asyncio.sleep(1)
    assert await queue.cancel() == 0
    assert isinstance(future.exception(), errors.QueueClosedError)
    assert not future.maybe_sent
    assert [(outcome.sent, outcome.error, outcome.attempts) for outcome in told] == [(None, None, 1)]
    assert len(platform.requests) == 1


async def test_error_inside_the_block_cancels_what_waits(tools: Any) -> None:
    platform = tools.Platform(latency=1.0)
    futures: list[Any] = []

    async def fail() -> None:
        async with tools.queue(platform, connections=1) as queue:
            futures.extend(queue.submit(tools.sms(number)) for number in range(3))
            await asyncio.sleep(0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert [type(future.exception()) for future in futures] == [type(None)] + [errors.QueueClosedError] * 2
    assert len(platform.accepted) == 1


async def test_whoever_awaits_a_message_is_not_cancelled_with_the_queue(tools: Any) -> None:
    async def send(queue: Any, message: Message) -> str:
        try:
            return str((await queue.submit(message)).message_uuid)
        except errors.QueueClosedError as error:
            return str(error)

    queue = tools.queue(tools.Platform(), Limits(account=Rate(1)))
    async with asyncio.TaskGroup() as group:
        sending = [group.create_task(send(queue, tools.sms(number))) for number in range(3)]
        await asyncio.sleep(0.5)
        own = queue.submit(tools.sms(9))
        own.cancel()
        assert await queue.cancel() == 2
    assert [task.result() for task in sending] == ["uuid-1"] + [
        "the queue ended before the message could be sent: it was not sent."
    ] * 2
    assert own.cancelled()


async def test_futures_of_a_cancelled_queue_that_nobody_reads_are_not_logged(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    queue = tools.queue(tools.Platform(), Limits(account=Rate(1)))
    for number in range(5):
        queue.submit(tools.sms(number))
    await queue.cancel()
    gc.collect()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("retry", 5, "retry must be a RetryPolicy, such as RetryPolicy.attempts=5., not int"),
        ("retry", RetryPolicy, "retry must be a RetryPolicy"),
        ("max_outage", None, "max_outage must be a finite number of seconds above 0, not None"),
        ("max_wait", 10**400, "max_wait must be a finite number"),
        ("api_version", ["v1"], "api_version must be"),
    ],
)
async def test_option_that_cannot_work_is_refused_in_a_sentence(
    tools: Any, option: str, value: object, sentence: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=sentence):
        tools.queue(tools.Platform(), **{option: value})


@pytest.mark.parametrize("client", [None, "client", Client, object()])
def test_what_makes_no_requests_is_no_client(client: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="client must be a Client"):
        SendQueue(client)


async def test_what_is_no_status_teaches_nothing(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        with pytest.raises(TypeError, match="a MessageStatus, as parse_status gives, is needed, not dict"):
            queue.observe({"status": "rejected"})


async def test_no_more_requests_are_under_way_than_there_are_connections(tools: Any) -> None:
    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform, connections=7) as queue:
        for number in range(50):
            await queue.put(tools.sms(number))
    assert platform.most_under_way == 7
    assert len(platform.accepted) == 50


async def test_outcomes_that_are_told_aside_take_no_connection(tools: Any) -> None:
    async def slow(_outcome: Outcome) -> None:
        await asyncio.sleep(100)

    platform = tools.Platform(latency=1.0)
    async with tools.queue(platform, connections=2, on_outcome=slow) as queue:
        queue.pause()
        for number in range(5):
            queue.submit(tools.sms(number)).cancel()
        queue.resume()
        sent = [queue.submit(tools.sms(number)) for number in (6, 7)]
        began = now()
        await asyncio.gather(*sent)
        assert now() - began < 2


@pytest.mark.parametrize("hold_up", ["pause", "connections", "circuit"])
async def test_queue_that_cannot_send_does_not_spin(tools: Any, hold_up: str) -> None:
    failing = tools.Platform(lambda *_: tools.unreachable(), latency=0.0)
    platform = failing if hold_up == "circuit" else tools.Platform(latency=30.0)
    queue = tools.queue(platform, connections=64 if hold_up == "circuit" else 1)
    if hold_up == "pause":
        queue.pause()
    for number in range(200):
        queue.submit(tools.sms(number)).add_done_callback(lambda future: future.cancelled() or future.exception())
    await asyncio.sleep(0.9 if hold_up == "circuit" else 1.0)
    turns = 0
    give_turns = turns_of(queue.limiter).give_turns

    def counted() -> None:
        nonlocal turns
        turns += 1
        give_turns()

    turns_of(queue.limiter).give_turns = counted
    await asyncio.sleep(10)
    assert turns < 50
    await queue.cancel()


async def test_each_of_those_with_a_deadline_has_one_outcome(tools: Any) -> None:
    told: list[Outcome] = []
    async with tools.queue(tools.Platform(), ONE_A_SECOND, on_outcome=told.append) as queue:
        futures = [queue.submit(tools.sms(number), expires_in=2.5 + number / 1000) for number in range(3)]
        await asyncio.gather(*futures, return_exceptions=True)
    assert len(told) == 3


async def test_twenty_thousand_messages_pass(tools: Any) -> None:
    platform = tools.Platform(latency=0.0)
    async with tools.queue(platform) as queue:
        message = tools.sms(1)
        for _ in range(20_000):
            await queue.put(message)
    assert queue.stats().accepted == 20_000
