"""The heap of what is still to happen: in order, at its time, without a task for each piece of work."""

from __future__ import annotations

import asyncio
import logging

import pytest

from vonage_messages.clock import ManualClock, SystemClock
from vonage_messages.errors import SimulatorError
from vonage_messages.simulator.schedule import Activity, Schedule


def manual(maximum: int = 10_000) -> tuple[ManualClock, Schedule, Activity]:
    clock = ManualClock(1000)
    activity = Activity(clock)
    return clock, Schedule(clock, activity, maximum), activity


async def test_work_is_done_at_its_time_and_in_the_order_of_times() -> None:
    clock, schedule, activity = manual()
    done: list[tuple[float, str]] = []
    for due, name in ((1030.0, "c"), (1010.0, "a"), (1010.0, "b"), (990.0, "late")):
        schedule.add(due, lambda name=name: done.append((clock(), name)))  # type: ignore[misc]
    await activity.settle(60)
    assert done == [(1000, "late")]
    await clock.advance(100)
    assert done == [(1000, "late"), (1010, "a"), (1010, "b"), (1030, "c")]
    assert len(schedule) == clock.sleepers == 0


async def test_work_that_adds_work_is_followed_at_once() -> None:
    clock, schedule, activity = manual()
    times: list[float] = []

    def again() -> None:
        times.append(clock())
        if len(times) < 5:
            schedule.add(clock() + 10, again)

    schedule.add(1010, again)
    await activity.settle(60)
    await clock.advance(1000)
    assert times == [1010, 1020, 1030, 1040, 1050]


async def test_thousands_that_are_due_at_once_are_all_done() -> None:
    _, schedule, activity = manual()
    done: list[int] = []
    for number in range(2000):
        assert schedule.add(1000, lambda number=number: done.append(number))  # type: ignore[misc]
    assert len(asyncio.all_tasks()) == 2
    await activity.settle(30)
    assert done == list(range(2000))


async def test_heap_that_is_full_takes_no_more() -> None:
    _, schedule, _ = manual(maximum=2)
    assert [schedule.add(2000, list) for _ in range(3)] == [True, True, False]
    await schedule.stop()
    assert len(schedule) == 0


async def test_work_that_fails_is_logged_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    _, schedule, activity = manual()
    done: list[int] = []
    schedule.add(1000, lambda: 1 // 0)
    schedule.add(1000, lambda: done.append(1))
    with caplog.at_level(logging.ERROR):
        await activity.settle(60)
    assert done == [1]
    assert "due" in caplog.text


async def test_settling_waits_for_real_time_to_pass() -> None:
    clock = SystemClock()
    activity = Activity(clock)
    schedule = Schedule(clock, activity, 10)
    done: list[int] = []
    schedule.add(clock() + 0.02, lambda: done.append(1))
    await activity.settle(30)
    assert done == [1]
    schedule.add(clock() + 3600, list)
    with pytest.raises(SimulatorError, match="still on their way"):
        await activity.settle(0.01)
    await schedule.stop()
    await activity.settle(60)
