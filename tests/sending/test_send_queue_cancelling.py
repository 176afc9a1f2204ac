"""What a caller can do with the future of a message: leave it at any moment, and wait for it in every way."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.limiter import turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outcome import Outcome

VIRTUAL_CLOCK = True

ONE_A_SECOND = Limits(account=Rate(1))


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_message_that_is_cancelled_just_as_a_request_runs_out_of_time_does_not_end_the_queue(tools: Any) -> None:
    loop = asyncio.get_running_loop()

    class Impatient(tools.Platform):  # type: ignore[misc, name-defined]  a class of the conftest
        async def attempt(self, message: Any, *, api_version: str | None = None) -> Any:
            if tools.text_of(message) != "0":
                return await super().attempt(message, api_version=api_version)
            try:
                async with asyncio.timeout_at(began + 1):
                    await asyncio.sleep(60)
            except TimeoutError:
                raise tools.lost() from None

    began = loop.time()
    told: list[Outcome] = []
    async with tools.queue(Impatient(), connections=1, on_outcome=told.append) as queue:
        first, second = (queue.submit(tools.sms(number)) for number in range(2))
        loop.call_at(began + 1 + 1e-10, second.cancel)  # in the same turn as the deadline, and behind it
        with pytest.raises(errors.ResponseLostError):
            await first
        assert second.cancelled()
        await queue.submit(tools.sms(2))
    assert sorted(tools.text_of(outcome.message) for outcome in told) == ["0", "1", "2"]


@pytest.mark.parametrize("limits", [ONE_A_SECOND, Limits(account=Rate(1), pairs={"sms": Rate(1)})])
async def test_message_whose_future_is_cancelled_while_it_waits_is_not_sent(tools: Any, limits: Limits) -> None:
    told: list[Outcome] = []
    platform = tools.Platform()
    async with tools.queue(platform, limits, on_outcome=told.append) as queue:
        futures = [queue.submit(tools.sms(number)) for number in range(4)]
        await asyncio.sleep(0.5)
        assert futures[2].cancel()
        assert not futures[2].cancel()
        assert len(queue) == 2
        assert futures[2].state == "done"
        assert not futures[2].maybe_sent
    assert platform.texts == ["0", "1", "3"]
    assert [tools.text_of(outcome.message) for outcome in told if outcome.sent is None] == ["2"]
    assert queue.stats().cancelled == 1


@pytest.mark.parametrize("limits", [ONE_A_SECOND, Limits(account=Rate(1), pairs={"sms": Rate(1)})])
async def test_listener_that_cancels_what_was_just_cancelled_changes_nothing(tools: Any, limits: Limits) -> None:
    """As one does that cancels all messages of a group when one of them has ended."""
    told: list[str] = []
    platform = tools.Platform()

    def leave_all(outcome: Outcome) -> None:
        told.append(tools.text_of(outcome.message))
        if outcome.sent is None:
            for future in group:
                future.cancel()

    async with tools.queue(platform, limits, on_outcome=leave_all) as queue:
        group = [queue.submit(tools.sms(number)) for number in range(4)]
        other = queue.submit(tools.sms(9))
        await asyncio.sleep(0.5)
        assert group[2].cancel()
        assert len(queue) == 1
    assert other.done()
    assert platform.texts == ["0", "9"]
    assert sorted(told) == ["0", "1", "2", "3", "9"]
    assert queue.stats().cancelled == 3


async def test_wait_for_ends_at_once_while_the_request_runs_on(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(latency=5.0)
    async with tools.queue(platform, on_outcome=told.append) as queue:
        future = queue.submit(tools.sms(1))
        began = now()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.1)
        assert now() - began == pytest.approx(0.1, abs=0.001)
        assert future.cancelled()
        assert future.maybe_sent
        assert told == []
        await queue.drain()
        assert told[0].sent is not None
        assert future.maybe_sent
    assert queue.stats().accepted == 1
    assert queue.stats().cancelled == 0


async def test_refusal_after_the_caller_has_left_takes_the_doubt_away(tools: Any) -> None:
    platform = tools.Platform(lambda *_: errors.ValidationError(422), latency=5.0)
    async with tools.queue(platform) as queue:
        future = queue.submit(tools.sms(1))
        await asyncio.sleep(1)
        future.cancel()
        assert future.maybe_sent
        await queue.drain()
        assert not future.maybe_sent


async def test_lost_answer_leaves_the_doubt(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.lost(), latency=5.0)
    async with tools.queue(platform) as queue:
        future = queue.submit(tools.sms(1))
        with pytest.raises(errors.ResponseLostError):
            await future
        assert future.maybe_sent
        assert queue.stats().in_doubt == 1
    assert len(platform.requests) == 1


async def test_message_refused_with_429_after_the_caller_has_left_is_not_sent_again(tools: Any) -> None:
    told: list[Outcome] = []
    platform = tools.Platform(lambda *_: tools.refused(5), latency=5.0)
    async with tools.queue(platform, on_outcome=told.append) as queue:
        future = queue.submit(tools.sms(1))
        await asyncio.sleep(1)
        future.cancel()
        await queue.drain()
    assert len(platform.requests) == 1
    assert [(outcome.sent, outcome.error, outcome.attempts) for outcome in told] == [(None, None, 1)]
    assert not future.maybe_sent


async def test_message_that_waits_to_go_again_can_be_cancelled(tools: Any) -> None:
    platform = tools.Platform(tools.first(1, lambda: tools.refused(60)))
    async with tools.queue(platform) as queue:
        future = queue.submit(tools.whatsapp(1))
        after = queue.submit(tools.whatsapp(2))
        await asyncio.sleep(1)
        assert future.state == "queued"
        assert not future.maybe_sent
        future.cancel()
        await after
    assert platform.texts == ["1", "2", "2"]


async def test_state_tells_where_a_message_is(tools: Any) -> None:
    async with tools.queue(tools.Platform(latency=1.0), connections=1) as queue:
        first, second = queue.submit(tools.sms(1)), queue.submit(tools.sms(2))
        await asyncio.sleep(0.5)
        assert (first.state, second.state) == ("sending", "queued")
        assert (first.maybe_sent, second.maybe_sent) == (True, False)
        await second
        assert (first.state, second.state) == ("done", "done")


async def test_futures_can_be_gathered(tools: Any) -> None:
    async with tools.queue(tools.Platform()) as queue:
        sent = await asyncio.gather(*(queue.submit(tools.sms(number)) for number in range(5)))
    assert len({each.message_uuid for each in sent}) == 5


async def test_cancelled_gather_cancels_what_waits(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, ONE_A_SECOND) as queue:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(queue.submit(tools.sms(number)) for number in range(5))), 1.5)
        assert len(queue) == 0
    assert len(platform.requests) == 2


async def test_futures_come_as_they_are_completed(tools: Any) -> None:
    platform = tools.Platform(latency=lambda message: float(tools.text_of(message)))
    async with tools.queue(platform) as queue:
        futures = [queue.submit(tools.sms(number)) for number in (3, 1, 2)]
        sent = [(await each).message_uuid for each in asyncio.as_completed(futures)]
    assert sent == ["uuid-1", "uuid-2", "uuid-3"]


async def test_shielded_future_survives_its_waiter(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND) as queue:
        queue.submit(tools.sms(0))
        future = queue.submit(tools.sms(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), 0.1)
        assert not future.done()
        assert (await future).message_uuid == "uuid-2"


async def test_futures_can_be_waited_for_with_a_time_out(tools: Any) -> None:
    async with tools.queue(tools.Platform(), ONE_A_SECOND) as queue:
        futures = [queue.submit(tools.sms(number)) for number in range(3)]
        done, pending = await asyncio.wait(futures, timeout=1.5)
        assert (len(done), len(pending)) == (2, 1)


async def test_task_group_cancels_its_messages(tools: Any) -> None:
    platform = tools.Platform()

    async def send(queue: Any, number: int) -> None:
        await queue.submit(tools.sms(number))

    async def fail() -> None:
        await asyncio.sleep(1.5)
        raise ZeroDivisionError

    async def send_all(queue: Any) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(send(queue, number))
            group.create_task(fail())

    async with tools.queue(platform, ONE_A_SECOND) as queue:
        with pytest.raises(ExceptionGroup):
            await send_all(queue)
        assert len(queue) == 0
    assert len(platform.requests) == 2


async def test_unread_failure_is_logged_once_masked_and_without_text(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform = tools.Platform(lambda *_: errors.ValidationError(422, title="Bad"))
    with caplog.at_level(logging.WARNING):
        async with tools.queue(platform) as queue:
            queue.submit(tools.sms(1, text="secret words"))
            await queue.drain()
        gc.collect()
    assert [record.getMessage() for record in caplog.records] == [
        "sms to 44********01 was not sent, and nobody has looked: HTTP 422: Bad"
    ]


async def test_unread_failure_of_a_foreign_kind_is_logged_without_its_words(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def hook(_message: object) -> None:
        raise KeyError("secret words")

    with caplog.at_level(logging.WARNING):
        async with tools.queue(tools.Platform(), before_send=hook) as queue:
            queue.submit(tools.sms(1))
            await queue.drain()
        gc.collect()
    assert [record.getMessage() for record in caplog.records] == [
        "sms to 44********01 was not sent, and nobody has looked: KeyError"
    ]


async def test_failure_that_was_read_is_not_logged(tools: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with tools.queue(tools.Platform(lambda *_: errors.ValidationError(422))) as queue:
        with pytest.raises(errors.ValidationError):
            await queue.submit(tools.sms(1))
        queue.submit(tools.sms(2)).add_done_callback(lambda future: future.exception())
        await queue.drain()
    gc.collect()
    assert caplog.records == []


async def test_failure_of_what_was_put_is_logged_unless_somebody_listens(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for listener in (None, lambda _outcome: None):
        async with tools.queue(tools.Platform(lambda *_: errors.ValidationError(422)), on_outcome=listener) as queue:
            await queue.put(tools.sms(1, text="secret words"))
    assert [record.getMessage() for record in caplog.records] == ["sms was not sent: HTTP 422"]


async def test_future_that_is_done_lets_go_of_its_message_s_place(tools: Any) -> None:
    async with tools.queue(tools.Platform(), Limits(pairs={"sms": Rate(10)})) as queue:
        future = queue.submit(tools.sms(1))
        await future
        assert future._place is None


async def test_thousand_cancellations_leave_a_queue_as_it_was(tools: Any) -> None:
    platform = tools.Platform()
    limits = Limits(account=Rate(1), each_sender={"whatsapp": Rate(1)}, pairs={"whatsapp": Rate(1, per=6)})
    async with tools.queue(platform, limits) as queue:
        for _ in range(3):
            futures = [
                queue.submit(tools.whatsapp(number, to=str(447700900000 + number % 7))) for number in range(2000)
            ]
            await asyncio.sleep(3)
            for future in futures:
                future.cancel()
            await queue.drain()
        assert len(queue) == 0
        assert sum(queue.stats().waiting.values()) == 0
        assert sum(sum(gate.queued or ()) for gate in turns_of(queue.limiter).state._gates.values()) == 0
        await queue.submit(tools.whatsapp(1), max_wait=20)
