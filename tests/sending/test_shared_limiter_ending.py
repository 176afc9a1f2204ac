"""Queues that end on limits that they share, whatever they wait for; and options that cannot work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages import MemorySharedLimits, SharedLimiter, errors
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate

from .shared_server import FAR, TEN, Server, use_up

VIRTUAL_CLOCK = True


@pytest.mark.parametrize("after", [0.0, 0.001, 0.0015, 0.01, 0.06])
async def test_cancelled_queue_loses_nothing(tools: Any, after: float) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limiter = SharedLimiter(Limits(account=Rate(50)), store)
    await limiter.acquire(tools.sms())
    queue = tools.queue(platform, limiter)
    futures = [queue.submit(tools.sms(n)) for n in range(20)]
    await asyncio.sleep(after)
    await queue.cancel()
    done = [future for future in futures if future.exception() is None]
    assert len(done) == len(platform.accepted)
    assert {type(future.exception()) for future in futures if future not in done} == {errors.QueueClosedError}


@pytest.mark.parametrize("after", [0.0, 0.0005, 0.0015, 0.01])
async def test_tasks_that_are_cancelled_in_the_middle_of_a_call_leave_nobody_waiting(tools: Any, after: float) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    queue = tools.queue(platform, SharedLimiter(Limits(account=Rate(50)), store))
    futures = [queue.submit(tools.sms(n)) for n in range(20)]
    await asyncio.sleep(after)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.wait(futures, timeout=5)
    assert all(future.done() for future in futures)
    assert all(
        isinstance(future.exception(), (errors.QueueClosedError, errors.ResponseLostError))
        for future in futures
        if future.exception()
    )
    await queue.cancel()


async def test_future_that_is_cancelled_while_it_is_confirmed_is_not_put_back(tools: Any) -> None:
    platform, store = tools.Platform(), Server(latency=1.0)
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    await limiter.load()
    async with tools.queue(platform, limiter) as queue:
        future = queue.submit(tools.sms(1, from_="slow"))
        await asyncio.sleep(0.5)
        assert future.state == "sending"
        future.cancel()
        await queue.drain()
        assert queue.stats().cancelled == 1


async def test_store_is_opened_and_closed_by_whoever_needs_it(tools: Any) -> None:
    class Closed(Server):
        opened_now = False

        @property
        def is_open(self) -> bool:
            return self.opened_now

        async def open(self) -> None:
            await super().open()
            self.opened_now = True

        async def close(self) -> None:
            self.opened_now = False

    store = Closed()
    async with SharedLimiter(TEN, store) as limiter:
        assert store.is_open
        await limiter.acquire(tools.sms())
    assert not store.is_open
    await limiter.acquire(tools.sms())
    assert (store.is_open, store.opened) == (True, 2)
    await limiter.close()
    await limiter.close()
    await store.open()
    async with SharedLimiter(TEN, store) as limiter:
        await limiter.acquire(tools.sms())
    assert store.is_open  # it was open before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"store": "redis://127.0.0.1"}, "and not be str"),
        ({"store": MemorySharedLimits}, "not be the class MemorySharedLimits"),
        ({"unreachable": "go on"}, "unreachable must be"),
        ({"unreachable": 0.0}, "unreachable must be"),
        ({"unreachable": 1.5}, "unreachable must be"),
        ({"unreachable": True}, "unreachable must be"),
        ({"horizon": -1.0}, "horizon must be"),
        ({"limits": 30}, "limits must be"),
        ({"longest_pause": 0}, "longest_pause must be"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"limits": TEN, "store": MemorySharedLimits(), **options}
    with pytest.raises(errors.ConfigurationError, match=sentence):
        SharedLimiter(arguments.pop("limits"), arguments.pop("store"), **arguments)
