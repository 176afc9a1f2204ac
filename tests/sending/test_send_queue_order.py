"""Who leaves first: priorities, order within a pair, and nobody held up by what is not theirs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import PATIENCE, Priority
from vonage_messages.limits.rate import Rate

VIRTUAL_CLOCK = True

PAIRS = Limits(pairs={"whatsapp": Rate(1, per=6.0, burst=2)})


def now() -> float:
    return asyncio.get_running_loop().time()


def quiet(future: asyncio.Future[Any]) -> None:
    """Look at the error of a future that nobody awaits."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())


@pytest.mark.parametrize(("limits", "count"), [(Limits(account=Rate(30)), 10_000), (Limits.published(), 100_000)])
async def test_one_time_code_behind_many_newsletters_leaves_within_one_slot(
    tools: Any, limits: Limits, count: int
) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, limits) as queue:
        newsletter = tools.sms(1)
        for _ in range(count):
            quiet(queue.submit(newsletter, priority=Priority.BULK))
        await asyncio.sleep(1.01)
        began = now()
        code = queue.submit(tools.sms(2, text="code"), priority=Priority.HIGH)
        await code
        begun = next(request.at for request in platform.requests if tools.text_of(request.message) == "code")
        assert begun - began <= 1 / 30 + 0.001
        await queue.cancel()


async def test_newsletter_is_not_starved_by_a_stream_of_codes(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(10))) as queue:
        queue.submit(tools.sms(0, text="newsletter"), priority=Priority.BULK)
        for number in range(200):
            quiet(queue.submit(tools.sms(number, text="code"), priority=Priority.HIGH))
        await queue.drain()
    assert platform.texts.index("newsletter") <= PATIENCE[Priority.BULK]


async def test_slow_sender_holds_up_nobody_else(tools: Any) -> None:
    limits = Limits(account=Rate(100), senders={"Slow": Rate(1, per=60)})
    platform = tools.Platform()
    async with tools.queue(platform, limits) as queue:
        for number in range(100):
            quiet(queue.submit(tools.sms(number, from_="Slow")))
        others = [queue.submit(tools.sms(number, from_="Acme")) for number in range(100)]
        began = now()
        await asyncio.gather(*others)
        assert now() - began < 1.2
        await queue.cancel()


async def test_slow_answer_holds_up_nobody_else(tools: Any) -> None:
    platform = tools.Platform(latency=lambda message: 60.0 if tools.text_of(message) == "0" else 0.1)
    async with tools.queue(platform, connections=2) as queue:
        quiet(queue.submit(tools.sms(0)))
        others = [queue.submit(tools.sms(number)) for number in range(1, 20)]
        began = now()
        await asyncio.gather(*others)
        assert now() - began < 3


async def test_order_within_a_pair_is_kept_when_answers_take_long(tools: Any) -> None:
    platform = tools.Platform(latency=lambda message: 5.0 - int(tools.text_of(message)))
    async with tools.queue(platform) as queue:
        outcomes = await queue.send_all([tools.whatsapp(number) for number in range(4)])
    assert [tools.text_of(message) for message in platform.accepted] == ["0", "1", "2", "3"]
    assert len(outcomes) == 4


@pytest.mark.parametrize("failure", ["refused", "unreachable"])
async def test_order_within_a_pair_is_kept_when_the_first_has_to_go_again(tools: Any, failure: str) -> None:
    def script(message: Any, number: int) -> BaseException | None:
        if tools.text_of(message) != "0" or number >= 2:
            return None
        failed: BaseException = tools.refused(3) if failure == "refused" else tools.unreachable()
        return failed

    platform = tools.Platform(script)
    async with tools.queue(platform, PAIRS) as queue:
        messages = [tools.whatsapp(number) for number in range(5)]
        messages[2:2] = [tools.sms(number) for number in range(100, 110)]
        await queue.send_all(messages)
    pair = [tools.text_of(message) for message in platform.accepted if message.channel == "whatsapp"]
    assert pair == ["0", "1", "2", "3", "4"]


async def test_pair_goes_on_when_its_first_is_cancelled_or_fails(tools: Any) -> None:
    platform = tools.Platform(
        lambda message, _: errors.ValidationError(422) if tools.text_of(message) == "0" else None, latency=1.0
    )
    async with tools.queue(platform) as queue:
        futures = [queue.submit(tools.whatsapp(number)) for number in range(4)]
        quiet(futures[0])
        await asyncio.sleep(0.5)
        futures[1].cancel()
        await asyncio.gather(*futures[2:])
    assert platform.texts == ["0", "2", "3"]


async def test_urgent_message_of_a_pair_overtakes_those_that_wait(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(1))) as queue:
        for number in range(3):
            quiet(queue.submit(tools.whatsapp(number), priority=Priority.BULK))
        queue.submit(tools.whatsapp(9), priority=Priority.HIGH)
        await queue.drain()
    assert platform.texts == ["9", "0", "1", "2"]


async def test_pair_is_kept_to_its_burst_and_rate(tools: Any) -> None:
    platform = tools.Platform(latency=0.0)
    async with tools.queue(platform, PAIRS) as queue:
        await queue.send_all([tools.whatsapp(number) for number in range(5)])
        await asyncio.sleep(100)
        await queue.send_all([tools.whatsapp(number) for number in range(4)])
    first = platform.instants[5]
    assert platform.instants[:5] == pytest.approx([0, 6, 12, 18, 24], abs=0.02)
    assert [instant - first for instant in platform.instants[5:]] == pytest.approx([0, 0, 6, 12], abs=0.02)


async def test_account_is_kept_exactly_and_nothing_of_it_is_lost(tools: Any) -> None:
    rate = Rate(30)
    platform = tools.Platform(latency=0.2)
    async with tools.queue(platform, Limits(account=rate)) as queue:
        for number in range(900):
            await queue.put(tools.sms(number))
        await queue.drain()
    tools.check_window((request.at for request in platform.requests), rate)
    assert platform.instants[-1] == pytest.approx(899 / 30, abs=0.05)


@pytest.mark.parametrize("per_second", [30, 1000, 5000])
async def test_rate_is_reached_at_any_speed(tools: Any, per_second: int) -> None:
    platform = tools.Platform(latency=0.02)
    rate = Rate(per_second)
    async with tools.queue(platform, Limits(account=rate), connections=256) as queue:
        for number in range(2 * per_second):
            await queue.put(tools.sms(number))
        began = now()
        await queue.drain()
        assert now() - began == pytest.approx(2.0, rel=0.02)


async def test_message_that_has_to_wait_longer_than_it_may_fails_at_once(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(1))) as queue:
        for number in range(10):
            quiet(queue.submit(tools.sms(number)))
        late = queue.submit(tools.sms(11), max_wait=5)
        assert late.done()
        error = late.exception()
        assert isinstance(error, errors.LimitTimeoutError)
        assert error.wait == pytest.approx(10, abs=1.1)
        assert error.max_wait == 5
        assert error.key == "account"
        in_time = queue.submit(tools.sms(12), max_wait=12)
        await in_time
        await queue.cancel()


async def test_longest_wait_of_the_queue_counts_where_a_message_says_nothing(tools: Any) -> None:
    async with tools.queue(tools.Platform(), Limits(account=Rate(1)), max_wait=2) as queue:
        results = await queue.send_all([tools.sms(number) for number in range(6)])
    assert [type(result.error) for result in results].count(errors.LimitTimeoutError) in {3, 4}


async def test_wait_names_the_sender_masked(tools: Any) -> None:
    limits = Limits(senders={"14155550100": Rate(1, per=60)})
    async with tools.queue(tools.Platform(), limits) as queue:
        quiet(queue.submit(tools.whatsapp(1, to="447700900001")))
        late = queue.submit(tools.whatsapp(2, to="447700900002"), max_wait=5)
        error = late.exception()
        assert isinstance(error, errors.LimitTimeoutError)
        assert error.key == "sender 14*******00"
        assert "14155550100" not in str(error)


async def test_message_that_is_not_worth_sending_any_more_is_not_sent(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, Limits(account=Rate(1))) as queue:
        queue.pause()
        code = queue.submit(tools.sms(1, text="code"), expires_in=30)
        began = now()
        with pytest.raises(errors.DeadlineExceededError, match="within 30 s"):
            await code
        assert now() - began == pytest.approx(30, abs=0.02)
    assert platform.requests == []


async def test_refused_message_is_not_sent_behind_its_deadline(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.refused(60))
    async with tools.queue(platform) as queue:
        code = queue.submit(tools.sms(1), expires_in=30)
        with pytest.raises(errors.RateLimitedError):
            await code
    assert len(platform.requests) == 1


async def test_waiting_for_an_outage_ends_with_the_deadline(tools: Any) -> None:
    platform = tools.Platform(lambda *_: tools.unreachable(), latency=0.0)
    async with tools.queue(platform) as queue:
        for number in range(20):
            quiet(queue.submit(tools.sms(number)))
        began = now()
        with pytest.raises((errors.DeadlineExceededError, errors.ConnectError)):
            await queue.submit(tools.sms(1), expires_in=7)
        assert now() - began <= 7.05
        await queue.cancel()
