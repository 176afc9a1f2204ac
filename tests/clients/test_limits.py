"""A client that was given limits: its bare sends are paced, and a queue on it charges nothing twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vonage_messages import errors
from vonage_messages.auth import BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator

SMS = Sms(to="447700900000", from_="Acme", text="Hello")
AUTH = BasicAuth("abcd1234", "secret")
RATE = Rate(50)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


async def time_of(*sends: Awaitable[object]) -> float:
    """Measure on a clock that stands still while anything is under way (``quiet_clock``): waiting alone counts."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*sends)
    return loop.time() - began


def paced(messages: int) -> Any:
    """Tell how long so many messages take under ``RATE``."""
    return pytest.approx((messages - 1) / RATE.n, rel=0.05)


async def test_client_without_limits_is_not_paced(simulator: Simulator) -> None:
    async with simulator.client() as client:
        assert client.limiter is None
        await asyncio.gather(*(client.send(SMS) for _ in range(20)))
    assert len(simulator.arrivals) == 20


@pytest.mark.usefixtures("quiet_clock")
async def test_client_with_limits_is_paced(simulator: Simulator) -> None:
    async with simulator.client(limits=Limits(account=RATE)) as client:
        assert await time_of(*(client.send(SMS) for _ in range(25))) == paced(25)


@pytest.mark.usefixtures("quiet_clock")
async def test_attempt_of_a_queue_is_charged_once(simulator: Simulator) -> None:
    async with simulator.client(limits=Limits(account=RATE)) as client, SendQueue(client) as queue:
        assert queue.limiter is client.limiter
        messages = [Sms(to=f"4477009000{n:02}", from_="A", text="x") for n in range(25)]
        assert await time_of(*map(queue.submit, messages)) == paced(25)


@pytest.mark.usefixtures("quiet_clock")
async def test_queue_and_bare_sends_share_the_limits_of_their_client(simulator: Simulator) -> None:
    async with simulator.client(limits=Limits(account=RATE)) as client, SendQueue(client) as queue:
        bare = [client.send(SMS) for _ in range(10)]
        futures = [queue.submit(Sms(to=f"4477009000{n:02}", from_="A", text="x")) for n in range(10)]
        assert await time_of(*bare, *futures) == paced(20)
    assert len(simulator.arrivals) == 20


@pytest.mark.usefixtures("quiet_clock")
async def test_one_limiter_paces_several_clients(simulator: Simulator) -> None:
    limiter = Limiter(Limits(account=RATE))
    async with simulator.client(limits=limiter) as first, simulator.client(limits=limiter) as second:
        assert await time_of(*(client.send(SMS) for client in (first, second) for _ in range(10))) == paced(20)


async def test_send_that_would_have_to_wait_too_long_fails_at_once(simulator: Simulator) -> None:
    limits = Limits(account=Rate(1, per=3600, burst=1))
    retry = RetryPolicy(attempts=1)
    async with simulator.client(limits=limits, timeout=Timeout(connect=60, total=120), retry=retry) as client:
        await client.send(SMS)
        async with asyncio.timeout(60):
            with pytest.raises(errors.LimitTimeoutError) as caught:
                await client.send(SMS)
    assert caught.value.key == "account"
    assert not caught.value.maybe_sent
    assert len(simulator.arrivals) == 1


@pytest.mark.usefixtures("quiet_clock")
async def test_every_repetition_pays_for_its_place(tools: Any) -> None:
    server = await tools.server(tools.answer(429, b"", {"Retry-After": "0"}), tools.accepted())
    limiter = Limiter(Limits(account=Rate(1, per=0.3, burst=1)))
    async with Client(AUTH, base_url=server.url, limits=limiter, retry=RetryPolicy(base_delay=0.0)) as client:
        assert await time_of(client.send(SMS)) == pytest.approx(0.3, rel=0.05)
    assert len(server.requests) == 2


async def test_refusal_slows_the_account_of_everybody(tools: Any) -> None:
    server = await tools.server(tools.answer(429, b"", {"Retry-After": "60"}))
    limiter = Limiter(Limits(account=Rate(30)))
    async with Client(AUTH, base_url=server.url, limits=limiter) as client:
        with pytest.raises(errors.RateLimitedError):
            await client.send(SMS)
    with pytest.raises(errors.LimitTimeoutError):
        await limiter.acquire(SMS, max_wait=5)


async def test_dry_run_takes_no_place(simulator: Simulator) -> None:
    limits = Limits(account=Rate(1, per=3600, burst=1))
    async with simulator.client(limits=limits) as client:
        for _ in range(3):
            await client.send(SMS, dry_run=True)
        await client.send(SMS)


async def test_closed_client_has_kept_its_caps(simulator: Simulator) -> None:
    store = MemoryLimitStore()
    sent = 0
    for _ in range(3):
        limiter = Limiter(Limits(account=Cap(5)), store=store)
        async with simulator.client(limits=limiter, timeout=Timeout(connect=60, total=120)) as client:
            for _ in range(2):
                try:
                    await client.send(SMS)
                except errors.LimitTimeoutError:
                    continue
                sent += 1
    assert sent == 5
    assert len(simulator.messages) == 5


@pytest.mark.parametrize("wrong", [30, "published", Rate(30)])
def test_what_is_no_limits_is_refused(wrong: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="limits must be Limits or a Limiter"):
        Client(AUTH, limits=wrong)  # type: ignore[arg-type]  that it is refused is the point


def test_client_with_a_cap_needs_a_limiter_with_a_store() -> None:
    with pytest.raises(errors.ConfigurationError, match="store="):
        Client(AUTH, limits=Limits.sandbox())


@pytest.mark.usefixtures("quiet_clock")
async def test_time_that_was_waited_for_a_place_is_given_back_to_the_request() -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.json_response({"message_uuid": "u"}, status=202)

    app = web.Application()
    app.router.add_post("/v1/messages", slow)
    async with TestServer(app) as server:
        limits = Limits(account=Rate(1, per=0.8, burst=1))
        options = {"base_url": str(server.make_url("")).rstrip("/"), "timeout": Timeout(connect=0.5, total=0.7)}
        async with Client(AUTH, limits=limits, **options) as client:
            await client.send(SMS)
            assert (await client.send(SMS)).message_uuid == "u"  # 0.5 s of waiting, then 0.3 s for the answer


@pytest.mark.usefixtures("quiet_clock")
async def test_waits_of_repetitions_are_bounded_together(tools: Any) -> None:
    server = await tools.server(tools.accepted(), tools.answer(429, b"", {"Retry-After": "0"}), tools.accepted())
    limits = Limits(account=Rate(1, per=0.5, burst=1))
    options = {"timeout": Timeout(connect=0.5, total=0.8), "retry": RetryPolicy(base_delay=0.0)}
    async with Client(AUTH, base_url=server.url, limits=limits, **options) as client:
        await client.send(SMS)
        with pytest.raises(errors.LimitTimeoutError) as caught:
            await client.send(SMS)  # waits 0.5 s, and for its repetition has 0.3 s left
    assert caught.value.max_wait < 0.5
    assert len(server.requests) == 2


async def test_threads_that_send_at_once_through_one_paced_client_never_hang(simulator: Simulator) -> None:
    client = simulator.client(limits=Limits(account=RATE))
    together = threading.Barrier(8)

    async def send() -> str:
        together.wait(timeout=60)
        try:
            await client.send(SMS)
        except RuntimeError as error:
            return str(error)
        finally:
            together.wait(timeout=60)  # a loop that has ended by then would leave the limits to the next
        return "sent"

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(8) as threads:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(loop.run_in_executor(threads, asyncio.run, send()) for _ in range(8)))
    assert answers.count("sent") == len(simulator.messages) == 1
    assert all("in use on another event loop" in answer for answer in answers if answer != "sent")


async def test_loops_one_after_another_send_through_one_paced_client(simulator: Simulator) -> None:
    client = simulator.client(limits=Limits(account=RATE))
    for _ in range(3):
        await asyncio.to_thread(asyncio.run, client.send(SMS))
    assert len(simulator.messages) == 3
