"""A day of webhook retries without a day of waiting, for clients and verifiers that know the time of day alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import attrs
import pytest
from aiohttp import web

from vonage_messages.auth import ApplicationAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients import Client
from vonage_messages.clock import Clock, ManualClock, ScaledClock, SystemClock
from vonage_messages.errors import AuthenticationError, ConfigurationError, SimulatorError
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.delivery import retry_delays
from vonage_messages.webhooks.signing import SignatureVerifier, WebhookClaims

SMS = Sms(to="447700900000", from_="Acme", text="Hello")
DAY = 24 * 3600.0


@attrs.define
class Hook:
    """A webhook that checks every signature, and is out of order until *works* says otherwise."""

    url: str = ""
    works: Callable[[], bool] = lambda: True
    verifier: SignatureVerifier | None = None
    claims: list[WebhookClaims] = attrs.field(factory=list)
    accepted: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        assert self.verifier is not None
        self.claims.append(self.verifier.verify(request.headers, await request.read()))
        if not self.works():
            return web.Response(status=503)
        self.accepted.set()
        return web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/", hook.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield hook
    await runner.cleanup()


async def test_webhook_is_out_of_order_for_a_day_of_manual_time(hook: Hook) -> None:
    clock = ManualClock()
    begun = clock()
    async with Simulator(inbound_url=hook.url, clock=clock) as simulator:
        hook.verifier = SignatureVerifier(simulator.signature_secret)
        hook.works = lambda: clock() > begun + DAY - 1800
        await simulator.inbound(text="Hello")
        await simulator.advance(DAY)
        tries = simulator.callbacks
        assert simulator.now.timestamp() == pytest.approx(begun + DAY)
    assert [each.status for each in tries] == [503] * (len(tries) - 1) + [200]
    seconds = [round(each.sent_at.timestamp() - begun) for each in tries]
    assert seconds[:5] == [0, 5, 15, 35, 75]
    assert {later - sooner for sooner, later in itertools.pairwise(seconds[10:])} == {900}
    assert len({claims.token_id for claims in hook.claims}) == len(tries) > 90


async def test_webhook_is_out_of_order_for_most_of_a_day_of_scaled_time(hook: Hook) -> None:
    clock = ScaledClock(speed=200_000)
    async with Simulator(inbound_url=hook.url, clock=clock) as simulator:
        hook.verifier = SignatureVerifier(simulator.signature_secret)
        # Counted, not timed: a machine that stands still for a moment misses hours of this clock.
        hook.works = lambda: len(hook.claims) > 90
        begun = clock()
        await simulator.inbound(text="Hello")
        async with asyncio.timeout(60):
            await hook.accepted.wait()
        await simulator.settle(30)
        tries = simulator.callbacks
    assert [each.status for each in tries] == [503] * 90 + [200]
    scheduled = sum(itertools.islice(retry_delays(), 90))
    assert scheduled > 0.8 * DAY
    assert tries[-1].sent_at.timestamp() - begun >= scheduled - 60


async def test_client_may_send_whatever_the_clock_was_moved_by(hook: Hook) -> None:
    clock = ManualClock()
    async with Simulator(status_url=hook.url, clock=clock) as simulator, simulator.client() as client:
        hook.verifier = SignatureVerifier(simulator.signature_secret)
        await client.send(SMS)
        await simulator.advance(3 * DAY)
        await client.send(SMS)
        await simulator.advance(DAY)
        assert [each.status for each in simulator.callbacks] == [200] * 4
        first, second = simulator.messages
        assert (second.received_at - first.received_at).total_seconds() == pytest.approx(3 * DAY)


async def test_verifier_on_the_same_clock_accepts_as_well(hook: Hook) -> None:
    clock = ManualClock()
    async with Simulator(inbound_url=hook.url, clock=clock) as simulator:
        hook.verifier = SignatureVerifier(simulator.signature_secret, clock=clock)
        await simulator.advance(DAY)
        assert (await simulator.inbound(text="Hello")).status == 200


async def test_clock_that_began_elsewhere_is_the_time_of_tokens_and_signatures(hook: Hook) -> None:
    clock = ManualClock(2_000_000_000)
    async with Simulator(inbound_url=hook.url, clock=clock) as simulator:
        hook.verifier = SignatureVerifier(simulator.signature_secret, clock=clock)
        assert (await simulator.inbound(text="Hello")).status == 200
        assert hook.claims[0].issued_at.timestamp() == 2_000_000_000
        auth = ApplicationAuth(simulator.application_id, simulator.private_key, clock=clock)
        async with Client(auth, base_url=simulator.url) as client:
            await client.send(SMS)
        async with simulator.client() as client:
            with pytest.raises(AuthenticationError):
                await client.send(SMS)


async def test_time_of_credentials_may_be_given() -> None:
    clock = ManualClock(1000)
    async with Simulator(clock=clock, credentials_clock=SystemClock()) as simulator, simulator.client() as client:
        await client.send(SMS)
        assert simulator.messages[0].received_at.timestamp() == 1000


@pytest.mark.parametrize("clock", [SystemClock(), ScaledClock(10)])
async def test_only_a_manual_clock_is_moved(clock: Clock) -> None:
    async with Simulator(clock=clock) as simulator:
        with pytest.raises(SimulatorError, match="ManualClock"):
            await simulator.advance(1)


@pytest.mark.parametrize("seconds", [-1, float("inf")])
async def test_time_passes_forward_and_ends(seconds: float) -> None:
    async with Simulator(clock=ManualClock()) as simulator:
        with pytest.raises(ConfigurationError, match="forward"):
            await simulator.advance(seconds)
