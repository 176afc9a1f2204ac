"""An attempt ends at its deadline, wherever it is by then, and leaves nothing behind that waits."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from vonage_messages import errors
from vonage_messages.clients.deadlines import Deadline, Deadlines
from vonage_messages.clients.transport import Timeout

from .attempts import attempt, transport_to


@pytest.mark.usefixtures("quiet_clock")
async def test_silence_ends_at_the_deadline_and_may_have_been_sent(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)
    with pytest.raises(errors.ResponseLostError, match="not answered in time"):
        await attempt(transport, total=0.2)
    assert len(server.requests) == 1
    await transport.close()


@pytest.mark.usefixtures("quiet_clock")
async def test_body_that_never_ends_is_incomplete_at_the_deadline(tools: Any) -> None:
    async def begin(writer: asyncio.StreamWriter, request: Any) -> bool:
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        return bool(await tools.silence(writer, request))

    server = await tools.server(begin)
    transport = transport_to(server.url)
    got = await attempt(transport, total=0.2)
    assert (got.status, got.body, got.complete) == (202, b"{", False)
    await transport.close()


@pytest.mark.usefixtures("quiet_clock")
async def test_each_attempt_ends_at_its_own_deadline(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)

    ended: list[float] = []

    async def end_after(total: float) -> None:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(errors.ResponseLostError, match="not answered in time"):
            await attempt(transport, total=total)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(total, abs=0.01)
        ended.append(total)

    await asyncio.gather(*map(end_after, [0.4, 0.1, 0.3, 0.2]))
    assert ended == [0.1, 0.2, 0.3, 0.4]
    await transport.close()


async def test_deadline_that_has_passed_ends_an_attempt_at_once(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)
    async with asyncio.timeout(60):
        with pytest.raises(errors.TransportError):
            await attempt(transport, total=-1.0)
    await transport.close()


@pytest.mark.parametrize("order", ["deadline first", "caller first"])
async def test_cancelling_at_the_moment_of_the_deadline_passes(order: str) -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    entered: list[Deadline] = []

    async def wait() -> None:
        deadline = Deadline(deadlines, asyncio.get_running_loop().time() + 60)
        entered.append(deadline)
        with deadline:
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    steps = [entered[0].expire, task.cancel]
    for step in steps if order == "deadline first" else reversed(steps):
        step()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    deadlines.stop()


async def test_expiry_that_came_too_late_leaves_no_cancellation_behind() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    deadline = Deadline(deadlines, asyncio.get_running_loop().time() + 60)

    async def fails_while_it_expires() -> None:
        with deadline:
            try:
                deadline.expire()
                await asyncio.sleep(60)
            finally:
                raise ConnectionResetError

    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(ConnectionResetError):
        await fails_while_it_expires()
    assert task.cancelling() == 0
    deadlines.stop()


@pytest.mark.parametrize("session", ["own", "the caller's"])
async def test_closed_transport_leaves_no_timer_in_its_loop(tools: Any, session: str) -> None:
    server = await tools.server(tools.accepted())
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # asyncio shows its timers nowhere else
    async with aiohttp.ClientSession() as callers:
        transport = transport_to(server.url, **({} if session == "own" else {"session": callers}))
        await attempt(transport)
        assert [timer for timer in timers if "_end_expired" in repr(timer) and not timer.cancelled()]
        await transport.close()
        assert not [timer for timer in timers if "_end_expired" in repr(timer) and not timer.cancelled()]


@pytest.mark.parametrize(
    "options", [{"connect": 0}, {"total": -1}, {"total": float("inf")}, {"connect": None}, {"total": float("nan")}]
)
def test_timeout_must_be_finite(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match=next(iter(options))):
        Timeout(**options)
