"""What leaves behind a slow ``before_send``: under every limit at the instant of its first byte, and never too late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.limiter import Limiter
from vonage_messages.limits.departures import GRACE
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore

VIRTUAL_CLOCK = True

TEN = Limits(account=Rate(10))


def now() -> float:
    return asyncio.get_running_loop().time()


async def nothing(_message: Message) -> None:
    """Do nothing."""


class Commit:
    """Holds everybody until the next whole *period*, as a group commit does."""

    def __init__(self, period: float) -> None:
        self.period = period

    async def __call__(self, _message: Message) -> None:
        await asyncio.sleep(self.period - now() % self.period)


@pytest.mark.parametrize("period", [0.003, 0.05, 0.4, 1.0, 3.0])
async def test_what_was_held_up_together_does_not_leave_together(tools: Any, period: float) -> None:
    platform = tools.Platform(latency=0.01)
    async with tools.queue(platform, TEN, before_send=Commit(period)) as queue:
        await queue.send_all([tools.sms(number) for number in range(100)])
    tools.check_window(platform.instants, Rate(10))
    # Up to GRACE a commit costs no place; a longer one stops turns while its bunch dissolves.
    assert platform.instants[-1] <= 9.9 * (1 if period <= GRACE else 2) + 2 * period + 0.1


async def test_work_of_a_group_commit_costs_no_place(tools: Any) -> None:
    platform = tools.Platform(latency=0.01)
    async with tools.queue(platform, Limits(account=Rate(1000)), before_send=Commit(0.02)) as queue:
        await queue.send_all([tools.sms(number) for number in range(3000)])
    tools.check_window(platform.instants, Rate(1000))
    assert platform.instants[-1] <= 3.0 * 1.02


async def test_one_stall_is_made_up_for_and_does_not_last(tools: Any) -> None:
    """What was held up leaves first; then a message is no longer on its way than before."""
    platform = tools.Platform(latency=0.01)
    asked: dict[str, float] = {}

    async def hook(message: Message) -> None:
        asked[tools.text_of(message)] = now()
        if 2.0 <= now() - began < 4.0:
            await asyncio.sleep(began + 4.0 - now())

    async with tools.queue(platform, TEN, before_send=hook) as queue:
        began = now()
        await queue.send_all([tools.sms(number) for number in range(200)])
    tools.check_window(platform.instants, Rate(10))
    held = [request.at - asked[tools.text_of(request.message)] for request in platform.requests]
    assert max(held) > 1.5
    assert max(held[100:]) < GRACE + 0.2


async def test_others_under_the_same_limits_are_counted(tools: Any) -> None:
    platform = tools.Platform(latency=0.01)
    limiter = Limiter(TEN)
    alone: list[float] = []
    async with (
        tools.queue(platform, limiter) as plain,
        tools.queue(platform, limiter, before_send=Commit(1.0)) as hooked,
    ):

        async def one_by_one() -> None:
            for number in range(15):
                await limiter.acquire(tools.sms(number))
                alone.append(now())

        await asyncio.gather(
            one_by_one(),
            plain.send_all([tools.sms(number) for number in range(15)]),
            hooked.send_all([tools.sms(number) for number in range(15)]),
        )
    tools.check_window([*alone, *(request.at for request in platform.requests)], Rate(10))
    assert len(alone) + len(platform.requests) == 45


async def test_earned_burst_may_be_used_behind_a_hook(tools: Any) -> None:
    platform = tools.Platform(latency=0.01)
    limits = Limits(account=Rate(1, burst=20))
    async with tools.queue(platform, limits, before_send=Commit(1.0)) as queue:
        await asyncio.sleep(100)
        await queue.send_all([tools.sms(number) for number in range(20)])
    assert platform.instants[-1] == 0


async def test_pair_is_kept_where_bytes_leave_and_holds_up_nobody_else(tools: Any) -> None:
    platform = tools.Platform(latency=0.01)

    async def hook(message: Message) -> None:
        if tools.text_of(message) == "0":
            await asyncio.sleep(5)

    limits = Limits(account=Rate(100), pairs={"whatsapp": Rate(1, per=6.0)})
    async with tools.queue(platform, limits, before_send=hook) as queue:
        pair = [queue.submit(tools.whatsapp(number)) for number in (0, 1, 2)]
        await asyncio.sleep(3)
        began = now()
        await queue.send_all([tools.whatsapp(9, to=f"4477009001{number:02}") for number in range(50)])
        assert now() - began < 1
        await asyncio.gather(*pair)
    mine = [request.at for request in platform.requests if request.message.to == "447700900000"]
    tools.check_window(mine, Rate(1, per=6.0))


async def test_message_that_has_expired_behind_its_hook_is_not_sent(tools: Any) -> None:
    async def hook(message: Message) -> None:
        if tools.text_of(message) == "0":
            await asyncio.sleep(30)

    platform = tools.Platform()
    async with tools.queue(platform, before_send=hook) as queue:
        future = queue.submit(tools.sms(0), expires_in=10)
        with pytest.raises(errors.DeadlineExceededError, match="before_send took too long"):
            await future
        assert not future.maybe_sent
        assert queue.stats().attempts == 0
        await queue.submit(tools.sms(1), expires_in=10)
    assert platform.texts == ["1"]


async def test_message_that_would_be_held_back_beyond_its_end_fails_at_once(tools: Any) -> None:
    platform = tools.Platform(latency=0.0)
    async with tools.queue(platform, Limits(account=Rate(1)), before_send=Commit(10.0)) as queue:
        await asyncio.sleep(10 - now() % 10 + 0.5)
        began = now()
        futures = [queue.submit(tools.sms(number), expires_in=11) for number in range(9)]
        await asyncio.wait(futures)
        assert now() - began < 11.5
    late = [future for future in futures if future.exception() is not None]
    assert late
    assert all("for the limit of account" in str(future.exception()) for future in late)
    assert all(request.at - began <= 11 for request in platform.requests)


async def test_pause_that_begins_during_a_hook_holds_back_what_had_its_turn(tools: Any) -> None:
    platform = tools.Platform(tools.first(1, lambda: tools.refused(60)), latency=0.0)

    async def hook(message: Message) -> None:
        if tools.text_of(message) == "1":
            await asyncio.sleep(1)

    async with tools.queue(platform, TEN, before_send=hook) as queue:
        first = queue.submit(tools.sms(1))
        await queue.submit(tools.sms(0))
        first.add_done_callback(lambda future: future.exception())
        await asyncio.sleep(30)
        await first
    assert platform.texts[0] == "0"
    assert all(at >= 60 for at in platform.instants[1:])


async def test_cancelled_queue_lets_go_of_what_is_held_back(tools: Any) -> None:
    platform = tools.Platform(lambda message, _: tools.refused(200) if tools.text_of(message) == "0" else None)

    async def hook(message: Message) -> None:
        if tools.text_of(message) == "1":
            await asyncio.sleep(1)

    queue = tools.queue(platform, TEN, before_send=hook)
    futures = [queue.submit(tools.sms(number)) for number in (1, 0)]
    await asyncio.sleep(10)
    assert futures[0].state == "sending"
    began = now()
    await queue.cancel()
    assert now() == began
    assert [type(future.exception()) for future in futures] == [errors.QueueClosedError] * 2
    assert not futures[0].maybe_sent
    assert platform.texts == ["0"]
    with pytest.raises(errors.LimitTimeoutError):  # it holds no place any more, and the pause goes on
        await queue.limiter.acquire(tools.sms(9), max_wait=100)


async def test_cap_goes_on_behind_a_hook_that_outlasts_a_slice_of_its_window(tools: Any) -> None:
    """What leaves in another slice than that of its turn uses up what may leave before the next save of the cap."""
    platform = tools.Platform(latency=0.0)
    limiter = Limiter(Limits(account=Cap(40, per=60)), store=MemoryLimitStore())

    async def hook(_message: Message) -> None:
        await asyncio.sleep(0.5)

    async with tools.queue(platform, limiter, before_send=hook, connections=4) as queue:
        await asyncio.wait_for(queue.send_all([tools.sms(number) for number in range(20)]), 30)
    assert len(platform.requests) == 20


async def test_bare_send_behind_a_hook_leaves_the_cap_to_the_next(tools: Any) -> None:
    platform = tools.Platform(latency=0.0)
    limiter = Limiter(Limits(account=(Rate(10), Cap(40, per=60))), store=MemoryLimitStore())
    async with tools.queue(platform, limiter, before_send=Commit(3.0)) as queue:
        futures = [queue.submit(tools.sms(number)) for number in range(6)]
        await asyncio.wait(futures)  # they dissolve, and a bare send has to wait behind them
        for _ in range(6):
            await asyncio.wait_for(limiter.acquire(tools.sms(9)), 30)
    assert len(platform.requests) == 6
