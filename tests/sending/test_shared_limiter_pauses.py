"""What holds every process back: a pause that one of them was told of, and a store that cannot be reached."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages import SharedLimiter, errors
from vonage_messages.channels.base import Message
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.shared import HORIZON, Verdict
from vonage_messages.webhooks.parse import parse_status

from .shared_server import TEN, Server, now
from .throttled import TOO_FAST

VIRTUAL_CLOCK = True


# Pauses --------------------------------------------------------------------------------------------------------------


async def test_refusal_pauses_every_process(tools: Any) -> None:
    platform, store = tools.Platform(tools.first(1, lambda: tools.refused(60)), latency=0.0), Server()
    async with (
        tools.queue(platform, SharedLimiter(TEN, store)) as one,
        tools.queue(platform, SharedLimiter(TEN, store)) as other,
    ):
        first = one.submit(tools.sms(0))
        await asyncio.sleep(1)
        second = other.submit(tools.sms(1))
        await asyncio.sleep(1)
        with pytest.raises(errors.LimitTimeoutError):
            await other.submit(tools.sms(2), max_wait=30)
        second.cancel()
        await first
    assert platform.instants[0] == 0
    assert platform.instants[1] == pytest.approx(60, abs=0.1)


async def test_lesson_of_a_status_is_heard_by_every_process(tools: Any) -> None:
    store = Server()
    limits = Limits(account=Rate(100), senders={"14155550100": Rate(50)})
    one, other = SharedLimiter(limits, store), SharedLimiter(limits, store)
    await other.acquire(tools.whatsapp())
    one.observe(parse_status(TOO_FAST))
    await asyncio.sleep(0.1)
    began = now()
    await other.acquire(tools.sms())
    assert now() - began < 0.1
    await other.acquire(tools.whatsapp())
    assert now() - began == pytest.approx(0.9, abs=0.05)


async def test_pause_that_cannot_be_shared_is_kept_by_this_process(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform, store = tools.Platform(latency=0.0), Server()
    async with tools.queue(platform, SharedLimiter(TEN, store)) as queue:
        await queue.submit(tools.sms(0))
        platform.script = tools.first(1, lambda: tools.refused(60))
        refused = queue.submit(tools.sms(1))
        while len(platform.requests) < 2:  # noqa: ASYNC110  as long as the queue takes for it
            await asyncio.sleep(0.001)
        store.is_down = True
        await asyncio.sleep(1)
        store.is_down = False
        await refused
    assert "a pause could not be shared with other processes: the server is down" in caplog.text
    assert platform.instants[2] - platform.instants[1] == pytest.approx(60, abs=0.1)


async def with_two_pauses(store: Server, tools: Any) -> tuple[SharedLimiter, SharedLimiter]:
    """Give two processes; in the first, one pause is on its way and will not come through, and another has begun."""
    limits = Limits(senders={"14155550100": Rate(50), "14155550101": Rate(50)})
    one, other = SharedLimiter(limits, store), SharedLimiter(limits, store)
    await other.acquire(tools.whatsapp(from_="14155550101"))
    store.is_down = True
    one.observe(parse_status(TOO_FAST))
    await asyncio.sleep(0.5)
    one.observe(parse_status({**TOO_FAST, "from": "14155550101"}))
    return one, other


async def test_pause_that_could_not_be_shared_is_not_told_when_it_is_long_over(tools: Any) -> None:
    store = Server(latency=2.0)
    one, other = await with_two_pauses(store, tools)
    await asyncio.sleep(100)
    store.is_down, store.latency = False, 0.0
    one.observe(parse_status(TOO_FAST))
    await asyncio.sleep(0.1)
    began = now()
    await other.acquire(tools.whatsapp(from_="14155550101"))
    assert now() - began < 0.1


async def test_pause_is_shared_that_came_while_another_could_not_be(tools: Any) -> None:
    store = Server(latency=2.0)
    _, other = await with_two_pauses(store, tools)
    await asyncio.sleep(1)
    store.is_down = False
    await asyncio.sleep(0.6)  # the second has come through
    store.latency = 0.0
    began = now()
    await other.acquire(tools.whatsapp(from_="14155550101"))
    assert now() - began > 0.5


async def test_pause_that_begins_while_a_place_is_waited_for_holds_the_message_back(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.0), Server()
    limiter = SharedLimiter(TEN, store)

    async def hook(message: Message) -> None:
        if tools.text_of(message) == "1":
            await asyncio.sleep(1)

    async with tools.queue(platform, limiter, before_send=hook) as queue:
        held = queue.submit(tools.sms(1))
        await asyncio.sleep(0.5)
        platform.script = lambda message, number: (
            tools.refused(60) if tools.text_of(message) == "2" and not number else None
        )
        await queue.submit(tools.sms(2))
        await held
    assert platform.texts[0] == "2"
    assert all(at >= 60 for at in platform.instants[1:])


# A store that cannot be reached --------------------------------------------------------------------------------------


async def test_everybody_fails_while_the_store_cannot_be_reached_and_the_next_asks_again(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    async with tools.queue(platform, SharedLimiter(TEN, store)) as queue:
        await queue.submit(tools.sms(0))
        store.is_down = True
        futures = [queue.submit(tools.sms(n)) for n in range(1, 30)]
        await asyncio.wait(futures)
        assert {type(future.exception()) for future in futures} == {errors.StoreUnavailableError}
        assert not any(future.maybe_sent for future in futures)
        with pytest.raises(errors.StoreUnavailableError, match="the server is down"):
            await queue.submit(tools.sms(30))
        with pytest.raises(errors.StoreUnavailableError, match="the server is down"):
            await queue.limiter.acquire(tools.sms(30))
        store.is_down = False
        await queue.submit(tools.sms(31))
        await queue.limiter.acquire(tools.sms(32))
    assert platform.texts == ["0", "31"]


@pytest.mark.parametrize(
    ("unreachable", "error"),
    [
        ("stop", errors.OutboxError("of a newer version")),
        ("stop", ValueError("secret")),
        (0.5, errors.OutboxError("of a newer version")),
    ],
)
async def test_store_that_cannot_be_used_lets_nobody_wait_for_ever(
    tools: Any, unreachable: Any, error: Exception
) -> None:
    class Unusable(Server):
        async def take(self, wanted: Any, /, *, horizon: float = HORIZON) -> list[Verdict]:
            del wanted, horizon
            raise error

    limiter = SharedLimiter(TEN, Unusable(), unreachable=unreachable)
    async with tools.queue(tools.Platform(), limiter) as queue:
        with pytest.raises((errors.StoreUnavailableError, errors.OutboxError)) as caught:
            await queue.submit(tools.sms(0))
        assert "secret" not in str(caught.value)


async def test_fraction_of_each_rate_leaves_while_the_store_cannot_be_reached(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limiter = SharedLimiter(TEN, store, unreachable=0.25)
    async with tools.queue(platform, limiter) as queue:
        sending = asyncio.create_task(queue.send_all([tools.sms(n) for n in range(200)]))
        await asyncio.sleep(5)
        store.is_down, left = True, len(platform.requests)
        await asyncio.sleep(20)
        alone = platform.instants[left:]
        tools.check_window(alone[1:], Rate(2.5))
        assert 48 <= len(alone) <= 52
        store.is_down = False
        await sending
        assert all(outcome.sent for outcome in sending.result())
    tools.check_window(platform.instants, Rate(10))
    assert platform.instants[-1] <= 5 + 20 + 1.2 + 10.1
    assert caplog.text.count("0.25 of each rate leaves until it can (the server is down)") == 1
    assert caplog.text.count("answers again") == 1


async def test_fraction_leaves_also_where_the_store_was_never_reached(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    store.is_down = True
    async with tools.queue(platform, SharedLimiter(TEN, store, unreachable=0.5)) as queue:
        await queue.send_all([tools.sms(n) for n in range(20)])
        tools.check_window(platform.instants, Rate(5))
        store.is_down = False
        await queue.send_all([tools.sms(n) for n in range(20)])
    tools.check_window(platform.instants, Rate(10))


async def test_cap_is_never_kept_by_a_fraction(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=Rate(10), senders={"Acme": Cap(100)})
    async with tools.queue(platform, SharedLimiter(limits, store, unreachable=1.0)) as queue:
        await queue.submit(tools.sms(0))
        store.is_down = True
        with pytest.raises(errors.StoreUnavailableError, match="the store of a cap cannot be reached"):
            await queue.submit(tools.sms(1))
        await queue.submit(tools.sms(2, from_="Other"))
    assert platform.texts == ["0", "2"]


async def test_pause_holds_for_the_fraction_too(tools: Any) -> None:
    platform, store = tools.Platform(tools.first(1, lambda: tools.refused(60)), latency=0.0), Server()
    store.is_down = True
    async with tools.queue(platform, SharedLimiter(TEN, store, unreachable=0.5)) as queue:
        await queue.submit(tools.sms(0))
    assert platform.instants == [0, pytest.approx(60, abs=0.5)]
