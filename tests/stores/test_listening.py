"""Listening for events of other processes: what ends it, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

import pytest

from vonage_messages.errors import StoreUnavailableError
from vonage_messages.stores import listening
from vonage_messages.stores.listening import Listening


def unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(str(error))


async def test_listening_goes_on_after_an_error_that_nobody_has_foreseen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "_AGAIN", 0.0)
    times, missed = 0, asyncio.Event()

    async def hear() -> None:
        nonlocal times
        times += 1
        events.begun()
        if times == 1:
            raise UnicodeDecodeError("utf-8", b"secret", 0, 1, "no text")
        await asyncio.get_running_loop().create_future()

    events = Listening(hear, (OSError,), unavailable)
    events.add(lambda _topics: missed.set())
    await events.start()
    async with asyncio.timeout(60):
        await missed.wait()
    await events.stop()
    assert caplog.messages == ["events of other processes are not heard of for now: UnicodeDecodeError"]


async def test_error_that_nobody_has_foreseen_is_raised_where_listening_never_began() -> None:
    async def hear() -> None:
        raise LookupError

    async with asyncio.timeout(60):
        with pytest.raises(LookupError):
            await Listening(hear, (OSError,), unavailable).start()


@pytest.mark.parametrize("event", [True, False])
async def test_listening_ends_though_its_driver_loses_the_cancellation(
    monkeypatch: pytest.MonkeyPatch, event: bool
) -> None:
    # As asyncio.wait_for of Python 3.11 does, where what is waited for comes at the same moment.
    monkeypatch.setattr(listening, "_PATIENCE", 60.0 if event else 0.0)
    ended = False

    async def hear() -> None:
        nonlocal ended
        events.begun()
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            if event:
                events.tell(["a"])
            await asyncio.get_running_loop().create_future()
        finally:
            ended = True

    heard: list[Collection[str]] = []
    events = Listening(hear, (OSError,), unavailable)
    events.add(heard.append)
    await events.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await events.stop()
    assert ended
    assert heard == []
