"""A queue on a real client, with sockets: the simulator, and small servers that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from vonage_messages import errors
from vonage_messages.auth import BasicAuth
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import TOLERANCE, Rate
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator

AUTH = BasicAuth("abcd1234", "secret")
STALL = 0.01
"""Seconds for which a process must be kept from its work for what it sends to come too close together."""


@contextlib.asynccontextmanager
async def serving(answer: Any, port: int = 0) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_thousand_messages_arrive_once_each(tools: Any) -> None:
    async with (
        Simulator(rate=None) as simulator,
        simulator.client() as client,
        SendQueue(client, limits=Limits.unlimited()) as queue,
    ):
        sent = [
            outcome.sent.message_uuid
            async for outcome in queue.map(tools.sms(number) for number in range(1000))
            if outcome.sent is not None
        ]
    assert len(set(sent)) == 1000
    assert {message.message_uuid for message in simulator.messages} == set(sent)


async def test_account_s_rate_is_kept_at_the_platform(tools: Any, hesitation: Any) -> None:
    """In no window do more arrive than the rate allows, one more, and those that this machine has kept back."""
    async with (
        Simulator(rate=50, burst=2) as simulator,
        simulator.client() as client,
        SendQueue(client, limits=Limits(account=Rate(50))) as queue,
    ):
        began = asyncio.get_running_loop().time()
        outcomes = await queue.send_all(tools.sms(number) for number in range(100))
        lasted = asyncio.get_running_loop().time() - began
    assert all(outcome.sent for outcome in outcomes)
    assert lasted >= 1.9
    # Its bucket holds little, so that the slightest haste is found out, unless this machine has made it.
    assert simulator.throttled == 0 or hesitation.longest > STALL
    instants = [arrival.at for arrival in simulator.arrivals]
    for first, start in enumerate(instants):
        for last in range(first, len(instants)):
            assert last - first + 1 <= 1 + 50 * (instants[last] - start + TOLERANCE + 2 * hesitation.longest)


@pytest.mark.usefixtures("quiet_clock")
async def test_platform_that_is_slower_than_believed_loses_nothing(tools: Any) -> None:
    clock = asyncio.get_running_loop().time  # so that no machine is slower
    async with Simulator(rate=20, burst=10, monotonic=clock) as simulator, simulator.client() as client:
        async with SendQueue(client, limits=Limits(account=Rate(180))) as queue:
            outcomes = await queue.send_all(tools.sms(number) for number in range(40))
        assert simulator.throttled == queue.stats().refused > 0
    assert all(outcome.sent for outcome in outcomes)
    assert len(simulator.messages) == 40
    assert len({message.payload["text"] for message in simulator.messages}) == 40


@pytest.mark.usefixtures("quiet_clock")
async def test_urgent_message_overtakes_a_backlog(tools: Any) -> None:
    async with (
        Simulator(rate=None) as simulator,
        simulator.client() as client,
        SendQueue(client, limits=Limits(account=Rate(100))) as queue,
    ):
        for number in range(2000):
            await queue.put(tools.sms(number, text="newsletter"), priority=Priority.BULK)
        await asyncio.sleep(0.2)
        before = queue.stats().attempts
        await queue.submit(tools.sms(9, text="code"), priority=Priority.HIGH)
        await queue.cancel()
    arrived = [message.payload["text"] for message in simulator.messages]
    assert arrived.index("code") <= before + 3


async def test_order_within_a_pair_is_kept_on_many_connections(tools: Any) -> None:
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        limits = Limits(account=Rate(2000))
        async with SendQueue(client, limits=limits) as queue:
            await queue.send_all(tools.whatsapp(number, to=f"44770090000{number % 3}") for number in range(90))
    for pair in range(3):
        texts = [int(m.payload["text"]) for m in simulator.messages if m.payload["to"] == f"44770090000{pair}"]
        assert texts == sorted(texts)
        assert len(texts) == 30


@pytest.mark.usefixtures("quiet_clock")
async def test_dead_endpoint_is_probed_and_what_waits_goes_when_it_is_back(tools: Any, unused_tcp_port: int) -> None:
    arrived = 0

    async def accept(_request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        return web.json_response({"message_uuid": f"uuid-{arrived}"}, status=202)

    port = unused_tcp_port
    retry = RetryPolicy(attempts=20, budget=1000, base_delay=0.01)
    async with (
        Client(AUTH, base_url=f"http://127.0.0.1:{port}", retry=retry) as client,
        SendQueue(client, limits=Limits.unlimited()) as queue,
    ):
        for number in range(300):
            await queue.put(tools.sms(number))
        await asyncio.sleep(0.5)
        stats = queue.stats()
        assert stats.circuit == "open"
        assert stats.attempts <= 64 + 10
        assert stats.failed == 0
        async with serving(accept, port):
            await asyncio.wait_for(queue.drain(), 60)
        assert queue.stats().accepted == arrived == 300


async def test_answers_that_are_lost_are_never_asked_for_again(tools: Any) -> None:
    arrived = 0

    async def vanish(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with (
        serving(vanish) as port,
        Client(AUTH, base_url=f"http://127.0.0.1:{port}") as client,
        SendQueue(client, limits=Limits.unlimited(), connections=2) as queue,
    ):
        outcomes = await queue.send_all(tools.sms(number) for number in range(5))
    assert {type(outcome.error) for outcome in outcomes} == {errors.ResponseLostError}
    assert arrived == 5
    assert queue.stats().in_doubt == 5


@pytest.mark.usefixtures("quiet_clock")
async def test_wait_for_ends_in_time_while_a_slow_answer_is_awaited(tools: Any) -> None:
    may_answer = asyncio.Event()

    async def slowly(_request: web.Request) -> web.Response:
        await may_answer.wait()
        return web.json_response({"message_uuid": "uuid"}, status=202)

    async with (
        serving(slowly) as port,
        Client(AUTH, base_url=f"http://127.0.0.1:{port}") as client,
        SendQueue(client, limits=Limits.unlimited()) as queue,
    ):
        future = queue.submit(tools.sms(1))
        with pytest.raises(TimeoutError):  # while the answer is still to come
            await asyncio.wait_for(future, 0.1)
        may_answer.set()
    assert queue.stats().accepted == 1


@pytest.mark.usefixtures("quiet_clock")
async def test_platform_that_does_not_answer_costs_one_connection_and_not_the_queue(tools: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        if (await request.json())["text"] == "0":
            await asyncio.sleep(60)
        return web.json_response({"message_uuid": "uuid"}, status=202)

    async with serving(answer) as port:
        timeout = Timeout(connect=1, total=1)
        async with (
            Client(AUTH, base_url=f"http://127.0.0.1:{port}", timeout=timeout) as client,
            SendQueue(client, limits=Limits.unlimited(), connections=2) as queue,
        ):
            outcomes = await queue.send_all(tools.sms(number) for number in range(20))
    assert isinstance(outcomes[0].error, errors.ResponseLostError)
    assert all(outcome.sent for outcome in outcomes[1:])


async def test_older_version_of_the_api_is_used_where_it_is_asked_for(tools: Any) -> None:
    async with (
        Simulator(rate=None) as simulator,
        simulator.client() as client,
        SendQueue(client, limits=Limits.unlimited(), api_version="v0.1") as queue,
    ):
        await queue.submit(tools.sms(1))
    assert simulator.messages[0].version == "v0.1"
