"""Several queues on limits that they share: what is confirmed leaves, and the rest waits in its place."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from typing import Any

import pytest

from vonage_messages import SharedLimiter, errors
from vonage_messages.channels.base import Message
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Cap, Rate

from .shared_server import FAR, TEN, Server, check_late, now, use_up

VIRTUAL_CLOCK = True


# Sharing -------------------------------------------------------------------------------------------------------------


async def test_two_processes_together_send_what_the_account_allows_and_no_more(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    async with (
        tools.queue(platform, SharedLimiter(TEN, store)) as one,
        tools.queue(platform, SharedLimiter(TEN, store)) as other,
    ):
        await asyncio.gather(*(queue.send_all([tools.sms(n) for n in range(50)]) for queue in (one, other)))
    tools.check_window(platform.instants, Rate(10))
    assert len(platform.accepted) == 100
    assert platform.instants[-1] <= 9.9 * 1.05  # what is free is used


async def test_limit_of_a_sender_binds_two_processes(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limits = Limits(account=Rate(100), senders={"Acme": Rate(20)})
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        mixed = [tools.sms(n, from_="Acme" if n % 2 else "Other") for n in range(100)]
        await asyncio.gather(*(queue.send_all(mixed) for queue in (one, other)))
    acme = [request.at for request in platform.requests if request.message.from_ == "Acme"]
    tools.check_window(acme, Rate(20))
    tools.check_window(platform.instants, Rate(100))
    assert max(acme) - min(acme) <= 99 / 20 * 1.05


async def test_those_who_wait_together_ask_in_one_call(tools: Any) -> None:
    store = Server()
    limiter = SharedLimiter(Limits(account=Rate(1000, burst=1000)), store)
    async with tools.queue(tools.Platform(latency=0.5), limiter, connections=200) as queue:
        await asyncio.sleep(5)  # the store is new: it takes its first second to fill
        await limiter.acquire(tools.sms())
        await asyncio.sleep(5)
        store.calls.clear()
        await queue.send_all([tools.sms(n) for n in range(200)])
    assert sum(store.calls) == 200
    assert len(store.calls) <= 3


async def test_message_that_finds_no_place_holds_no_connection(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    await use_up(store, FAR, "slow")
    async with tools.queue(platform, SharedLimiter(FAR, store), connections=1) as queue:
        slow = [queue.submit(tools.sms(n, from_="slow")) for n in (1, 2, 3)]
        began = now()
        await queue.send_all([tools.sms(n) for n in range(50)])
        assert now() - began < 1
        assert {future.state for future in slow} == {"queued"}
        assert await queue.cancel() == 3
    assert {type(future.exception()) for future in slow} == {errors.QueueClosedError}
    assert len(platform.requests) == 50


async def test_what_was_sent_back_keeps_its_place(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    await use_up(store, Limits(account=Rate(1)), "Acme")
    async with tools.queue(platform, SharedLimiter(Limits(account=Rate(1)), store)) as queue:
        bulk = [queue.submit(tools.sms(n), priority=Priority.BULK) for n in range(3)]
        await asyncio.sleep(0.2)  # the first of them has asked, and was refused
        high = [queue.submit(tools.sms(n), priority=Priority.HIGH) for n in range(3, 6)]
        await asyncio.gather(*bulk, *high)
    assert platform.texts == ["3", "4", "5", "0", "1", "2"]


async def test_pair_keeps_its_order_while_others_take_places(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.05), Server()
    limits = Limits(account=Rate(50), each_sender={"whatsapp": Rate(10)})
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        await asyncio.gather(
            one.send_all([tools.whatsapp(n, to=f"44770090000{n % 3}") for n in range(30)]),
            other.send_all([tools.whatsapp(n, to=f"44770090011{n % 3}") for n in range(30)]),
        )
    order = defaultdict(list)
    for request in platform.requests:
        order[request.message.to].append(int(tools.text_of(request.message)))
    assert len(order) == 6
    assert all(numbers == sorted(numbers) for numbers in order.values())


async def test_max_wait_sees_what_others_have_taken(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    await limiter.load()
    async with tools.queue(platform, limiter) as queue:
        began = now()
        futures = [queue.submit(tools.sms(n, from_="slow"), max_wait=30) for n in (1, 2)]
        await asyncio.wait(futures)
        assert now() - began < 1
        for future in futures:
            error = future.exception()
            assert isinstance(error, errors.LimitTimeoutError)
            assert (error.key, error.max_wait) == ("sender ****", 30)
            assert error.wait == pytest.approx(3600, abs=5)
        with pytest.raises(errors.LimitTimeoutError):
            await queue.submit(tools.sms(3, from_="slow"), max_wait=30)
        assert queue.stats().pauses == ()
    assert platform.requests == []


async def test_before_send_is_called_with_a_place_alone(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    await use_up(store, FAR, "slow")
    asked: list[str] = []

    async def hook(message: Message) -> None:
        asked.append(tools.text_of(message))

    async with tools.queue(platform, SharedLimiter(FAR, store), before_send=hook) as queue:
        queue.submit(tools.sms(1, from_="slow"))
        await queue.submit(tools.sms(2))
        assert asked == ["2"]
        await queue.cancel()


@pytest.mark.parametrize(("held", "waited"), [(0.5, 0.5), (1.5, 1441.0)])
async def test_place_of_a_cap_is_good_for_the_slice_in_which_it_counts(tools: Any, held: float, waited: float) -> None:
    """A moment of delay costs no place of a day; what leaves in the next slice is counted there."""
    platform, store = tools.Platform(latency=0.01), Server()

    async def hook(_message: Message) -> None:
        await asyncio.sleep(held)

    began = now()
    async with tools.queue(platform, SharedLimiter(Limits(account=Cap(4, per=1440.0)), store), before_send=hook) as q:
        await q.send_all([tools.sms(n) for n in range(4)])
    assert began % 1 < 0.1
    left = [request.at - began for request in platform.requests]
    assert left == [pytest.approx(waited, abs=0.2)] * 4


@pytest.mark.parametrize(("held", "waited"), [(0.5, 0.8), (1.5, 1441.0)])
async def test_message_that_is_late_takes_another_place_of_a_rate_and_none_of_a_cap(
    tools: Any, held: float, waited: float
) -> None:
    """Four places there are: each message takes one of them, unless it leaves in another slice (of a second)."""
    platform, store = tools.Platform(latency=0.01), Server()
    limits = Limits(account=(Rate(10, burst=1), Cap(4, per=1440.0)))

    async def hook(_message: Message) -> None:
        await asyncio.sleep(held)

    began = now()
    async with tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as queue:
        await queue.send_all([tools.sms(n) for n in range(4)])
    assert began % 1 < 0.1
    tools.check_window(platform.instants, Rate(10, burst=1))
    left = [request.at - began for request in platform.requests]
    assert left == [pytest.approx(waited, abs=0.5)] * 4


@pytest.mark.parametrize("rate", [Rate(100), Rate(1)])
async def test_send_that_is_late_takes_one_place_of_a_cap(tools: Any, rate: Rate) -> None:
    """Each answer comes too late for its place, as far as the clocks tell; the fifth try leaves all the same."""
    store = Server()
    limiter = SharedLimiter(Limits(account=Rate(1000), senders={"Acme": (rate, Cap(4, per=144_000.0))}), store)
    await limiter.load()
    store.latency = 0.06
    for number in range(4):
        await limiter.acquire(tools.sms(number, from_="Acme"), max_wait=60)
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await limiter.acquire(tools.sms(4, from_="Acme"), max_wait=60)
    assert caught.value.key == "sender **** #2"


@pytest.mark.parametrize("held", [0.01, 0.1, 0.7])
async def test_what_a_hook_holds_up_takes_another_place(tools: Any, held: float) -> None:
    """Every other commit takes long, in two processes: what leaves behind it was counted again."""
    platform, store = tools.Platform(latency=0.01), Server()
    limits = Limits(account=Rate(100))

    async def hook(_message: Message) -> None:
        period = 2 * held
        if now() % period < held:
            await asyncio.sleep(held - now() % period)

    async with (
        tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as one,
        tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as other,
    ):
        await asyncio.gather(*(queue.send_all([tools.sms(n) for n in range(100)]) for queue in (one, other)))
    assert len(platform.accepted) == 200
    check_late(platform.instants, Rate(100))


async def test_message_whose_time_is_up_behind_its_hook_is_not_sent(tools: Any) -> None:
    async def hook(_message: Message) -> None:
        await asyncio.sleep(30)

    platform = tools.Platform()
    async with tools.queue(platform, SharedLimiter(TEN, Server()), before_send=hook) as queue:
        with pytest.raises(errors.DeadlineExceededError, match="before_send took too long"):
            await queue.submit(tools.sms(0), expires_in=10)
    assert platform.requests == []


async def test_message_that_is_held_up_and_finds_no_place_in_time_is_not_sent(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=Rate(1, per=100.0))

    async def hook(_message: Message) -> None:
        await asyncio.sleep(5)

    async with tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as queue:
        with pytest.raises(errors.DeadlineExceededError, match="the limit of account"):
            await queue.submit(tools.sms(0), expires_in=50)
        assert now() < 1000 + 20
    assert platform.requests == []


# Bare sends ----------------------------------------------------------------------------------------------------------


async def test_bare_sends_of_two_processes_share_the_limit(tools: Any) -> None:
    store = Server()
    instants: list[float] = []

    async def send(limiter: SharedLimiter) -> None:
        await limiter.acquire(tools.sms())
        instants.append(now())

    limiters = [SharedLimiter(TEN, store) for _ in range(3)]
    await asyncio.gather(*(send(limiter) for limiter in limiters for _ in range(20)))
    tools.check_window(instants, Rate(10))
    assert max(instants) - min(instants) <= 5.9 * 1.05


async def test_bare_send_that_cannot_leave_in_time_fails_at_once(tools: Any) -> None:
    store = Server()
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await limiter.acquire(tools.sms(from_="slow"), max_wait=5)
    assert now() - began < 1
    assert (caught.value.key, caught.value.max_wait) == ("sender ****", 5)
    assert caught.value.wait == pytest.approx(3600, abs=5)
    await limiter.acquire(tools.sms(), max_wait=5)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.03, 5.0])
async def test_bare_send_that_is_cancelled_leaves_the_rest_to_others(tools: Any, after: float) -> None:
    limiter = SharedLimiter(Limits(account=Rate(1)), Server())
    await limiter.acquire(tools.sms())
    cancelled = asyncio.create_task(limiter.acquire(tools.sms()))
    waiting = asyncio.create_task(limiter.acquire(tools.sms()))
    await asyncio.sleep(0.97 + after)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    began = now()
    await waiting
    assert now() - began < 2.1


# Caps ----------------------------------------------------------------------------------------------------------------


async def test_cap_holds_for_all_processes_and_needs_no_file(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=(Rate(100), Cap(10)))
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        outcomes = await asyncio.gather(
            *(queue.send_all([tools.sms(n) for n in range(10)], max_wait=60) for queue in (one, other))
        )
    failed = [outcome.error for outcome in itertools.chain(*outcomes) if outcome.error is not None]
    assert len(platform.accepted) == len(failed) == 10
    assert all(isinstance(error, errors.LimitTimeoutError) and error.key == "account #2" for error in failed)
