"""The three clocks."""

from __future__ import annotations

import asyncio
import time

import pytest

from vonage_messages.clock import ManualClock, ScaledClock, SystemClock
from vonage_messages.errors import ConfigurationError


async def test_system_clock_is_that_of_the_machine() -> None:
    clock = SystemClock()
    before = time.time()
    await clock.sleep(0.01)
    assert before + 0.009 <= clock() <= time.time()


async def test_manual_clock_stands_still() -> None:
    clock = ManualClock(100)
    await asyncio.sleep(0.01)
    assert clock() == 100


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock = ManualClock(0)
    woken: list[tuple[float, float]] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2):
            group.create_task(sleep(seconds))
        await asyncio.sleep(0)
        await clock.advance(2.5)
        assert woken == [(1, 1), (2, 2)]
        assert (clock(), clock.sleepers) == (2.5, 1)
        await clock.advance(0.5)
    assert woken[-1] == (3, 3)


async def test_whoever_sleeps_again_at_once_is_woken_again() -> None:
    clock = ManualClock(0)
    times: list[float] = []

    async def tick() -> None:
        for _ in range(5):
            await clock.sleep(10)
            times.append(clock())

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await clock.advance(100)
    await task
    assert times == [10, 20, 30, 40, 50]


async def test_cancelled_sleeper_does_not_hold_the_clock() -> None:
    clock = ManualClock(0)
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleepers == 0
    await clock.advance(10)
    assert clock() == 10


async def test_sleeping_no_time_does_not_wait_for_the_clock() -> None:
    await asyncio.wait_for(ManualClock().sleep(0), 60)


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
async def test_clock_does_not_move_backwards_or_for_ever(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="forward"):
        await ManualClock().advance(seconds)


async def test_waking_the_next_moves_no_further_than_to_it() -> None:
    clock = ManualClock(0)
    tasks = [asyncio.create_task(clock.sleep(seconds)) for seconds in (10, 20)]
    await asyncio.sleep(0)
    assert await clock.wake_next(100)
    assert (clock(), tasks[0].done(), tasks[1].done()) == (10, True, False)
    assert not await clock.wake_next(19)
    assert clock() == 10
    assert await clock.wake_next(20)
    assert not await clock.wake_next(100)
    await asyncio.gather(*tasks)


async def test_scaled_clock_runs_faster() -> None:
    clock = ScaledClock(speed=1_000_000, start=500)
    begun = clock()
    assert begun >= 500
    await clock.sleep(10_000)
    assert clock() - begun >= 9_000
    assert "1000000" in repr(clock)


def test_clocks_begin_now_unless_told_otherwise() -> None:
    assert ScaledClock(1).begins_now
    assert ManualClock().begins_now
    assert not ScaledClock(1, start=5).begins_now
    assert not ManualClock(5).begins_now
    assert abs(ScaledClock(1)() - time.time()) < 60


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_speed_is_a_finite_number_above_nothing(speed: float) -> None:
    with pytest.raises(ConfigurationError, match="speed"):
        ScaledClock(speed)
