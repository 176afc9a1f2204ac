"""Limits that several send under, and limits that outlive the process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.limiter import Limiter, turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.stores.file import FileLimitStore

VIRTUAL_CLOCK = True

TEN_A_DAY = Limits(account=(Rate(100), Cap(10)))


def now() -> float:
    return asyncio.get_running_loop().time()


class SlowStore(MemoryLimitStore):
    """Takes its time, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[Mapping[str, Any]] = []
        self.broken = False
        self.delay = 2.0

    async def load(self) -> Mapping[str, Any] | None:
        await asyncio.sleep(self.delay)
        if self.broken:
            raise errors.StoreUnavailableError("the disk is full.")
        return await super().load()

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        await asyncio.sleep(self.delay)
        if self.broken:
            raise errors.StoreUnavailableError("the disk is full.")
        self.saved.append(snapshot)
        await super().save(snapshot)


@pytest.mark.parametrize("per_second", [30, 1000])
async def test_two_queues_share_one_account_and_neither_starves(tools: Any, per_second: int) -> None:
    rate = Rate(per_second)
    limiter = Limiter(Limits(account=rate))
    busy, other = tools.Platform(latency=0.013), tools.Platform(latency=0.02)
    async with tools.queue(busy, limiter) as first, tools.queue(other, limiter, connections=8) as second:
        for number in range(4 * per_second):
            await first.put(tools.sms(number))
            await second.put(tools.sms(number))
        await asyncio.sleep(2)
        shares = len(busy.requests), len(other.requests)
        tools.check_window((request.at for request in (*busy.requests, *other.requests)), rate)
        assert sum(shares) == pytest.approx(2 * per_second, rel=0.02)
        least = 8 / 0.02 * 2 if per_second == 1000 else per_second
        assert min(shares) >= 0.9 * min(least, per_second)
        await asyncio.gather(first.cancel(), second.cancel())


async def test_second_queue_gets_its_turn_behind_the_backlog_of_the_first(tools: Any) -> None:
    limiter = Limiter(Limits(account=Rate(10)))
    async with tools.queue(tools.Platform(), limiter) as busy, tools.queue(tools.Platform(), limiter) as queue:
        for number in range(1000):
            await busy.put(tools.sms(number))
        await asyncio.sleep(1)
        began = now()
        await queue.submit(tools.sms(1))
        assert now() - began < 0.3
        await busy.cancel()


async def test_bare_send_gets_its_turn_behind_the_backlog_of_a_queue(tools: Any) -> None:
    limiter = Limiter(Limits(account=Rate(10)))
    async with tools.queue(tools.Platform(), limiter) as busy:
        for number in range(1000):
            await busy.put(tools.sms(number))
        await asyncio.sleep(1)
        began = now()
        for number in range(5):
            await limiter.acquire(tools.sms(number))
        assert now() - began < 1.2
        await busy.cancel()


async def test_queue_on_a_client_with_limits_takes_its_limiter(tools: Any) -> None:
    limiter = Limiter(Limits(account=Rate(1)))
    platform = tools.Platform(limiter=limiter)
    for limits in (None, limiter, limiter.limits, Limits(account=Rate(1))):
        assert tools.queue(platform, limits).limiter is limiter


async def test_other_limits_than_those_of_the_client_are_refused(tools: Any) -> None:
    platform = tools.Platform(limiter=Limiter(Limits(account=Rate(1))))
    with pytest.raises(ValueError, match="was given others"):
        tools.queue(platform, Limits(account=Rate(2)))
    with pytest.raises(ValueError, match="was given others"):
        tools.queue(platform, Limiter(Limits(account=Rate(2))))


async def test_store_belongs_to_one_limiter(tools: Any) -> None:
    limiter = Limiter(Limits(account=Rate(1)))
    with pytest.raises(errors.ConfigurationError, match="store="):
        tools.queue(tools.Platform(), limiter, store=MemoryLimitStore())
    with pytest.raises(errors.ConfigurationError, match="store"):
        tools.queue(tools.Platform(limiter=limiter), store=MemoryLimitStore())


async def test_limits_are_the_published_ones_if_nothing_is_said(tools: Any) -> None:
    from vonage_messages.sending.send_queue import SendQueue  # noqa: PLC0415  the one place that wants it bare

    queue = SendQueue(tools.Platform())
    assert queue.limiter.limits == Limits.published()


async def test_cap_without_a_store_is_refused(tools: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="account is a cap"):
        tools.queue(tools.Platform(), TEN_A_DAY)


async def test_nothing_leaves_before_the_store_is_read_and_knows_of_it(tools: Any) -> None:
    store = SlowStore()
    platform = tools.Platform()
    async with tools.queue(platform, TEN_A_DAY, store=store) as queue:
        future = queue.submit(tools.sms(1))
        await asyncio.sleep(3.9)
        assert platform.requests == []
        await future
        assert store.saved[0]["last"] is False


async def test_message_fails_when_the_store_cannot_be_read_and_goes_when_it_is_back(tools: Any) -> None:
    store = SlowStore()
    store.broken = True
    platform = tools.Platform()
    async with tools.queue(platform, TEN_A_DAY, store=store) as queue:
        with pytest.raises(errors.StoreUnavailableError, match="disk is full"):
            await queue.submit(tools.sms(1))
        assert platform.requests == []
        store.broken = False
        await queue.submit(tools.sms(2))
    assert platform.texts == ["2"]


async def test_messages_fail_when_the_store_breaks_in_the_middle_and_go_when_it_is_back(tools: Any) -> None:
    store = SlowStore()
    store.delay = 0.0
    platform = tools.Platform()
    async with tools.queue(platform, TEN_A_DAY, store=store) as queue:
        await queue.submit(tools.sms(0))
        store.broken = True
        outcomes = await queue.send_all([tools.sms(number) for number in (1, 2, 3)])
        assert any(isinstance(outcome.error, errors.StoreUnavailableError) for outcome in outcomes)
        assert sum(outcome.sent is not None for outcome in outcomes) <= 1
        store.broken = False
        await queue.submit(tools.sms(4))
    assert "4" in platform.texts


async def test_cap_holds_over_a_restart(tools: Any, tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    platform = tools.Platform()
    sent = 0
    for _ in range(4):
        queue = tools.queue(platform, TEN_A_DAY, store=FileLimitStore(path))
        outcomes = await queue.send_all([tools.sms(number) for number in range(4)], max_wait=60)
        sent += sum(outcome.sent is not None for outcome in outcomes)
        await queue.close()
    assert sent == len(platform.accepted) == 10


async def test_cap_holds_over_a_restart_that_was_not_clean(tools: Any, tmp_path: Path) -> None:
    """The process is killed: its store has seen no last save."""
    path = tmp_path / "limits.json"
    killed = tmp_path / "killed.json"
    platform = tools.Platform()
    for number in range(6):
        queue = tools.queue(platform, TEN_A_DAY, store=FileLimitStore(path))
        await queue.send_all([tools.sms(number) for number in range(3)], max_wait=60)
        killed.write_bytes(path.read_bytes())
        await queue.close()
        path.write_bytes(killed.read_bytes())
        assert number >= 0
    assert 5 <= len(platform.accepted) <= 10


async def test_kill_behind_a_clean_end_and_a_new_beginning_passes_no_cap(tools: Any) -> None:
    """What leaves behind a last save is told to the store before, so that a kill then is a kill."""
    store = SlowStore()
    store.delay = 0.0
    limiter = Limiter(Limits(account=Cap(1000)), store=store)
    platform = tools.Platform()
    async with tools.queue(platform, limiter) as other:
        queue = tools.queue(platform, limiter)
        await queue.submit(tools.sms(0))
        await queue.close()
        assert store.saved[-1]["last"] is True
        await other.submit(tools.sms(1))
        assert store.saved[-1]["last"] is False


async def test_saves_do_not_overtake_each_other(tools: Any) -> None:
    store = SlowStore()
    store.delay = 0.0
    async with tools.queue(tools.Platform(), Limits(account=(Rate(50), Cap(100_000))), store=store) as queue:
        await queue.submit(tools.sms(0))
        store.delay = 1.0
        at_work = 0
        save = store.save

        async def alone(snapshot: Mapping[str, Any], /) -> None:
            nonlocal at_work
            at_work += 1
            assert at_work == 1
            await save(snapshot)
            at_work -= 1

        store.save = alone  # type: ignore[method-assign]  looked over the shoulder
        for number in range(1500):
            await queue.put(tools.sms(number))
        await asyncio.gather(queue.limiter.save(), queue.limiter.save())
        await queue.drain()


async def test_close_that_is_cancelled_leaves_no_half_save(tools: Any) -> None:
    store = SlowStore()
    queue = tools.queue(tools.Platform(), TEN_A_DAY, store=store)
    await queue.submit(tools.sms(1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.close(), 0.5)
    await asyncio.sleep(5)
    assert store.saved[-1]["last"] is True


async def test_close_says_that_the_limits_could_not_be_kept(tools: Any) -> None:
    store = SlowStore()
    store.delay = 0.0
    queue = tools.queue(tools.Platform(), TEN_A_DAY, store=store)
    await queue.submit(tools.sms(1))
    store.broken = True
    with pytest.raises(errors.StoreUnavailableError):
        await queue.close()


async def test_many_keys_cost_no_time_with_a_store(tools: Any) -> None:
    """Each grant looks at its own limits, and not at those of everybody."""
    store = MemoryLimitStore()
    limits = Limits(account=Cap(10_000_000), pairs={"sms": Rate(1, per=6.0, burst=45)})
    platform = tools.Platform(latency=0.0)
    looks = 0
    async with tools.queue(platform, limits, store=store) as queue:
        await queue.submit(tools.sms(0))
        state = turns_of(queue.limiter).state
        state.__class__ = type("Counting", (type(state),), {})
        original = type(state).windows.fget

        def windows(self: Any) -> Any:
            nonlocal looks
            looks += 1
            return original(self)

        type(state).windows = property(windows)
        for number in range(2000):
            await queue.put(tools.sms(number))
        await queue.drain()
    assert looks < 50


async def test_unwanted_message_in_a_store_limited_queue_is_dropped(tools: Any) -> None:
    store = SlowStore()
    platform = tools.Platform()
    async with tools.queue(platform, TEN_A_DAY, store=store) as queue:
        future = queue.submit(tools.sms(1))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(future, 1)
    assert platform.requests == []


def test_bare_send_that_waits_for_no_time_takes_a_place_that_is_free_now(
    tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        now, looks = loop.time, itertools.count()
        monkeypatch.setattr(loop, "time", lambda: now() + next(looks) * 1e-6)  # a real clock never stands still
        limiter = Limiter(Limits(account=Rate(1, per=60)))
        await limiter.acquire(tools.sms(1), max_wait=0)
        with pytest.raises(errors.LimitTimeoutError):
            await limiter.acquire(tools.sms(2), max_wait=0)

    tools.run_virtually(program())
