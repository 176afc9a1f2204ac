"""The loop in a thread of its own: what is called there comes back, errors too, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vonage_messages import SimulatorError
from vonage_messages.testing import LoopThread


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def fail() -> None:
    await asyncio.sleep(0)
    raise KeyError("a mistake of the caller's")


async def time_out() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


def test_a_plain_function_waits_for_the_result() -> None:
    with LoopThread() as loop:
        pending = loop.submit(double(21))

        assert pending.result() == 42
        assert pending.done
        assert repr(pending) == "<Pending: done>"


async def test_a_coroutine_of_another_loop_awaits_it() -> None:
    with LoopThread() as loop:
        assert await loop.submit(double(21)) == 42


def test_an_error_comes_out_where_it_is_waited_for() -> None:
    with LoopThread() as loop:
        with pytest.raises(KeyError, match="a mistake"):
            loop.submit(fail()).result()
        with pytest.raises(TimeoutError):
            loop.submit(time_out()).result()


def test_a_wait_that_is_too_long_ends_with_a_sentence() -> None:
    with LoopThread() as loop:
        pending = loop.submit(asyncio.Event().wait())
        assert repr(pending) == "<Pending: under way>"

        with pytest.raises(SimulatorError, match="not ended after 0 seconds"):
            pending.result(timeout=0)


def test_a_function_is_called_in_the_thread_of_the_loop() -> None:
    with LoopThread() as loop:
        there = loop.call(threading.current_thread)

        assert there is not threading.current_thread()
        assert loop.call(lambda: loop.call(threading.current_thread)) is there


def test_what_still_runs_is_cancelled_and_the_thread_ends() -> None:
    loop = LoopThread()
    loop.start()
    thread = loop.call(threading.current_thread)
    pending = loop.submit(asyncio.Event().wait())

    loop.stop()
    loop.stop()

    assert not thread.is_alive()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_awaited(pending))


async def _awaited(pending: object) -> None:
    await pending  # type: ignore[misc]


def test_a_loop_that_does_not_run_takes_nothing() -> None:
    with pytest.raises(SimulatorError, match="does not run"):
        LoopThread().call(lambda: None)
