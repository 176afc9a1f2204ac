"""``graceful_shutdown`` in one process; real signals to real programs stand in ``sending/shutdown/test_signals.py``."""

from __future__ import annotations

import asyncio
import signal

import pytest

from vonage_messages import graceful_shutdown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_cancels_the_block_and_ends_the_program_behind_it(number: signal.Signals) -> None:
    before, steps = signal.getsignal(number), []

    async def main() -> None:
        async with graceful_shutdown():
            try:
                signal.raise_signal(number)
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                steps.append("in good order")

    with pytest.raises(SystemExit) as ended:
        await main()
    assert ended.value.code == 128 + number
    assert steps == ["in good order"]
    assert signal.getsignal(number) is before


async def test_block_without_a_signal_is_a_block() -> None:
    async with graceful_shutdown():
        await asyncio.sleep(0)


async def test_cancellation_by_others_and_errors_go_through() -> None:
    async def wait_within() -> None:
        async with graceful_shutdown():
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait_within())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ZeroDivisionError):
        await _fail_behind_a_signal()


async def _fail_behind_a_signal() -> None:
    async with graceful_shutdown():
        signal.raise_signal(signal.SIGTERM)
        raise ZeroDivisionError


async def test_signal_that_comes_as_the_block_ends_cancels_nothing_behind_it() -> None:
    with pytest.raises(SystemExit):
        async with graceful_shutdown():
            signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0)


async def test_in_another_thread_the_block_runs_and_hears_nothing() -> None:
    async def main() -> str:
        async with graceful_shutdown():
            return "done"

    assert await asyncio.to_thread(asyncio.run, main()) == "done"
